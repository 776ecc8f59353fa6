//! A story as text: what happened to a cluster when a promise was broken, to be read, kept as a test and lived through again.
//!
//! The first line has the seed, the size of the cluster and how long it lives; each further line a time in seconds and a deed. What the
//! deeds meet is drawn from the seed, so that a story that has lost its point after a change of the world does no harm and proves less.

use crate::run::{Options, Report, run};
use crate::story::Deed;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::time::Duration;

/// A story that was kept.
#[derive(Clone, Debug)]
pub struct Transcript {
    head: Head,
    pub(crate) deeds: Vec<(Duration, Deed)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Head {
    seed: u64,
    nodes: usize,
    resources: usize,
    #[serde(default, skip_serializing_if = "is_none")]
    remotes: usize,
    #[serde(default, skip_serializing_if = "is_none")]
    guests: usize,
    #[serde(default, skip_serializing_if = "is_none")]
    replicas: usize,
    episodes: usize,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

impl Transcript {
    pub(crate) fn new(
        seed: u64,
        (nodes, remotes, guests, replicas): (usize, usize, usize, usize),
        resources: usize,
        episodes: usize,
        deeds: Vec<(Duration, Deed)>,
    ) -> Self {
        Self { head: Head { seed, nodes, resources, remotes, guests, replicas, episodes }, deeds }
    }

    /// Reads one.
    ///
    /// # Errors
    /// Which line is wrong, and how.
    pub fn read(text: &str) -> Result<Self, String> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let mut lines = lines.map(|(at, line)| (at + 1, line));
        let (at, head) = lines.next().ok_or("there is no first line")?;
        let head = serde_json::from_str(head).map_err(|error| format!("line {at}: {error}"))?;
        let deed = |(at, line): (usize, &str)| {
            let (time, deed) = line.split_once(' ').ok_or(format!("line {at}: a time and a deed are wanted"))?;
            let time: f64 = time.parse().map_err(|error| format!("line {at}: {error}"))?;
            Ok((Duration::from_secs_f64(time), serde_json::from_str(deed).map_err(|error| format!("line {at}: {error}"))?))
        };
        Ok(Self { head, deeds: lines.map(deed).collect::<Result<_, String>>()? })
    }

    /// Returns the text that [`Transcript::read`] reads.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string(&self.head).unwrap_or_default();
        for (time, deed) in &self.deeds {
            let _ = write!(text, "\n{:.6} {}", time.as_secs_f64(), serde_json::to_string(deed).unwrap_or_default());
        }
        text + "\n"
    }

    /// Lives through it.
    pub fn live(&self, trace: bool) -> Report {
        let Head { seed, nodes, resources, remotes, guests, replicas, episodes } = self.head;
        let (nodes, resources) = (Some(nodes), Some(resources));
        run(
            seed,
            &Options {
                nodes,
                resources,
                remotes: Some(remotes),
                guests: Some(guests),
                replicas: Some(replicas).filter(|replicas| *replicas > 0),
                episodes,
                trace,
                told: Some(self.clone()),
                ..Options::default()
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_is_read_as_it_was_written() {
        let report = run(3, &Options::default());
        let text = report.transcript.to_text();
        assert!(text.lines().count() > 1, "{text}");
        assert_eq!(Transcript::read(&text).unwrap().to_text(), text);
        assert!(Transcript::read(&text.replace("\n", "\nx ")).unwrap_err().starts_with("line 2"));
    }
}
