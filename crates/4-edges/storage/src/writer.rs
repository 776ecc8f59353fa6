//! The thread that writes, so that no disk ever holds up an event loop.

use crate::cib_files::CibFiles;
use crate::files::{Durability, replace};
use crate::inputs::InputFiles;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use xml::Element;

/// One thing to write.
#[derive(Clone, Debug)]
pub enum Job {
    /// Skipped when a newer one waits, whose outcome then stands for both.
    Cib { token: u64, cib: Arc<Element>, lineage: u64 },
    /// For the next daemon of this life of the host; the last one wins.
    History(Vec<u8>),
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

/// The writing thread.
#[derive(Debug)]
pub struct Writer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread for the host below `root`. `tell` is called on that thread.
    pub fn start(root: &Path, tell: impl Fn(Stored) + Send + 'static) -> std::io::Result<Self> {
        let (jobs, waiting) = channel();
        let place = Place { cib: CibFiles::new(root), inputs: InputFiles::new(root), history: history_path(root) };
        let thread =
            std::thread::Builder::new().name("storage".into()).stack_size(1 << 20).spawn(move || place.write_all(&waiting, &tell))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Gives the thread something to write. Never waits.
    pub fn write(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
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
    /// Waits until everything given is written.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn history_path(root: &Path) -> PathBuf {
    root.join("run/systole/history")
}

struct Place {
    cib: CibFiles,
    inputs: InputFiles,
    history: PathBuf,
}

impl Place {
    fn write_all(&self, waiting: &Receiver<Job>, tell: &dyn Fn(Stored)) {
        while let Ok(first) = waiting.recv() {
            let (mut cib, mut history, mut inputs) = (None, None, Vec::new());
            for job in std::iter::once(first).chain(waiting.try_iter()) {
                match job {
                    Job::Cib { token, cib: element, lineage } => cib = Some((token, element, lineage)),
                    Job::History(bytes) => history = Some(bytes),
                    Job::Input { name, next, input } => inputs.push((name, next, input)),
                }
            }
            if let Some((token, cib, lineage)) = cib {
                let result = self.cib.write(&cib, lineage).map_err(|error| error.to_string());
                tell(Stored::Cib { token, result });
            }
            if let Some(bytes) = history
                && let Err(error) = replace(&self.history, &bytes, Durability::Loose)
            {
                tell(Stored::Failed(error.to_string()));
            }
            for (name, next, input) in inputs {
                if let Err(error) = self.inputs.write(&name, next, &input) {
                    tell(Stored::Failed(format!("failed to save {name}: {error}")));
                }
            }
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
        writer.write(Job::History(b"what ran".to_vec()));
        writer.write(Job::Input { name: "pe-input-1.bz2".into(), next: 2, input: cib(20) });
        writer.write(Job::Input { name: "no name".into(), next: 2, input: cib(20) });
        drop(writer);
        let told: Vec<_> = told.iter().collect();
        let tokens: Vec<u64> =
            told.iter().filter_map(|stored| if let Stored::Cib { token, result: Ok(()) } = stored { Some(*token) } else { None }).collect();
        assert_eq!(tokens.last(), Some(&20));
        assert!(matches!(told.last(), Some(Stored::Failed(text)) if text.contains("no name")), "{told:?}");
        assert_eq!(CibFiles::new(folder.path()).read().lineage, 20);
        assert_eq!(Writer::read_history(folder.path()).as_deref(), Some(&b"what ran"[..]));
        assert_eq!(InputFiles::new(folder.path()).next_number("pe-input"), 2);
    }
}
