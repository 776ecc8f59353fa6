//! `HealthCPU`, `HealthIOWait` and `HealthSMART`: agents that tell by a health attribute how the node's hardware does.

use crate::watchers::{ACTIONS, DAMPEN, Values, parameter, watch};
use crate::{Agent, Call, Failure};
use model::AgentExit;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Compat: parameters and attributes of all three are those of the agents of the same names in `ocf:pacemaker`.
pub(crate) const HEALTH_CPU: Agent = Agent {
    name: "HealthCPU",
    short: "Tells by a health attribute whether the processors are busy",
    long: "Sets #health-cpu to red, yellow or green by the share of time that the processors are idle.",
    parameters: &[
        parameter("yellow_limit", "integer", Some("50"), "Below this idle share in percent the node is yellow"),
        parameter("red_limit", "integer", Some("10"), "Below this idle share in percent the node is red"),
        DAMPEN,
    ],
    actions: ACTIONS,
    run: |call| watch(call, &["#health-cpu".to_owned()], cpu),
};

pub(crate) const HEALTH_IO_WAIT: Agent = Agent {
    name: "HealthIOWait",
    short: "Tells by a health attribute whether the processors wait for disks",
    long: "Sets #health-iowait to red, yellow or green by the share of time that the processors wait for input and output.",
    parameters: &[
        parameter("yellow_limit", "integer", Some("10"), "Above this share in percent the node is yellow"),
        parameter("red_limit", "integer", Some("15"), "Above this share in percent the node is red"),
        parameter("dampening", "time", Some("5s"), "How long to wait for further changes before the attribute is written"),
    ],
    actions: ACTIONS,
    run: |call| watch(call, &["#health-iowait".to_owned()], io_wait),
};

pub(crate) const HEALTH_SMART: Agent = Agent {
    name: "HealthSMART",
    short: "Tells by a health attribute what the disks say of themselves",
    long: "Sets #health-smart to red when smartctl reports that a disk fails or is too hot or cold, yellow when it is nearly so, else green.",
    parameters: &[
        parameter("drives", "string", Some("/dev/sda"), "The disks, separated by blanks"),
        parameter("devices", "string", None, "Kinds of disks as smartctl -d takes them, separated by blanks"),
        parameter("temp_lower_limit", "integer", Some("0"), "Below this temperature in degrees Celsius the node is red"),
        parameter("temp_upper_limit", "integer", Some("60"), "Above this temperature in degrees Celsius the node is red"),
        parameter("temp_warning", "integer", Some("5"), "This close to a limit the node is yellow"),
        parameter("smartctl", "string", Some("/usr/sbin/smartctl"), "The program that asks the disks"),
        DAMPEN,
    ],
    actions: ACTIONS,
    run: |call| watch(call, &["#health-smart".to_owned()], smart),
};

/// Ticks of all processors: idle, waiting, and in all.
struct Ticks {
    idle: u64,
    waiting: u64,
    all: u64,
}

fn ticks() -> Result<Ticks, Failure> {
    let text = std::fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    let fields: Vec<u64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    let of = |place: usize| fields.get(place).copied().unwrap_or(0);
    Ok(Ticks { idle: of(3), waiting: of(4), all: fields.iter().sum() })
}

/// Returns the shares in percent that the processors are idle and waiting, over half a second.
fn shares() -> Result<(u64, u64), Failure> {
    let before = ticks()?;
    std::thread::sleep(Duration::from_millis(500));
    let after = ticks()?;
    let all = after.all.saturating_sub(before.all).max(1);
    Ok((100 * after.idle.saturating_sub(before.idle) / all, 100 * after.waiting.saturating_sub(before.waiting) / all))
}

fn limit(call: &Call, key: &str) -> Result<i64, Failure> {
    let text = call.parameter(key).unwrap_or_default();
    text.parse().map_err(|_| Failure::new(AgentExit::NOT_CONFIGURED, format!("{key} is {text:?}, which is no whole number")))
}

fn cpu(call: &Call) -> Result<Values, Failure> {
    let (yellow, red) = (limit(call, "yellow_limit")?, limit(call, "red_limit")?);
    let idle = shares()?.0 as i64;
    Ok(vec![("#health-cpu".to_owned(), color(-idle, -yellow, -red).to_owned())])
}

