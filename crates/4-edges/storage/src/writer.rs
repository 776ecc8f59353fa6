//! The threads that write, so that no disk ever holds up an event loop: one for what somebody waits for, one for saved inputs.

use crate::cib_files::CibFiles;
use crate::cib_store::CibStore;
use crate::files::{Durability, replace};
use crate::inputs::InputFiles;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use xml::Element;

/// When nothing was written for so long, the file of the CIB catches up with its journal.
const AT_REST: Duration = Duration::from_secs(1);
/// When that failed, it is tried again after so long.
const CATCH_UP_AGAIN: Duration = Duration::from_secs(10);
/// How the thread is called that writes what somebody waits for.
pub const WRITING_THREAD: &str = "storage";
/// How many inputs may wait to be saved; beyond that the oldest are left out.
const INPUTS_MAX: usize = 200;

/// What makes the bytes of a history: the thread that writes them does, and only of the last history that waits. That of a member with hundreds
/// of remote nodes is long, and each event of one of them makes another.
pub struct Bytes(Box<dyn FnOnce() -> Vec<u8> + Send>);

impl Bytes {
    /// Returns what makes them by `make`.
    pub fn of(make: impl FnOnce() -> Vec<u8> + Send + 'static) -> Self {
        Self(Box::new(make))
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("Bytes")
    }
}

/// One thing to write.
#[derive(Debug)]
pub enum Job {
    /// Skipped when a newer one waits, whose outcome then stands for both.
    Cib { token: u64, cib: Arc<Element>, lineage: u64 },
    /// For the next daemon of this life of the host; the last one wins.
    History(Bytes),
    Input {
        name: String,
        /// The number that its series uses next.
        next: u64,
        input: Arc<Element>,
    },
}

/// What came of the writing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stored {
    /// This CIB, and every one before it, is durable; or why not.
    Cib { token: u64, result: Result<(), String> },
    /// Something else could not be written, for people.
    Failed(String),
}

