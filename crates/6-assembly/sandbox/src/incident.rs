//! The time line of an incident: what was done, then every fact with its phase and the time since.

use crate::phrase;
use messages::event::{ClusterEvent, Fact, Phase};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The longest it may take until a cluster notices what was done to it: a monitor's interval, or a frozen node's silence.
const NOTICE_MAX: Duration = Duration::from_secs(12);

/// How late a fact may be told and still stand at its place.
const TELLING: Duration = Duration::from_millis(100);

/// One incident, from what was done to the cluster until all is well again.
pub(crate) struct Incident {
    began: Instant,
    /// Wall-clock microseconds of the beginning, to place events that carry their own time.
    began_wall: i64,
    seen: Vec<String>,
    /// Lines not shown yet: nodes and clients tell what they see a little late, and a time line is read in the order of time.
    lines: Vec<(Duration, String)>,
    /// When each fact of a phase began and ended, since the beginning.
    phases: BTreeMap<Phase, Vec<(Duration, Duration)>>,
    interrupted: Option<Instant>,
    /// How long a client was without an answer, once it had one again.
    pub(crate) outage: Option<Duration>,
}

impl Incident {
    /// Begins an incident and returns the line that says so.
    pub(crate) fn begin(what: &str) -> (Self, String) {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_micros() as i64);
        let incident = Self {
            began: Instant::now(),
            began_wall: wall,
            seen: Vec::new(),
            lines: Vec::new(),
            phases: BTreeMap::new(),
            interrupted: None,
            outage: None,
        };
        (incident, format!("{}  {what}", clock()))
    }

    /// Begins an incident that the sandbox did not cause: somebody's command, or a fault of its own.
    pub(crate) fn seen(event: &ClusterEvent) -> Option<(Self, String)> {
        let text = phrase::of(&event.fact)?;
        let (mut incident, line) = Self::begin(&text);
        incident.began_wall = event.at.0;
        let _ = incident.note(event);
        incident.lines.clear();
        Some((incident, line))
    }

    /// Takes a fact into the time line, unless it says nothing new (several nodes notice the same). Returns whether it did.
    pub(crate) fn note(&mut self, event: &ClusterEvent) -> bool {
        let since = Duration::from_micros((event.at.0 - self.began_wall).max(0) as u64);
        if let Some(phase) = event.fact.phase() {
            let begin = match &event.fact {
                Fact::ActionFinished { took, .. } | Fact::FencingFinished { took, .. } => since.saturating_sub(*took),
                _ => since,
            };
            self.phases.entry(phase).or_default().push((begin, since));
        }
        let Some(text) = phrase::of(&event.fact).filter(|text| !self.seen.contains(text)) else { return false };
        self.seen.push(text.clone());
        self.push(since, event.fact.phase().map_or("", Phase::as_str), &text);
        true
    }

    /// Notes what a client sees.
    pub(crate) fn answer(&mut self, resource: &str, node: Option<&str>, at: Instant) {
        let since = at.saturating_duration_since(self.began);
        match node {
            None => {
                self.interrupted.get_or_insert(at);
                self.push(since, "client", &format!("{resource} answers no more"));
            }
            Some(node) => {
                let Some(began) = self.interrupted.take() else { return };
                let outage = at.saturating_duration_since(began);
                self.outage = Some(self.outage.unwrap_or_default() + outage);
                let text = format!("{resource} answers again, from {node}; it was away for {:.2} s", outage.as_secs_f64());
                self.push(since, "client", &text);
            }
        }
    }

    fn push(&mut self, since: Duration, phase: &str, text: &str) {
        self.lines.push((since, format!("      {:+.3}  {phase:<7}  {text}", since.as_secs_f64())));
    }

    /// Returns the lines that nothing earlier can come before any more; at the end, all that are left.
    pub(crate) fn take_lines(&mut self, at_end: bool) -> Vec<String> {
        let until = if at_end { Duration::MAX } else { self.began.elapsed().saturating_sub(TELLING) };
        let mut due: Vec<(Duration, String)> = self.lines.extract_if(.., |(since, _)| *since <= until).collect();
        due.sort_by_key(|(since, _)| *since);
        due.into_iter().map(|(_, line)| line).collect()
    }

    /// Whether the cluster has noticed, or has had the time to: before that, that all is well says nothing.
    pub(crate) fn is_noticed(&self) -> bool {
        !self.seen.is_empty() || self.began.elapsed() > NOTICE_MAX
    }

    /// Returns how long a phase took. Detection lasts from the beginning until what the first plan came from was known, the decision from
    /// then until that plan; each other phase from its first action's beginning to its last one's end.
    fn took(&self, phase: Phase) -> Option<Duration> {
        let spans = |phase| self.phases.get(&phase).into_iter().flatten();
        let decided = spans(Phase::Decide).map(|(_, end)| *end).min();
        let detections = || spans(Phase::Detect).map(|(_, end)| *end);
        let detected = match decided {
            Some(decided) => detections().filter(|at| *at <= decided).max(),
            None => detections().min(),
        };
        match phase {
            Phase::Detect => detected,
            Phase::Decide => Some(decided?.saturating_sub(detected.unwrap_or_default())),
            _ => {
                let begin = spans(phase).map(|(begin, _)| *begin).min()?;
                Some(spans(phase).map(|(_, end)| *end).max()?.saturating_sub(begin))
            }
        }
    }

    /// Returns how long each phase took, in one line.
    pub(crate) fn summary(&self) -> String {
        let mut text = String::from("              phases  ");
        for phase in [Phase::Detect, Phase::Fence, Phase::Decide, Phase::Stop, Phase::Start] {
            let _ = match self.took(phase) {
                Some(took) => write!(text, " {} {:.3} s", phase.as_str(), took.as_secs_f64()),
                None => write!(text, " {} -", phase.as_str()),
            };
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
        assert!(incident.note(&event("node1")));
        assert!(!incident.note(&event("node3")));
        let lines = incident.take_lines(true);
        assert!(lines.len() == 1 && lines[0].contains("detect") && lines[0].contains("node2 is gone"), "{lines:?}");
        assert!(incident.summary().contains("fence -"));
    }

    #[test]
    fn a_decision_takes_from_what_was_detected_to_the_first_plan() {
        let (mut incident, _) = Incident::begin("node2 loses power");
        let begin = incident.began_wall;
        let mut note = |after: i64, fact: Fact| incident.note(&ClusterEvent { at: Timestamp(begin + after), by: "node1".into(), fact });
        let plan = |plan| Fact::Planned { plan, actions: Vec::new(), input: None };
        note(20_000, plan(2));
        note(6_000, Fact::DaemonLost { node: "node2".into(), cause: "closed".into() });
        note(15_000, Fact::HostLost { node: "node2".into(), cause: "closed".into() });
        note(130_000, Fact::HostLost { node: "node3".into(), cause: "closed".into() });
        note(140_000, plan(4));
        let summary = incident.summary();
        assert!(summary.contains("detect 0.015 s") && summary.contains("decide 0.005 s"), "{summary}");
    }

    #[test]
    fn what_is_told_late_stands_at_its_place() {
        let (mut incident, _) = Incident::begin("web dies on node1");
        let fact = |after: i64, node: &str| ClusterEvent {
            at: Timestamp(incident_start() + after),
            by: "node1".into(),
            fact: Fact::HostJoined { node: node.into() },
        };
        for (after, node) in [(900_000_000, "late"), (100_000_000, "early")] {
            assert!(incident.note(&fact(after, node)));
        }
        assert_eq!(incident.take_lines(false), Vec::<String>::new(), "something earlier may still come");
        let lines = incident.take_lines(true);
        assert!(lines[0].contains("early") && lines[1].contains("late"), "{lines:?}");
    }

    fn incident_start() -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64
    }
}
