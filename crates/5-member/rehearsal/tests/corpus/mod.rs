//! Runs the incumbent's cases through a rehearsal and counts how far each agrees with what was expected.
//!
//! The cases stay outside of the repository: beside it in `../shared/corpus`, or where `SYSTOLE_CORPUS` says.
//! Levels: L1 the same actions, L2 the same order, L3 the same attributes, S scores, D picture, M the whole text;
//! C is the text's first part, the status before; X its second half where the expected graph is carried out.

pub mod graphs;

use jiff::tz::TimeZone;
use model::Timestamp;
use rehearsal::{Depth, Piece, Prepared, Request, prepare, rehearse};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use transition::{Graph, Plan};
use xml::{Element, Limits};

/// The levels in the order they are shown in.
pub const LEVELS: [&str; 9] = ["L1", "L2", "L3", "L4", "S", "D", "M", "C", "X"];

/// One case of the corpus.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub category: String,
    /// The moment to plan for, where the case gives one.
    pub date: Option<String>,
}

/// What came of one case.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    pub reached: BTreeMap<&'static str, bool>,
    pub notes: Vec<String>,
}

/// How many cases reach each level.
pub type Tally = BTreeMap<String, usize>;

/// Returns the folder of the scheduler's cases, if there is one.
pub fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpus");
    let corpus = std::env::var_os("SYSTOLE_CORPUS").map_or(beside, PathBuf::from);
    let folder = corpus.join("scheduler");
    folder.join("tests.tsv").is_file().then_some(folder)
}

/// Returns the cases by name.
pub fn cases(folder: &Path) -> Vec<Case> {
    let table = std::fs::read_to_string(folder.join("tests.tsv")).unwrap_or_default();
    let case = |line: &str| {
        let mut fields = line.split('\t');
        let name = fields.next()?.to_owned();
        let category = fields.next()?.to_owned();
        let date = fields.nth(1).and_then(|arguments| arguments.strip_prefix("-t ")).map(|date| date.trim_matches('\'').to_owned());
        Some(Case { name, category, date })
    };
    table.lines().skip(1).filter_map(case).collect()
}

/// Runs the cases on every processor; the verdicts have the cases' order.
pub fn run(folder: &Path, cases: &[Case]) -> Vec<Verdict> {
    let verdicts: Vec<Mutex<Verdict>> = cases.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let worker = std::thread::Builder::new().stack_size(16 << 20);
            let work = || {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let at = cases.iter().position(|c| std::ptr::eq(c, case)).unwrap_or_default();
                    let verdict = std::panic::catch_unwind(|| judge(folder, case));
                    let verdict = verdict.unwrap_or_else(|_| Verdict { notes: vec!["panicked".to_owned()], ..Verdict::default() });
                    *verdicts[at].lock().expect("no holder of the lock panics") = verdict;
                }
            };
            worker.spawn_scoped(scope, work).expect("a thread can be started");
        }
    });
    verdicts.into_iter().map(|verdict| verdict.into_inner().expect("no holder of the lock panics")).collect()
}

/// Adds up verdicts.
pub fn tally<'v>(verdicts: impl IntoIterator<Item = &'v Verdict>) -> Tally {
    let mut tally: Tally = LEVELS.iter().map(|level| ((*level).to_owned(), 0)).collect();
    for verdict in verdicts {
        for (level, reached) in &verdict.reached {
            *tally.entry((*level).to_owned()).or_default() += usize::from(*reached);
        }
    }
    tally
}

/// Reads a tally file: `LEVEL = NUMBER` lines.
pub fn read_tally(text: &str) -> Tally {
    let line = |line: &str| {
        let (level, number) = line.split_once('=')?;
        Some((level.trim().to_owned(), number.trim().parse().ok()?))
    };
    text.lines().filter(|l| !l.trim_start().starts_with('#')).filter_map(line).collect()
}

/// Returns the text of a tally file.
pub fn write_tally(tally: &Tally, cases: usize) -> String {
    let mut text =
        format!("# How many of the incumbent's {cases} cases reach each level. Numbers may only rise: `cargo xtask corpus --bless`.\n");
    for level in LEVELS {
        text.push_str(&format!("{level} = {}\n", tally.get(level).copied().unwrap_or(0)));
    }
    text
}

/// Returns where the tally is kept.
pub fn tally_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus-tally.toml")
}

