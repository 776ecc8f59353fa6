//! What an agent's end means: the standard of the agent and the operation give its exit code a sense.

use messages::agent::{AgentName, AgentOutcome, AgentResult};
use messages::operation::OperationOrder;
use model::{AgentExit, ExecutionStatus};
use std::time::Duration;

/// How much of what an agent wrote stands for a reason that it did not give, in characters.
const SAID_MAX: usize = 200;

/// An operation's result in the words of the history.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Verdict {
    pub status: ExecutionStatus,
    pub exit: AgentExit,
    pub reason: Option<String>,
}

impl Verdict {
    pub fn done(exit: AgentExit) -> Self {
        Self { status: ExecutionStatus::Done, exit, reason: None }
    }

    pub fn failed(status: ExecutionStatus, exit: AgentExit, reason: impl Into<String>) -> Self {
        Self { status, exit, reason: Some(reason.into()) }
    }

    /// Returns the verdict on an operation that did not end in time. Compat: the words of 2.1.5.
    pub fn timed_out(timeout: Duration) -> Self {
        let reason = format!("Resource agent did not complete within {}", readable(timeout));
        Self::failed(ExecutionStatus::Timeout, AgentExit::ERROR, reason)
    }
}

/// Returns what the end of an agent's run means for its operation.
pub(crate) fn verdict(order: &OperationOrder, result: &AgentResult) -> Verdict {
    let agent = &order.agent;
    match &result.outcome {
        AgentOutcome::Exited(code) if agent.class == "stonith" => device_verdict(*code, result),
        AgentOutcome::Exited(code) => {
            let exit = exit_of(agent, &order.operation, *code);
            let given = result.exit_reason.clone().filter(|reason| !reason.is_empty());
            // Compat: C-520. Without it a person would have to look for the agent's own words in the log of the right host.
            let reason = given.or_else(|| (*code != 0).then(|| last_line(&result.stderr)).flatten());
            Verdict { status: ExecutionStatus::Done, exit, reason }
        }
        AgentOutcome::Signalled(signal) => {
            Verdict::failed(ExecutionStatus::Error, AgentExit::ERROR, format!("{agent} was interrupted by signal {signal}"))
        }
        AgentOutcome::TimedOut => Verdict::timed_out(order.timeout),
        AgentOutcome::Cancelled => Verdict { status: ExecutionStatus::Cancelled, exit: AgentExit::UNKNOWN, reason: None },
        AgentOutcome::NotInstalled => {
            Verdict::failed(ExecutionStatus::NotInstalled, AgentExit::NOT_INSTALLED, format!("{agent} is not installed on this node"))
        }
        AgentOutcome::FailedToStart(why) => {
            Verdict::failed(ExecutionStatus::Error, AgentExit::ERROR, format!("{agent} could not be run: {why}"))
        }
        AgentOutcome::Lost => {
            Verdict::failed(ExecutionStatus::Error, AgentExit::ERROR, "the outcome is not known: what ran the agent ended before it")
        }
    }
}

/// Fence agents know only success and failure; the last line they wrote says why.
fn device_verdict(code: i32, result: &AgentResult) -> Verdict {
    if code == 0 {
        return Verdict::done(AgentExit::OK);
    }
    let said = last_line(&result.stderr).or_else(|| last_line(&result.stdout));
    let reason = said.unwrap_or_else(|| format!("the fence agent exited with {code}"));
    Verdict::failed(ExecutionStatus::Error, AgentExit::ERROR, reason)
}

/// Returns the last words that were written, if any.
fn last_line(text: &str) -> Option<String> {
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(SAID_MAX).collect())
}

/// Returns an exit code in the sense of OCF. LSB scripts have codes of their own, other ones for `status`.
fn exit_of(agent: &AgentName, operation: &str, code: i32) -> AgentExit {
    if !matches!(agent.class.as_str(), "lsb" | "service") {
        return AgentExit(code);
    }
    if matches!(operation, "monitor" | "status") {
        return match code {
            0 => AgentExit::OK,
            1..=3 => AgentExit::NOT_RUNNING,
            150 => AgentExit::NOT_INSTALLED,
            151 => AgentExit::INSUFFICIENT_PRIVILEGE,
            _ => AgentExit::ERROR,
        };
    }
    if (0..=7).contains(&code) { AgentExit(code) } else { AgentExit::ERROR }
}

/// Writes a time as the field's messages do: `20s`, `1m30s`, `500ms`.
pub(crate) fn readable(duration: Duration) -> String {
    let ms = duration.as_millis() as u64;
    let (hours, minutes, seconds, rest) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
    let mut text = String::new();
    if hours > 0 {
        text += &format!("{hours}h");
    }
    if minutes > 0 {
        text += &format!("{minutes}m");
    }
    match (seconds, rest) {
        (0, 0) if !text.is_empty() => {}
        (0, 0) => text += "0s",
        (0, rest) => text += &format!("{rest}ms"),
        (seconds, 0) => text += &format!("{seconds}s"),
        (seconds, rest) => text += &format!("{seconds}.{rest:03}s"),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lsb_codes_get_the_sense_of_ocf() {
        let lsb = AgentName { class: "lsb".into(), provider: None, kind: "web".into() };
        for (operation, code, exit) in [
            ("monitor", 3, 7),
            ("monitor", 0, 0),
            ("monitor", 4, 1),
            ("monitor", 150, 5),
            ("start", 5, 5),
            ("start", 42, 1),
            ("stop", 0, 0),
        ] {
            assert_eq!(exit_of(&lsb, operation, code), AgentExit(exit), "{operation} {code}");
        }
        let ocf = AgentName { class: "ocf".into(), provider: Some("heartbeat".into()), kind: "web".into() };
        assert_eq!(exit_of(&ocf, "monitor", 190), AgentExit::DEGRADED);
    }

    #[test]
    fn times_are_readable() {
        for (ms, text) in [(20_000, "20s"), (90_000, "1m30s"), (500, "500ms"), (60_000, "1m"), (0, "0s"), (3_600_000, "1h")] {
            assert_eq!(readable(Duration::from_millis(ms)), text);
        }
    }
}
