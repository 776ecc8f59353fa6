//! The agents of an imagined host: how long they take, how they end, and what they really do.

use crate::host::Truth;
use crate::outcome::Ending;
use crate::random::Random;
use messages::agent::{AgentCall, AgentOutcome};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How well agents and devices work at present.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Health {
    /// Of a hundred runs of a resource's agent so many fail.
    pub failing: u32,
    /// … take seconds.
    pub slow: u32,
    /// … hang until their time is up.
    pub hanging: u32,
    /// Of a hundred runs of a fence device so many fail, half of them after the power is off.
    pub device_failing: u32,
    /// … take many seconds, or end only when their time is up although the power went long before.
    pub device_slow: u32,
    /// Of a hundred starts and recurring monitors so many say what is not so.
    pub lying: u32,
}

const META_DATA: &str = r#"<?xml version="1.0"?><resource-agent name="Dummy" version="1.0"><version>1.1</version><longdesc lang="en">Does nothing.</longdesc><shortdesc lang="en">Does nothing.</shortdesc><parameters><parameter name="state" unique="1"><longdesc lang="en">A file.</longdesc><shortdesc lang="en">A file</shortdesc><content type="string" default=""/></parameter></parameters><actions><action name="start" timeout="20s"/><action name="stop" timeout="20s"/><action name="promote" timeout="20s"/><action name="demote" timeout="20s"/><action name="notify" timeout="20s"/><action name="migrate_to" timeout="20s"/><action name="migrate_from" timeout="20s"/><action name="monitor" timeout="20s" interval="10s" depth="0"/><action name="meta-data" timeout="5s"/></actions></resource-agent>"#;

/// Decides how a run will go, when it begins.
pub(crate) fn ending(call: &AgentCall, now_active: Option<Truth>, health: Health, random: &mut Random) -> Ending {
    let quick = random.millis(2, 120);
    let done = |code: i32| AgentOutcome::Exited(code);
    let plain = |after: Duration, code: i32| Ending { after, outcome: done(code), stdout: String::new(), cuts_after: None, leaves: None };
    if matches!(call.action.as_str(), "meta-data" | "metadata") {
        return Ending { stdout: META_DATA.to_owned(), ..plain(quick, 0) };
    }
    if call.agent.class == "stonith" {
        return device(call, health, random);
    }
    let is_active = now_active.is_some();
    if random.percent(health.hanging) {
        let leaves = match call.action.as_str() {
            "start" => Some(random.percent(50).then_some(Truth::Active)),
            "promote" if is_active => Some(Some(if random.percent(50) { Truth::Promoted } else { Truth::Active })),
            "demote" if is_active => Some(Some(if random.percent(50) { Truth::Active } else { Truth::Promoted })),
            _ => None,
        };
        return Ending { outcome: AgentOutcome::TimedOut, leaves, ..plain(call.timeout, 1) };
    }
    let after = if random.percent(health.slow) { random.millis(500, 3000) } else { quick };
    let fails = random.percent(health.failing);
    // A stop or a probe that lies would be the agent's own breach of S1, whatever the cluster does.
    if random.percent(health.lying) {
        match call.action.as_str() {
            "start" => return Ending { leaves: Some(None), ..plain(after, 0) },
            "monitor" if recurs(call) && is_active => return plain(after, 7),
            "monitor" if recurs(call) => return plain(after, 0),
            _ => {}
        }
    }
    match call.action.as_str() {
        "start" if fails => Ending { leaves: Some(random.percent(40).then_some(Truth::Active)), ..plain(after, 1) },
        "start" => Ending { leaves: Some(Some(Truth::Active)), ..plain(after, 0) },
        "promote" if !is_active => plain(after, 7),
        "promote" if fails => plain(after, 1),
        "promote" => Ending { leaves: Some(Some(Truth::Promoted)), ..plain(after, 0) },
        "demote" if !is_active => plain(after, 7),
        "demote" if fails => plain(after, 1),
        "demote" => Ending { leaves: Some(Some(Truth::Active)), ..plain(after, 0) },
        // Where it goes to is brought about by the world.
        "migrate_to" if fails || !is_active => plain(after, 1),
        "migrate_to" => Ending { leaves: Some(None), ..plain(after, 0) },
        "migrate_from" if fails || !is_active => plain(after, 1),
        "stop" if fails && is_active => Ending { leaves: Some(now_active), ..plain(after, 1) },
        "stop" => Ending { leaves: Some(None), ..plain(after, 0) },
        "monitor" if fails && is_active => plain(after, 1),
        // What a probe finds is read at its end.
        "monitor" => Ending { outcome: AgentOutcome::Exited(i32::MIN), ..plain(after, 0) },
        _ => plain(after, 0),
    }
}

/// How a fence device will work: it may fail before or after the power went, or take long to say that it went.
fn device(call: &AgentCall, health: Health, random: &mut Random) -> Ending {
    let fails = random.percent(health.device_failing);
    let is_slow = random.percent(health.device_slow);
    let hangs = is_slow && random.percent(30);
    let after = match is_slow {
        _ if hangs => call.timeout,
        true => random.millis(2000, 12_000).min(call.timeout),
        false => random.millis(50, 900),
    };
    let works = !fails && !hangs || random.percent(50);
    let soon = random.millis(20, 900).min(after);
    let cuts_after = works.then_some(if random.percent(50) { after } else { soon });
    let outcome = if hangs { AgentOutcome::TimedOut } else { AgentOutcome::Exited(i32::from(fails)) };
    Ending { after, outcome, stdout: String::new(), cuts_after, leaves: None }
}

fn recurs(call: &AgentCall) -> bool {
    call.parameters.get("CRM_meta_interval").is_some_and(|interval| interval != "0")
}
