//! Units of systemd as resources: starts, stops and looks at one unit over D-Bus, in the words of OCF.
//!
//! Runs as a process of its own (`systole systemd-unit CLASS ACTION UNIT`), one for each call, as every other agent
//! does: so its time, its end and its record are the business of the root role, and a bus that hangs blocks nobody.

mod bus;
mod overrides;
mod unit;

use bus::{Bus, Problem};
use model::AgentExit;
use std::time::Duration;
pub use unit::{UnitName, metadata};

/// How a call ended; the reason is what people are shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub exit: AgentExit,
    pub reason: Option<String>,
}

impl Answer {
    fn ok() -> Self {
        Self { exit: AgentExit::OK, reason: None }
    }

    fn because(exit: AgentExit, reason: impl Into<String>) -> Self {
        Self { exit, reason: Some(reason.into()) }
    }
}

/// How often a unit that is between two states is looked at again, at first and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Runs one action on a unit and blocks until it has ended; how long that may take is bounded by the caller, who kills
/// this process. `is_service`: the resource is of class `service`, whose unit must exist to be looked at.
pub fn run(action: &str, unit: &str, is_service: bool) -> Answer {
    let Some(name) = UnitName::parse(unit) else {
        return Answer::because(AgentExit::NOT_CONFIGURED, format!("{unit:?} is no name of a unit"));
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Answer::because(AgentExit::ERROR, error.to_string()),
    };
    runtime.block_on(carry_out(action, &name, is_service)).unwrap_or_else(|problem| answer_of(action, &name, problem))
}

/// Returns the units that can be resources, sorted; services without their suffix.
///
/// # Errors
/// Why systemd could not be asked.
pub fn units() -> Result<Vec<String>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let asked = runtime.block_on(async { Bus::connect().await?.unit_files().await });
    let mut names: Vec<String> = asked.map_err(|problem| problem.to_string())?.iter().filter_map(|path| unit::listed(path)).collect();
    names.sort_by_key(|name| name.to_lowercase());
    names.dedup();
    Ok(names)
}

async fn carry_out(action: &str, name: &UnitName, is_service: bool) -> Result<Answer, Problem> {
    if action == "meta-data" {
        let described = match Bus::connect().await {
            Ok(bus) => bus.description(name).await.ok(),
            Err(_) => None,
        };
        print!("{}", metadata(name, described.as_deref()));
        return Ok(Answer::ok());
    }
    let bus = Bus::connect().await?;
    match action {
        "monitor" | "status" if is_service && !bus.exists(name).await? => {
            Ok(Answer::because(AgentExit::NOT_INSTALLED, format!("there is neither an init script nor a unit {name}")))
        }
        "monitor" | "status" => monitor(&bus, name).await,
        "start" => {
            overrides::write(name).map_err(|error| Problem::Local(format!("failed to write the override of {name}: {error}")))?;
            bus.reload().await?;
            bus.run_job("StartUnit", name).await
        }
        "stop" => {
            if overrides::remove(name) {
                bus.reload().await?;
            }
            bus.run_job("StopUnit", name).await
        }
        "restart" => bus.run_job("RestartUnit", name).await,
        "validate-all" => Ok(match bus.exists(name).await? {
            true => Answer::ok(),
            false => Answer::because(AgentExit::NOT_INSTALLED, format!("there is no unit {name}")),
        }),
        other => Ok(Answer::because(AgentExit::UNIMPLEMENTED, format!("a unit of systemd knows no action {other}"))),
    }
}

/// Compat: between two states a unit is looked at again until it has arrived, or the operation's time is up.
async fn monitor(bus: &Bus, name: &UnitName) -> Result<Answer, Problem> {
    let mut wait = LOOK_AGAIN.0;
    loop {
        let state = match bus.active_state(name).await {
            Ok(state) => state,
            // systemd is executing itself anew; it will be back.
            Err(problem) if problem.is_restart() => "activating".to_owned(),
            Err(problem) => return Err(problem),
        };
        match state.as_str() {
            "active" | "reloading" | "refreshing" => return Ok(Answer::ok()),
            "activating" | "deactivating" => {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LOOK_AGAIN.1);
            }
            other => return Ok(Answer::because(AgentExit::NOT_RUNNING, other)),
        }
    }
}

/// Compat: a unit that does not exist cannot be started, but counts as stopped.
fn answer_of(action: &str, name: &UnitName, problem: Problem) -> Answer {
    match problem {
        Problem::NoSuchUnit if action == "stop" => Answer::ok(),
        Problem::NoSuchUnit => Answer::because(AgentExit::NOT_INSTALLED, format!("systemd unit {name} not found")),
        Problem::Denied(text) => Answer::because(AgentExit::INSUFFICIENT_PRIVILEGE, text),
        other => Answer::because(AgentExit::ERROR, other.to_string()),
    }
}