/// Runs one case and compares everything.
pub fn judge(folder: &Path, case: &Case) -> Verdict {
    let mut verdict = Verdict::default();
    let expected = |kind: &str, extension: &str| std::fs::read(folder.join(kind).join(format!("{}.{extension}", case.name)));
    let parsed = expected("xml", "xml").ok().and_then(|bytes| xml::parse(&bytes, &Limits::default()).ok());
    let Some(input) = parsed.and_then(|cib| prepare(cib).ok()) else {
        verdict.notes.push("the input could not be read".to_owned());
        return verdict;
    };
    let text = |kind: &str| String::from_utf8_lossy(&expected(kind, kind).unwrap_or_default()).into_owned();
    let request = request(case);
    if let Some(graph) = expected("exp", "exp").ok().and_then(|bytes| expected_graph(&bytes)) {
        let given = rehearse(input.clone(), &request, &|_| Plan { graph: graph.clone(), ..Plan::default() });
        let printed = combined(&given.pieces);
        verdict.compare_text("C", part(&text("summary"), Part::Before), part(&printed, Part::Before));
        verdict.compare_text("X", part(&text("summary"), Part::Execution), part(&printed, Part::Execution));
    }
    verdict.judge_plan(input, &request, &text, expected("exp", "exp").ok());
    verdict
}

fn request(case: &Case) -> Request {
    // The real time of the cases without one; rules of the corpus do not depend on the exact day.
    let clock = Timestamp::from_seconds(1_782_864_000);
    let mut request = Request::new(clock, TimeZone::UTC);
    request.depth = Depth::Execute;
    request.date = case.date.as_ref().and_then(|text| Some((rehearsal::parse_date(text, clock, &TimeZone::UTC)?, text.clone())));
    request
}

impl Verdict {
    fn judge_plan(&mut self, input: Prepared, request: &Request, text: &dyn Fn(&str) -> String, graph: Option<Vec<u8>>) {
        let full = rehearse(input.clone(), request, &scheduler::schedule_with_dead_ends);
        self.compare_text("M", &text("summary"), &combined(&full.pieces));
        let quiet = Request { quiet: true, scores: true, ..request.clone() };
        let scores = rehearse(input, &quiet, &scheduler::schedule_with_dead_ends);
        self.compare_text("S", &text("scores"), &sorted(&scores.output()));
        self.compare_text("D", &text("dot"), &sorted_picture(&full.dot(request)));
        if let (Some(plan), Some(bytes)) = (&full.plan, graph) {
            self.compare_graph(&bytes, &plan.graph.to_xml());
        }
    }

    fn compare_text(&mut self, level: &'static str, wanted: &str, got: &str) {
        let equal = wanted == got;
        self.reached.insert(level, equal);
        if !equal {
            let (mut a, mut b) = (wanted.lines(), got.lines());
            let mut line = 0;
            let difference = loop {
                line += 1;
                match (a.next(), b.next()) {
                    (x, y) if x == y && x.is_some() => {}
                    (None, None) => break "only line ends differ".to_owned(),
                    (x, y) => break format!("line {line}\n    expected {}\n    got      {}", x.unwrap_or("(end)"), y.unwrap_or("(end)")),
                }
            };
            self.notes.push(format!("{level} {difference}"));
        }
    }

    fn compare_graph(&mut self, wanted: &[u8], got: &Element) {
        let Ok(expected) = xml::parse(wanted, &Limits::default()) else {
            self.notes.push("the expected graph could not be read".to_owned());
            return;
        };
        let agreement = graphs::compare(&expected, got, &mut self.notes);
        self.reached.insert("L1", agreement.actions);
        self.reached.insert("L2", agreement.order);
        self.reached.insert("L3", agreement.details);
        // Synapses, numbers and the order of attributes too; blanks, which say nothing, are those of our own writer.
        let mut got = got.clone();
        normalise(&mut got);
        let mut expected = expected;
        normalise(&mut expected);
        self.reached.insert("L4", agreement.details && got.to_text() == expected.to_text());
    }
}

fn expected_graph(bytes: &[u8]) -> Option<Graph> {
    Graph::from_xml(&xml::parse(bytes, &Limits::default()).ok()?).ok()
}

/// Removes what depends on the version.
fn normalise(element: &mut Element) {
    let is_graph = element.name == "transition_graph";
    element.attributes.retain(|(name, _)| name != "crm_feature_set" && !(is_graph && name == "batch-limit"));
    element.elements_mut().for_each(normalise);
}

/// A part of the whole text.
enum Part {
    Before,
    Execution,
}

fn part(text: &str, part: Part) -> &str {
    match part {
        Part::Before => &text[..text.find("\nTransition Summary").unwrap_or(text.len())],
        Part::Execution => &text[text.find("\nExecuting Cluster Transition").unwrap_or(text.len())..],
    }
}

fn combined(pieces: &[Piece]) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Output(text) => text.clone(),
        Piece::Error(text) => format!("{text}\n"),
    };
    pieces.iter().map(text).collect()
}

fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.sort_unstable();
    lines.concat()
}

fn sorted_picture(text: &str) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    if let [_, inner @ .., _] = &mut lines[..] {
        inner.sort_unstable();
    }
    let (first, last) = (lines.first().copied(), lines.last().copied());
    lines.dedup();
    debug_assert_eq!((first, last), (lines.first().copied(), lines.last().copied()));
    lines.concat()
}