/// The writing threads.
#[derive(Debug)]
pub struct Writer {
    jobs: Option<Sender<Job>>,
    inputs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Writer {
    /// Starts the threads for the host below `root`. `tell` is called on them.
    ///
    /// # Errors
    /// The machine has no more threads.
    pub fn start(root: &Path, tell: impl Fn(Stored) + Send + Sync + 'static) -> std::io::Result<Self> {
        let ((jobs, waiting), (inputs, waiting_inputs)) = (channel(), channel());
        let (tell, tell_of_inputs) = {
            let tell = Arc::new(tell);
            (tell.clone(), tell)
        };
        let (mut place, files) = (Place { cib: CibStore::new(CibFiles::new(root)), history: history_path(root) }, InputFiles::new(root));
        let thread = |name: &str| std::thread::Builder::new().name(name.into()).stack_size(1 << 20);
        let threads = vec![
            thread(WRITING_THREAD).spawn(move || place.write_all(&waiting, &*tell))?,
            thread("inputs").spawn(move || save_inputs(&files, &waiting_inputs, &*tell_of_inputs))?,
        ];
        Ok(Self { jobs: Some(jobs), inputs: Some(inputs), threads })
    }

    /// Gives the threads something to write. Never waits.
    pub fn write(&self, job: Job) {
        // An input takes milliseconds to compress, which no write of the CIB is to wait for.
        if let Some(jobs) = if matches!(job, Job::Input { .. }) { &self.inputs } else { &self.jobs } {
            // Fails only when the thread is gone, which only a panic there could cause; the missing answer is noticed.
            let _ = jobs.send(job);
        }
    }

    /// Returns the bytes of the last history, if there are any.
    pub fn read_history(root: &Path) -> Option<Vec<u8>> {
        std::fs::read(history_path(root)).ok()
    }
}

impl Drop for Writer {
    /// Waits until everything given is written, and is in the files where readers look for it.
    fn drop(&mut self) {
        (self.jobs, self.inputs) = (None, None);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn history_path(root: &Path) -> PathBuf {
    root.join("run/systole/history")
}

struct Place {
    cib: CibStore,
    history: PathBuf,
}

impl Place {
    fn write_all(&mut self, waiting: &Receiver<Job>, tell: &dyn Fn(Stored)) {
        let mut has_failed = false;
        loop {
            let first = match self.cib.is_behind() {
                true => waiting.recv_timeout(if has_failed { CATCH_UP_AGAIN } else { AT_REST }),
                false => waiting.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match first {
                Ok(first) => self.write(std::iter::once(first).chain(waiting.try_iter()), tell),
                Err(reason) => {
                    let result = self.cib.catch_up();
                    let had_failed = std::mem::replace(&mut has_failed, result.is_err());
                    if let Err(error) = result.as_ref()
                        && !had_failed
                    {
                        tell(Stored::Failed(format!("what the CIB's journal holds is not in cib.xml yet: {error}")));
                    }
                    if reason == RecvTimeoutError::Disconnected {
                        return;
                    }
                }
            }
        }
    }

    /// Writes what waits: of several CIBs the last, at one go.
    fn write(&mut self, jobs: impl Iterator<Item = Job>, tell: &dyn Fn(Stored)) {
        let (mut cib, mut history) = (None, None);
        for job in jobs {
            match job {
                Job::Cib { token, cib: element, lineage } => cib = Some((token, element, lineage)),
                Job::History(bytes) => history = Some(bytes),
                Job::Input { .. } => {}
            }
        }
        if let Some((token, cib, lineage)) = cib {
            let result = self.cib.store(&cib, lineage).map_err(|error| error.to_string());
            tell(Stored::Cib { token, result });
        }
        if let Some(bytes) = history
            && let Err(error) = replace(&self.history, &(bytes.0)(), Durability::Loose)
        {
            tell(Stored::Failed(error.to_string()));
        }
    }
}

fn save_inputs(files: &InputFiles, waiting: &Receiver<Job>, tell: &dyn Fn(Stored)) {
    // Compressing is for people who look back later: it takes the time that nobody else on this machine wants. On Linux this is the
    // thread's own priority; where it cannot be lowered the work is done all the same.
    let _ = rustix::process::setpriority_process(None, 10);
    let mut kept = VecDeque::new();
    while let Some(job) = kept.pop_front().or_else(|| waiting.recv().ok()) {
        let mut left_out = 0;
        for job in waiting.try_iter() {
            kept.push_back(job);
            if kept.len() > INPUTS_MAX {
                kept.pop_front();
                left_out += 1;
            }
        }
        if left_out > 0 {
            tell(Stored::Failed(format!("{left_out} inputs of plans were not saved: more are made than the disk and the processor take")));
        }
        if let Job::Input { name, next, input } = job
            && let Err(error) = files.write(&name, next, &input)
        {
            tell(Stored::Failed(format!("failed to save {name}: {error}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_token_is_answered_and_everything_is_written_before_the_end() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("run/systole")).unwrap();
        let (tell, told) = channel();
        let writer = Writer::start(folder.path(), move |stored| tell.send(stored).unwrap()).unwrap();
        let cib = |epoch: u64| Arc::new(Element::new("cib").with("epoch", epoch.to_string()));
        for token in 1..=20 {
            writer.write(Job::Cib { token, cib: cib(token), lineage: token });
        }
        writer.write(Job::History(Bytes::of(|| b"what ran".to_vec())));
        writer.write(Job::Input { name: "pe-input-1.bz2".into(), next: 2, input: cib(20) });
        writer.write(Job::Input { name: "no name".into(), next: 2, input: cib(20) });
        drop(writer);
        let told: Vec<_> = told.iter().collect();
        let tokens: Vec<u64> =
            told.iter().filter_map(|stored| if let Stored::Cib { token, result: Ok(()) } = stored { Some(*token) } else { None }).collect();
        assert_eq!(tokens.last(), Some(&20));
        assert!(told.iter().any(|told| matches!(told, Stored::Failed(text) if text.contains("no name"))), "{told:?}");
        assert!(!folder.path().join("var/lib/pacemaker/cib/cib.journal").exists(), "after the end the file has everything");
        assert_eq!(CibFiles::new(folder.path()).read().lineage, 20);
        assert_eq!(Writer::read_history(folder.path()).as_deref(), Some(&b"what ran"[..]));
        assert_eq!(InputFiles::new(folder.path()).next_number("pe-input"), 2);
    }
}
