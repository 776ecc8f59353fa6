//! Whether somebody who wants to administer the cluster from another host is who it says: judged by PAM, in a process of its own for
//! each, so that whatever its modules do, or wait for, is nobody else's trouble.

use agents::{Ended, Invocation};
use messages::agent::{AgentOutcome, Secret};
use sockets::groups_of;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::spawn_local;

/// The group whose members may administer the cluster.
const GROUP: &str = "haclient";
/// How long PAM may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How many may be judged at a time: guessing passwords is slow, and costs the host little.
const AT_A_TIME: usize = 8;
/// Variables of the root role that the judge needs. Compat: the second names the rules of PAM.
const VARIABLES: [&str; 2] = ["PATH", "CIB_pam_service"];

/// The logins that are being looked at: the process that does, and the groups of the user.
pub(crate) struct Logins {
    /// The program whose command `check-login` is the judge.
    program: PathBuf,
    at_work: BTreeMap<u64, (i32, Vec<String>)>,
    tell: UnboundedSender<(u64, Ended)>,
}

impl Logins {
    /// Ends of judges are told through `tell` and are to be passed to `ended`.
    pub fn new(program: PathBuf, tell: UnboundedSender<(u64, Ended)>) -> Self {
        Self { program, at_work: BTreeMap::new(), tell }
    }

    /// Has a login judged; returns why it is refused, where that is known at once.
    pub fn check(&mut self, root: &Path, login: u64, user: &str, password: &Secret) -> Result<(), String> {
        let groups = groups_of(root, user);
        if !groups.iter().any(|group| group == GROUP) {
            return Err(format!("not in the group {GROUP}"));
        }
        if self.at_work.len() >= AT_A_TIME {
            return Err("too many want to come in at a time".to_owned());
        }
        let environment = VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
        let spawned = agents::spawn(&Invocation {
            program: self.program.clone(),
            arguments: vec!["check-login".to_owned()],
            environment: environment.collect(),
            input: Some(format!("{user}\0{}", password.0)),
            folder: PathBuf::from("/"),
            user: None,
            output_max: 4096,
            processes_max: 64,
            secrets: vec![password.0.clone()],
        });
        let spawned = spawned.map_err(|outcome| format!("failed to start the judge of passwords: {outcome:?}"))?;
        self.at_work.insert(login, (spawned.process().pid, groups));
        let tell = self.tell.clone();
        spawn_local(async move {
            let ended = spawned.finish(LIMIT, std::future::pending()).await;
            // Fails only when `agentd` itself ends.
            let _ = tell.send((login, ended));
        });
        Ok(())
    }

    /// A judge ended; returns its verdict.
    pub fn ended(&mut self, login: u64, ended: &Ended) -> Option<Result<Vec<String>, String>> {
        let (_, groups) = self.at_work.remove(&login)?;
        let reason = ended.stderr.trim().lines().last().unwrap_or_default();
        Some(match &ended.outcome {
            AgentOutcome::Exited(0) => Ok(groups),
            AgentOutcome::Exited(_) if !reason.is_empty() => Err(reason.to_owned()),
            outcome => Err(format!("the judge of passwords ended with {outcome:?}")),
        })
    }

    /// Returns the processes that are judges.
    pub fn pids(&self) -> impl Iterator<Item = i32> {
        self.at_work.values().map(|(pid, _)| *pid)
    }
}
