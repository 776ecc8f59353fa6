//! The time line of an incident: what was done, then every fact with its phase and the time since.

use crate::phrase;
use messages::event::{ClusterEvent, Fact, Phase};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The longest it may take until a cluster notices what was done to it: a monitor's interval, or a frozen node's silence.
const NOTICE_MAX: Duration = Duration::from_secs(12);

/// One incident, from what was done to the cluster until all is well again.
pub(crate) struct Incident {
    began: Instant,
    /// Wall-clock microseconds of the beginning, to place events that carry their own time.
    began_wall: i64,
    seen: Vec<String>,
    /// First and last moment of each phase, since the beginning.
    phases: BTreeMap<Phase, (Duration, Duration)>,
    interrupted: Option<Instant>,
    /// How long a client was without an answer, once it had one again.
    pub(crate) outage: Option<Duration>,
}

impl Incident {
    /// Begins an incident and returns the line that says so.
    pub(crate) fn begin(what: &str) -> (Self, String) {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_micros() as i64);
        let incident =
            Self { began: Instant::now(), began_wall: wall, seen: Vec::new(), phases: BTreeMap::new(), interrupted: None, outage: None };
        (incident, format!("{}  {what}", clock()))
    }

    /// Returns the line of a fact; `None` when it says nothing new (several nodes notice the same).
    pub(crate) fn line(&mut self, event: &ClusterEvent) -> Option<String> {
        let since = Duration::from_micros((event.at.0 - self.began_wall).max(0) as u64);
        if let Some(phase) = event.fact.phase() {
            let begin = match &event.fact {
                Fact::ActionFinished { took, .. } | Fact::FencingFinished { took, .. } => since.saturating_sub(*took),
                _ => since,
            };
            let span = self.phases.entry(phase).or_insert((begin, since));
            *span = (span.0.min(begin), span.1.max(since));
        }
        let text = phrase::of(&event.fact)?;
        if self.seen.contains(&text) {
            return None;
        }
        self.seen.push(text.clone());
        let phase = event.fact.phase().map_or("", Phase::as_str);
        Some(format!("      {:+.3}  {phase:<7}  {text}", since.as_secs_f64()))
    }

    /// Notes what a client sees, and returns its line.
    pub(crate) fn answer(&mut self, resource: &str, node: Option<&str>, at: Instant) -> Option<String> {
        let since = at.saturating_duration_since(self.began).as_secs_f64();
        match node {
            None => {
                self.interrupted.get_or_insert(at);
                Some(format!("      {since:+.3}  client   {resource} answers no more"))
            }
            Some(node) => {
                let began = self.interrupted.take()?;
                let outage = at.saturating_duration_since(began);
                self.outage = Some(self.outage.unwrap_or_default() + outage);
                Some(format!(
                    "      {since:+.3}  client   {resource} answers again, from {node}; it was away for {:.2} s",
                    outage.as_secs_f64()
                ))
            }
        }
    }

    /// Whether the cluster has noticed, or has had the time to: before that, that all is well says nothing.
    pub(crate) fn is_noticed(&self) -> bool {
        !self.seen.is_empty() || self.began.elapsed() > NOTICE_MAX
    }

    /// Returns how long each phase took, in one line.
    pub(crate) fn summary(&self) -> String {
        let mut text = String::from("              phases  ");
        for phase in [Phase::Detect, Phase::Fence, Phase::Decide, Phase::Stop, Phase::Start] {
            match self.phases.get(&phase) {
                Some((begin, _)) if phase == Phase::Detect => {
                    let _ = write!(text, " {} {:.3} s", phase.as_str(), begin.as_secs_f64());
                }
                Some((begin, end)) => {
                    let _ = write!(text, " {} {:.3} s", phase.as_str(), (*end - *begin).as_secs_f64());
                }
                None => {
                    let _ = write!(text, " {} -", phase.as_str());
                }
            }
        }
        if let Some(outage) = self.outage {
            let _ = write!(text, "; service away {:.3} s", outage.as_secs_f64());
        }
        text
    }
}

/// Returns the time of day with milliseconds.
pub(crate) fn clock() -> String {
    jiff::Zoned::now().strftime("%H:%M:%S%.3f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    #[test]
    fn a_fact_noticed_by_two_nodes_is_told_once() {
        let (mut incident, _) = Incident::begin("node2 loses power");
        let event = |by: &str| ClusterEvent {
            at: Timestamp(incident_start() + 21_000),
            by: by.into(),
            fact: Fact::HostLost { node: "node2".into(), cause: "its host's connection closed".into() },
        };
        let line = incident.line(&event("node1")).unwrap();
        assert!(line.contains("detect") && line.contains("node2 is gone"), "{line}");
        assert_eq!(incident.line(&event("node3")), None);
        assert!(incident.summary().contains("fence -"));
    }

    fn incident_start() -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64
    }
}
