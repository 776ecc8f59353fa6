//! The agents of an imagined host: how long they take, how they end, and what they really do.

use crate::host::Truth;
use crate::outcome::Ending;
use crate::random::Random;
use messages::agent::{AgentCall, AgentOutcome};
use std::time::Duration;

/// How well agents and devices work at present.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Health {
    /// Of a hundred runs of a resource's agent so many fail.
    pub failing: u32,
    /// … take seconds.
    pub slow: u32,
    /// … hang until their time is up.
    pub hanging: u32,
    /// Of a hundred runs of a fence device so many fail.
    pub device_failing: u32,
}

const META_DATA: &str = r#"<?xml version="1.0"?><resource-agent name="Dummy" version="1.0"><version>1.1</version><longdesc lang="en">Does nothing.</longdesc><shortdesc lang="en">Does nothing.</shortdesc><parameters><parameter name="state" unique="1"><longdesc lang="en">A file.</longdesc><shortdesc lang="en">A file</shortdesc><content type="string" default=""/></parameter></parameters><actions><action name="start" timeout="20s"/><action name="stop" timeout="20s"/><action name="monitor" timeout="20s" interval="10s" depth="0"/><action name="meta-data" timeout="5s"/></actions></resource-agent>"#;

/// Decides how a run will go, when it begins.
pub(crate) fn ending(call: &AgentCall, now_active: Option<Truth>, health: Health, random: &mut Random) -> Ending {
    let quick = random.millis(2, 120);
    let done = |code: i32| AgentOutcome::Exited(code);
    let plain = |after: Duration, code: i32| Ending { after, outcome: done(code), stdout: String::new(), leaves: None };
    if matches!(call.action.as_str(), "meta-data" | "metadata") {
        return Ending { stdout: META_DATA.to_owned(), ..plain(quick, 0) };
    }
    if call.agent.class == "stonith" {
        let fails = random.percent(health.device_failing);
        let after = random.millis(50, 900);
        return plain(after, i32::from(fails));
    }
    let is_active = now_active.is_some();
    if random.percent(health.hanging) {
        let leaves = match call.action.as_str() {
            "start" => Some(random.percent(50).then_some(Truth::Active)),
            _ => None,
        };
        return Ending { after: call.timeout, outcome: AgentOutcome::TimedOut, stdout: String::new(), leaves };
    }
    let after = if random.percent(health.slow) { random.millis(500, 3000) } else { quick };
    let fails = random.percent(health.failing);
    match call.action.as_str() {
        "start" if fails => Ending { leaves: Some(random.percent(40).then_some(Truth::Active)), ..plain(after, 1) },
        "start" => Ending { leaves: Some(Some(Truth::Active)), ..plain(after, 0) },
        "stop" if fails && is_active => Ending { leaves: Some(Some(Truth::Active)), ..plain(after, 1) },
        "stop" => Ending { leaves: Some(None), ..plain(after, 0) },
        "monitor" if fails && is_active => plain(after, 1),
        // What a probe finds is read at its end.
        "monitor" => Ending { outcome: AgentOutcome::Exited(i32::MIN), ..plain(after, 0) },
        _ => plain(after, 0),
    }
}
