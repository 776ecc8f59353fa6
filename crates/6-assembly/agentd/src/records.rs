//! What is at work on this host, written down before it begins, so that a restarted `agentd` knows what an earlier one left.
//!
//! One small file a call, in a folder that a boot empties; not synced, because only the death of a process has
//! to be survived. Parameters are not written: they may hold passwords.

use agents::Process;
use messages::agent::{AgentCall, AgentOutcome, AgentResult};
use model::{CallId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::Duration;

/// The variable by which the process of a call is found when `agentd` died before it could write its number.
pub(crate) const CALL_VARIABLE: &str = "SYSTOLE_CALL";

/// How many call ids are promised to daemons ahead of their use by one write.
const BLOCK: u64 = 1000;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Record {
    call: AgentCall,
    started: Timestamp,
    /// Number and start time; absent until the process is known.
    #[serde(default)]
    process: Option<(i32, u64)>,
    #[serde(default)]
    result: Option<AgentResult>,
}

/// The folder of records.
#[derive(Debug)]
pub(crate) struct Records {
    folder: PathBuf,
    /// Marks the processes of this life's calls.
    life: String,
    /// Ids below this one may have been used.
    ceiling: u64,
}

impl Records {
    /// Opens the folder, or makes it.
    pub fn open(folder: PathBuf, life: &str) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let ceiling = fs::read_to_string(folder.join("next")).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(1);
        Ok(Self { folder, life: life.to_owned(), ceiling })
    }

    /// Returns an id that no call had so far.
    pub fn next_call(&self) -> CallId {
        CallId(self.ceiling)
    }

    /// Returns the value that marks the process of a call: there may be several hosts on this machine.
    pub fn mark(&self, id: CallId) -> String {
        format!("{}:{}:{id}", self.folder.display(), self.life)
    }

    /// Writes down that a call is about to be carried out.
    pub fn begin(&mut self, call: &AgentCall, started: Timestamp) -> io::Result<()> {
        if call.id.0 >= self.ceiling {
            self.ceiling = call.id.0 + BLOCK;
            self.replace("next", self.ceiling.to_string().as_bytes())?;
        }
        self.write(&Record { call: AgentCall { parameters: BTreeMap::new(), ..call.clone() }, started, process: None, result: None })
    }

    /// Adds which process it is.
    pub fn started(&self, call: &AgentCall, started: Timestamp, process: Process) -> io::Result<()> {
        let call = AgentCall { parameters: BTreeMap::new(), ..call.clone() };
        self.write(&Record { call, started, process: Some((process.pid, process.start_time)), result: None })
    }

    /// Adds how it ended.
    pub fn finished(&self, call: &AgentCall, result: &AgentResult) -> io::Result<()> {
        let call = AgentCall { parameters: BTreeMap::new(), ..call.clone() };
        self.write(&Record { call, started: result.started, process: None, result: Some(result.clone()) })
    }

    /// Forgets a call: its result was taken over.
    pub fn forget(&self, id: CallId) {
        // A record that cannot be removed is delivered once more, which does no harm.
        let _ = fs::remove_file(self.folder.join(format!("{id}.json")));
    }

    /// Forgets everything: it belonged to an earlier life of the host.
    pub fn forget_all(&mut self) -> io::Result<()> {
        fs::remove_dir_all(&self.folder)?;
        *self = Self::open(self.folder.clone(), &self.life)?;
        Ok(())
    }

    /// Ends what an earlier `agentd` left at work and returns what is to be delivered: results it had, and `Lost` for what it could not see end.
    ///
    /// Safety: called before the daemon is told anything, so that no probe meets an agent of the past at work.
    pub fn recover(&self, now: Timestamp) -> Vec<AgentResult> {
        let records = self.read_all();
        let mut left = Vec::new();
        for record in records.iter().filter(|record| record.result.is_none()) {
            let process = match record.process {
                Some((pid, start_time)) => Some(Process { pid, start_time }),
                // The first process with the mark is the agent itself; later ones are its children and services.
                None => agents::with_variable(CALL_VARIABLE, &self.mark(record.call.id)).first().copied(),
            };
            // One that has ended by itself may have left a service in its group, which lives on.
            left.extend(process.filter(Process::is_alive));
        }
        left.iter().for_each(Process::kill_group);
        let waited = std::time::Instant::now();
        while left.iter().any(Process::is_alive) && waited.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_millis(2));
        }
        records.into_iter().map(|record| record.result.clone().unwrap_or_else(|| lost(&record, now))).collect()
    }

    fn read_all(&self) -> Vec<Record> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let texts =
            files.filter(|file| file.path().extension().is_some_and(|kind| kind == "json")).filter_map(|file| fs::read(file.path()).ok());
        let mut records: Vec<Record> = texts.filter_map(|text| serde_json::from_slice(&text).ok()).collect();
        records.sort_by_key(|record| record.call.id);
        records
    }

    fn write(&self, record: &Record) -> io::Result<()> {
        let bytes = serde_json::to_vec(record).map_err(io::Error::other)?;
        self.replace(&format!("{}.json", record.call.id), &bytes)
    }

    /// Replaces a file as a whole: a reader finds the old or the new one.
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let new = self.folder.join(format!("{name}.new"));
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        fs::rename(&new, self.folder.join(name))
    }
}

