//! Scenarios: one step a line, `#` begins a comment. The words are the same as at the prompt.

use anyhow::Context;
use model::parse_interval;
use std::time::Duration;

/// Which host a step is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    Named(String),
    /// The coordinator.
    Coordinator,
    /// The host that a resource runs on.
    HostOf(String),
    /// Every host that is on.
    All,
}

/// Something done to the cluster from outside, or an expectation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Crash(Target),
    Boot(Target),
    Freeze(Target),
    Thaw(Target),
    Cut(Target),
    Heal,
    KillDaemon(Target),
    KillRootRole(Target),
    KillHub,
    KillResource(String),
    /// Fills the disk that keeps the node's CIB; there must be one of its own, small enough.
    FillDisk(Target),
    FreeDisk(Target),
    Standby(Target),
    Online(Target),
    Shutdown(Target),
    /// Makes the power switch refuse (or work again).
    Fencing {
        works: bool,
    },
    /// Waits until the cluster is idle and the service answers.
    Wait,
    /// Lets time pass.
    Pause(Duration),
    /// The resource runs on this host (or, without one, anywhere).
    Expect {
        resource: String,
        on: Option<Target>,
    },
    /// The resource runs nowhere.
    ExpectStopped(String),
    /// A client of the resource gets no answer, as must be while it may not be recovered.
    ExpectUnanswered(String),
    /// A client of `resource` has its answer back while `slow` is still not active.
    AnswersBefore {
        slow: String,
        resource: String,
    },
    /// Runs one of our own commands on a live node and shows what it prints.
    Run(Vec<String>),
    /// The same, and what it prints must contain this text.
    Shows {
        command: Vec<String>,
        text: String,
    },
    Status,
    Help,
    Quit,
}

/// What can be typed, for the prompt's help.
pub(crate) const HELP: &str = "\
crash NODE         cut its power            boot NODE         switch it on
freeze NODE        stop it where it is      thaw NODE         let it go on
cut NODE           cut its network          heal              mend the network
kill-daemon NODE   kill only its daemon     kill-root NODE    kill only its root role
kill-hub           kill the hub             kill-resource R   kill a resource's process
standby NODE       move everything away     online NODE       end standby
fill-disk NODE     fill its (own, small) disk    free-disk NODE    make room again
shutdown NODE      shut it down cleanly     fencing off|on    break or mend the power switch
wait               until all is well        pause 2s          let time pass
expect R [on NODE] | expect R stopped | expect R unanswered (by its client)
answers-before SLOW R    R answers its client again while SLOW is not active yet
run COMMAND …      systole's own commands, e.g. run explain web
shows COMMAND … : TEXT   the same, and TEXT must be in what it prints
status             who is what              quit              end the sandbox
NODE is a name, its number, `coordinator`, `host-of RESOURCE` or `all`.
";

/// The scenario of `--script demo`: what an administrator fears most, one after another.
pub(crate) const DEMO: &str = "\
wait
crash host-of web
wait
expect web
boot all
wait
kill-resource web
wait
kill-daemon host-of web
wait
standby host-of web
wait
online all
wait
shutdown host-of web
wait
expect web
";

/// Reads a scenario; an error names the line and what would be right.
pub(crate) fn parse(text: &str, name: &str) -> anyhow::Result<Vec<Step>> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.split('#').next().unwrap_or_default().trim()))
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| step(line).with_context(|| format!("{name}, line {number}: {line:?}")))
        .collect()
}

/// Reads one step.
pub(crate) fn step(line: &str) -> anyhow::Result<Step> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (verb, rest) = words.split_first().context("a step is missing")?;
    Ok(match (*verb, rest) {
        ("crash", rest) => Step::Crash(target(rest)?),
        ("boot", rest) => Step::Boot(target(rest)?),
        ("freeze", rest) => Step::Freeze(target(rest)?),
        ("thaw", rest) => Step::Thaw(target(rest)?),
        ("cut", rest) => Step::Cut(target(rest)?),
        ("heal", []) => Step::Heal,
        ("kill-daemon", rest) => Step::KillDaemon(target(rest)?),
        ("kill-root", rest) => Step::KillRootRole(target(rest)?),
        ("kill-hub", []) => Step::KillHub,
        ("fill-disk", rest) => Step::FillDisk(target(rest)?),
        ("free-disk", rest) => Step::FreeDisk(target(rest)?),
        ("kill-resource", [resource]) => Step::KillResource((*resource).to_owned()),
        ("standby", rest) => Step::Standby(target(rest)?),
        ("online", rest) => Step::Online(target(rest)?),
        ("shutdown", rest) => Step::Shutdown(target(rest)?),
        ("fencing", ["off"]) => Step::Fencing { works: false },
        ("fencing", ["on"]) => Step::Fencing { works: true },
        ("wait", []) => Step::Wait,
        ("pause", [time]) => Step::Pause(parse_interval(time).with_context(|| format!("{time:?} is not a time such as 2s or 500ms"))?),
        ("expect", [resource, "stopped"]) => Step::ExpectStopped((*resource).to_owned()),
        ("expect", [resource, "unanswered"]) => Step::ExpectUnanswered((*resource).to_owned()),
        ("expect", [resource]) => Step::Expect { resource: (*resource).to_owned(), on: None },
        ("expect", [resource, "on", rest @ ..]) => Step::Expect { resource: (*resource).to_owned(), on: Some(target(rest)?) },
        ("answers-before", [slow, resource]) => Step::AnswersBefore { slow: (*slow).to_owned(), resource: (*resource).to_owned() },
        ("run", rest) if !rest.is_empty() => Step::Run(rest.iter().map(|word| (*word).to_owned()).collect()),
        ("shows", rest) => {
            let (command, text) = line.split_once(" : ").context("`shows` wants COMMAND : TEXT")?;
            anyhow::ensure!(rest.len() > 1, "`shows` wants COMMAND : TEXT");
            let command = command.split_whitespace().skip(1).map(str::to_owned).collect();
            Step::Shows { command, text: text.trim().to_owned() }
        }
        ("status", []) => Step::Status,
        ("help" | "?", []) => Step::Help,
        ("quit" | "exit" | "q", []) => Step::Quit,
        _ => anyhow::bail!("this is no step; `help` lists them"),
    })
}

fn target(words: &[&str]) -> anyhow::Result<Target> {
    Ok(match words {
        ["coordinator" | "dc"] => Target::Coordinator,
        ["all"] => Target::All,
        ["host-of", resource] => Target::HostOf((*resource).to_owned()),
        [name] => Target::Named((*name).to_owned()),
        _ => anyhow::bail!("one node is needed: its name, its number, `coordinator`, `host-of RESOURCE` or `all`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_is_a_scenario() {
        assert!(parse(DEMO, "demo").unwrap().len() > 10);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let error = format!("{:#}", parse("wait\ncrash\n", "x.scenario").unwrap_err());
        assert!(error.contains("x.scenario, line 2") && error.contains("one node is needed"), "{error}");
        assert!(parse("dance node1", "x").is_err());
    }

    #[test]
    fn steps_are_read() {
        for (line, expected) in [
            ("crash host-of web", Step::Crash(Target::HostOf("web".into()))),
            ("expect web on node2 # moved", Step::Expect { resource: "web".into(), on: Some(Target::Named("node2".into())) }),
            ("pause 500ms", Step::Pause(Duration::from_millis(500))),
        ] {
            assert_eq!(parse(line, "x").unwrap(), [expected]);
        }
    }
}
