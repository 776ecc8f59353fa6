//! Between a node's unprivileged daemon and its root role (`agentd`), over a socket pair: run this agent, this is how it ended.
//!
//! `agentd` outlives the daemon: it delivers results again until they are acknowledged, and a restarted
//! daemon is told what still runs.

use crate::group::Incarnation;
use model::{CallId, ResourceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Which agent: `ocf:heartbeat:IPaddr2`, `systemd:nginx`, `stonith:fence_ipmilan`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AgentName {
    /// `ocf`, `lsb`, `systemd`, `service` or `stonith`.
    pub class: String,
    /// Only of class `ocf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    pub kind: String,
}

impl AgentName {
    /// Returns whether it stands for the connection to a remote node, which no program on this host makes.
    pub fn is_remote_connection(&self) -> bool {
        self.class == "ocf" && self.provider.as_deref() == Some("pacemaker") && self.kind == "remote"
    }
}

impl std::fmt::Display for AgentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.provider {
            Some(provider) => write!(f, "{}:{}:{}", self.class, provider, self.kind),
            None => write!(f, "{}:{}", self.class, self.kind),
        }
    }
}

/// One run of an agent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AgentCall {
    pub id: CallId,
    pub agent: AgentName,
    /// The action as the agent is called with: `start`, `monitor`, `meta-data`, `off`, …
    pub action: String,
    /// What OCF agents see as `OCF_RESOURCE_INSTANCE`; absent for meta-data asked by type.
    #[serde(default)]
    pub resource: Option<ResourceId>,
    /// Instance parameters and `CRM_meta_*` values under the names of the CIB; the edge makes `OCF_RESKEY_*` (OCF) or lines on stdin (fence agents) of them.
    pub parameters: BTreeMap<String, String>,
    /// After this long the whole process group is ended and the outcome is `TimedOut`.
    pub timeout: Duration,
    /// Run as the unprivileged user (meta-data, alerts).
    #[serde(default)]
    pub unprivileged: bool,
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum AgentOutcome {
    /// It exited with this code.
    Exited(i32),
    /// A signal ended it that we did not send.
    Signalled(i32),
    /// Its time ran out; its process group was killed.
    TimedOut,
    /// It was killed because the call was cancelled.
    Cancelled,
    /// There is no such agent on this host.
    NotInstalled,
    /// It could not be started, and why.
    FailedToStart(String),
    /// `agentd` itself ended while the agent was at work; what it did is not known.
    Lost,
}

/// The result of a run; delivered again until it is acknowledged.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AgentResult {
    pub id: CallId,
    pub outcome: AgentOutcome,
    /// The first 64 KiB (meta-data: 1 MiB) of what it printed; the rest is read and dropped.
    pub stdout: String,
    pub stderr: String,
    /// The text after the last `ocf-exit-reason:` on stderr.
    #[serde(default)]
    pub exit_reason: Option<String>,
    pub started: Timestamp,
    pub run_time: Duration,
    /// How long the call waited in `agentd` before it was run.
    #[serde(default)]
    pub queue_time: Duration,
}

/// From the daemon to `agentd`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum AgentOrder {
    Run(AgentCall),
    /// Ends the process group of a call; the result follows as `Cancelled` (or as it ended meanwhile).
    Kill {
        id: CallId,
    },
    /// The result was taken over and need not be delivered again.
    Acknowledge {
        id: CallId,
    },
    /// Ends this host at once, whatever runs on it: the node must not touch shared things any more.
    ResetHost {
        reason: String,
        /// It is to stay off.
        #[serde(default)]
        off: bool,
    },
    /// Whether somebody who wants to administer the cluster from another host is who it says. Answered by `LoginChecked`.
    /// Only for a root role that said it can do that ([`AgentEvent::Welcome`]).
    CheckLogin {
        /// Of the daemon's choosing, named again in the answer.
        login: u64,
        user: String,
        password: Secret,
    },
    /// The daemon is well: the watchdog may be petted once.
    Permit {
        /// When the daemon knew so, on the machine's monotonic clock. One that was under way for long counts no more.
        at: Duration,
        /// Nobody will count this node as lost: it has quorum, or runs nothing. Without it the node lives only while a
        /// majority of its poison-pill disks can be read.
        is_safe: bool,
    },
    /// The daemon's first thread, and those of these names, are to be as urgent as the Corosync of this host. Only for a root role that
    /// said it can do that ([`AgentEvent::Welcome`]).
    Hasten {
        threads: Vec<String>,
    },
}

/// What the root role can do to end its own host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SelfFencing {
    /// After how long without permission the host ends.
    pub timeout: Duration,
    /// Others can end the host by a poison-pill disk.
    #[serde(default)]
    pub has_disks: bool,
    /// Why nobody may count on it without disks, where that is so.
    #[serde(default)]
    pub unfit: Option<String>,
}

/// From `agentd` to the daemon.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum AgentEvent {
    /// The first message after the daemon started.
    Welcome {
        /// This life of the host.
        incarnation: Incarnation,
        /// Calls of an earlier daemon that are still at work; their results will come.
        running: Vec<AgentCall>,
        /// The first call id that this daemon may use.
        next_call: CallId,
        /// Absent: the host has no watchdog.
        #[serde(default)]
        self_fencing: Option<SelfFencing>,
        /// The root role understands [`AgentOrder::Hasten`].
        #[serde(default)]
        hastens: bool,
        /// The root role understands [`AgentOrder::CheckLogin`].
        #[serde(default)]
        checks_logins: bool,
    },
    Finished(AgentResult),
    LoginChecked {
        login: u64,
        /// The groups of the operating system that the user is in, or why it is not let in.
        verdict: Result<Vec<String>, String>,
    },
}

/// A text that no log and no message about a mistake may show.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