fn io_wait(call: &Call) -> Result<Values, Failure> {
    let (yellow, red) = (limit(call, "yellow_limit")?, limit(call, "red_limit")?);
    let waiting = shares()?.1 as i64;
    Ok(vec![("#health-iowait".to_owned(), color(waiting, yellow, red).to_owned())])
}

/// Returns the color of a value whose excess is bad.
fn color(value: i64, yellow: i64, red: i64) -> &'static str {
    if value > red {
        "red"
    } else if value > yellow {
        "yellow"
    } else {
        "green"
    }
}

fn smart(call: &Call) -> Result<Values, Failure> {
    let program = call.required("smartctl")?;
    let limits = (limit(call, "temp_lower_limit")?, limit(call, "temp_upper_limit")?, limit(call, "temp_warning")?);
    let drives = call.required("drives")?;
    let kinds = call.parameter("devices").unwrap_or_default();
    let kinds: Vec<Option<&str>> = if kinds.trim().is_empty() { vec![None] } else { kinds.split_whitespace().map(Some).collect() };
    let mut worst = "green";
    for drive in drives.split_whitespace() {
        for kind in &kinds {
            let mut command = Command::new(&program);
            if let Some(kind) = kind {
                command.args(["-d", kind]);
            }
            let output = command.args(["-H", "-A", drive]).stdin(Stdio::null()).stderr(Stdio::null()).output();
            let output = output.map_err(|error| Failure::new(AgentExit::NOT_INSTALLED, format!("failed to run {program}: {error}")))?;
            worst = match (worst, health(&String::from_utf8_lossy(&output.stdout), limits)) {
                ("red", _) | (_, "red") => "red",
                ("yellow", _) | (_, "yellow") => "yellow",
                _ => "green",
            };
        }
    }
    Ok(vec![("#health-smart".to_owned(), worst.to_owned())])
}

/// Returns the color that a report of smartctl means; `limits` are lower, upper and how near is a warning.
fn health(report: &str, (lower, upper, near): (i64, i64, i64)) -> &'static str {
    if !report.contains("self-assessment test result: PASSED") {
        return "red";
    }
    // Attribute 194 is the temperature, its raw value the tenth column.
    let line = report.lines().find(|line| line.trim_start().starts_with("194 "));
    match line.and_then(|line| line.split_whitespace().nth(9)?.parse::<i64>().ok()) {
        Some(degrees) if degrees < lower || degrees > upper => "red",
        Some(degrees) if degrees < lower + near || degrees > upper - near => "yellow",
        _ => "green",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_color_follows_the_limits() {
        for (idle, expected) in [(5, "red"), (10, "yellow"), (49, "yellow"), (50, "green")] {
            assert_eq!(color(-idle, -50, -10), expected, "{idle} idle");
        }
        for (waiting, expected) in [(10, "green"), (11, "yellow"), (15, "yellow"), (16, "red")] {
            assert_eq!(color(waiting, 10, 15), expected, "{waiting} waiting");
        }
    }

    #[test]
    fn a_disk_is_judged_by_its_word_and_its_temperature() {
        let report = |degrees: &str| {
            format!(
                "SMART overall-health self-assessment test result: PASSED\n194 Temperature_Celsius 0x0022 067 045 000 Old_age Always - {degrees} (Min/Max 20/45)\n"
            )
        };
        for (degrees, expected) in [("33", "green"), ("56", "yellow"), ("61", "red"), ("4", "yellow")] {
            assert_eq!(health(&report(degrees), (0, 60, 5)), expected, "{degrees}");
        }
        assert_eq!(health("SMART overall-health self-assessment test result: FAILED!", (0, 60, 5)), "red");
        assert_eq!(health("SMART overall-health self-assessment test result: PASSED", (0, 60, 5)), "green");
    }

    #[test]
    fn the_processors_have_run() {
        let ticks = ticks().unwrap();
        assert!(ticks.all > 0 && ticks.idle <= ticks.all);
    }
}