fn lost(record: &Record, now: Timestamp) -> AgentResult {
    AgentResult {
        id: record.call.id,
        outcome: AgentOutcome::Lost,
        stdout: String::new(),
        stderr: String::new(),
        exit_reason: None,
        started: record.started,
        run_time: now.since(record.started),
        queue_time: Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::agent::AgentName;
    use std::os::unix::process::CommandExt;

    fn call(id: u64) -> AgentCall {
        AgentCall {
            id: CallId(id),
            agent: AgentName { class: "ocf".into(), provider: Some("test".into()), kind: "Slow".into() },
            action: "start".into(),
            resource: Some("web".into()),
            parameters: [("password".to_owned(), "geheim".to_owned())].into(),
            timeout: Duration::from_secs(1),
            unprivileged: false,
        }
    }

    fn sleeper(mark: &str) -> std::process::Child {
        std::process::Command::new("sleep").arg("1000").env(CALL_VARIABLE, mark).process_group(0).spawn().unwrap()
    }

    #[test]
    fn a_restarted_agentd_ends_what_was_at_work_and_loses_no_result() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path().join("calls"), "life-of-this-test").unwrap();
        let now = Timestamp::from_seconds(100);
        (1..=4).for_each(|id| records.begin(&call(id), now).unwrap());
        // 1 is known by number, 2 only by its mark, 3 has ended, 4 was acknowledged.
        let mut known = sleeper("of somebody else");
        records.started(&call(1), now, Process::find(known.id() as i32).unwrap()).unwrap();
        let mut marked = sleeper(&records.mark(CallId(2)));
        // A process shows its environment a moment after it was started.
        while agents::with_variable(CALL_VARIABLE, &records.mark(CallId(2))).is_empty() {
            std::thread::yield_now();
        }
        let result = AgentResult {
            outcome: AgentOutcome::Exited(0),
            ..lost(&Record { call: call(3), started: now, process: None, result: None }, now)
        };
        records.finished(&call(3), &result).unwrap();
        records.forget(CallId(4));

        let reopened = Records::open(folder.path().join("calls"), "life-of-this-test").unwrap();
        let outcomes: Vec<_> = reopened.recover(now).into_iter().map(|result| (result.id.0, result.outcome)).collect();
        assert_eq!(outcomes, [(1, AgentOutcome::Lost), (2, AgentOutcome::Lost), (3, AgentOutcome::Exited(0))]);
        for child in [&mut known, &mut marked] {
            assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child.wait().unwrap()), Some(9));
        }
        assert!(reopened.next_call().0 > 4);
    }

    #[test]
    fn secrets_are_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path().join("calls"), "x").unwrap();
        records.begin(&call(1), Timestamp::from_seconds(1)).unwrap();
        let text = fs::read_to_string(folder.path().join("calls/1.json")).unwrap();
        assert!(text.contains("Slow") && !text.contains("geheim"), "{text}");
    }
}
