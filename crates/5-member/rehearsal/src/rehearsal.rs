//! A whole rehearsal: status before, imagined events, the plan, its execution on paper, status after.
//!
//! Compat: the order of what is printed, and where an empty line stands, is that of `crm_simulate` 3.0.2.

use crate::{Ending, Injections, Prepared, execute, inject};
use jiff::tz::TimeZone;
use model::Timestamp;
use status::Facts;
use transition::{Plan, ScoreLine};
use view::{Filter, Lines, Picture, Sections, Show, StatusView, Step};
use xml::Element;

/// How far a rehearsal goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Depth {
    /// The status only.
    #[default]
    Look,
    /// The plan too.
    Plan,
    /// The plan, carried out, and the status after it.
    Execute,
}

/// What to rehearse and what to show of it.
#[derive(Clone, Debug)]
pub struct Request {
    pub depth: Depth,
    pub injections: Injections,
    /// The moment to plan for and how it was written; else the document's, else `clock`.
    pub date: Option<(Timestamp, String)>,
    /// The real time.
    pub clock: Timestamp,
    /// The zone in which times are shown.
    pub zone: TimeZone,
    /// Only what was asked for explicitly.
    pub quiet: bool,
    pub scores: bool,
    pub utilization: bool,
    /// Sections beside nodes and resources.
    pub sections: Sections,
    pub picture: Picture,
    /// Write each action's number into the picture.
    pub numbered: bool,
    /// Collect what is shown as elements too.
    pub elements: bool,
}

impl Request {
    /// Returns a request that shows the status only.
    pub fn new(clock: Timestamp, zone: TimeZone) -> Self {
        Self {
            depth: Depth::Look,
            injections: Injections::default(),
            date: None,
            clock,
            zone,
            quiet: false,
            scores: false,
            utilization: false,
            sections: Sections::NONE,
            picture: Picture::Plan,
            numbered: false,
            elements: false,
        }
    }

    fn now(&self, cib: &Element) -> Timestamp {
        match &self.date {
            Some((date, _)) => *date,
            None => recorded_date(cib).unwrap_or(self.clock),
        }
    }
}

/// Returns the moment that a saved input is to be planned for.
fn recorded_date(cib: &Element) -> Option<Timestamp> {
    cib.attribute("execution-date")?.trim().parse().ok().map(Timestamp::from_seconds)
}

/// A piece of what is printed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    Output(String),
    Error(String),
}

/// What came of a rehearsal.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// The CIB with the imagined events.
    pub input: Element,
    /// The CIB in the end.
    pub outcome: Element,
    /// Unless only the status was asked for.
    pub plan: Option<Plan>,
    pub ending: Ending,
    /// What is printed, in order.
    pub pieces: Vec<Piece>,
    /// The same as elements, where they were asked for.
    pub elements: Vec<Element>,
}

impl Rehearsal {
    /// Returns the picture of the plan.
    pub fn dot(&self, request: &Request) -> String {
        let empty = transition::Diagram::default();
        let diagram = self.plan.as_ref().map_or(&empty, |plan| &plan.graph.diagram);
        view::dot(diagram, request.picture, request.numbered)
    }

    /// Returns what belongs on standard output, as one text.
    pub fn output(&self) -> String {
        self.pieces.iter().filter_map(|p| if let Piece::Output(text) = p { Some(text.as_str()) } else { None }).collect()
    }
}

/// Makes a plan from facts.
pub type Planner<'p> = &'p dyn Fn(&Facts) -> Plan;

/// Rehearses what the cluster of this CIB would do.
pub fn rehearse(input: Prepared, request: &Request, planner: Planner<'_>) -> Rehearsal {
    let mut show = Printer::new(request);
    let Prepared { mut cib, remarks } = input;
    remarks.iter().for_each(|remark| show.error(remark));
    let mut facts = show.facts(&cib);
    if !request.quiet {
        show.counts(&facts);
        show.status("Current cluster status", &cib, &facts, true);
    }
    if !request.injections.is_empty() {
        show.begin_section("Performing Requested Modifications");
        let steps = inject(&mut cib, &facts, &request.injections, request.clock);
        show.element(|| view::modifications(&steps));
        show.steps(&steps);
        show.end_section();
        facts = show.facts(&cib);
    }
    let input = cib.clone();
    let mut rehearsal = Rehearsal { input, outcome: cib, plan: None, ending: Ending::Complete, pieces: Vec::new(), elements: Vec::new() };
    if request.depth >= Depth::Plan {
        let plan = planner(&facts);
        show.scores(&plan);
        if !request.quiet {
            show.lines.spacer_if(show.printed);
            show.lines.begin("Transition Summary");
            view::change_lines(&plan.changes, &mut show.lines);
            show.element(|| Element::new("actions").with_children(plan.changes.iter().map(view::change_element)));
            show.lines.end();
            show.printed = true;
        }
        rehearsal.plan = Some(plan);
    }
    if let (Depth::Execute, Some(plan)) = (request.depth, &rehearsal.plan) {
        show.begin_section("Executing Cluster Transition");
        // Compat: results bear the real time even where the plan is made for another one.
        let execution = execute(&mut rehearsal.outcome, &facts, &plan.graph, &request.injections, request.clock);
        show.element(|| Element::new("transition").with_children(execution.steps.iter().filter_map(view::step_element)));
        show.steps(&execution.steps);
        show.end_section();
        rehearsal.ending = execution.ending;
        if execution.ending == Ending::Terminated {
            show.error("Transition failed: terminated");
            show.error("An invalid transition was produced");
        }
        if !request.quiet {
            // Where nothing was done, what was true still is; large clusters are at rest most of the time.
            let is_at_rest = rehearsal.outcome == rehearsal.input;
            show.effective_time(&rehearsal.outcome);
            let now = request.now(&rehearsal.outcome);
            let facts = if is_at_rest { facts } else { facts.deduce_again(&rehearsal.outcome, now) };
            show.status("Revised Cluster Status", &rehearsal.outcome, &facts, false);
        }
    }
    rehearsal.elements = std::mem::take(&mut show.elements);
    rehearsal.pieces = show.finish();
    rehearsal
}

/// Collects what is printed.
struct Printer<'a> {
    request: &'a Request,
    lines: Lines,
    pieces: Vec<Piece>,
    /// Something was printed before, so that what follows is set apart.
    printed: bool,
    elements: Vec<Element>,
}

impl<'a> Printer<'a> {
    fn new(request: &'a Request) -> Self {
        let plain = request.scores && request.quiet;
        let lines = if plain { Lines::plain() } else { Lines::new() };
        Self { request, lines, pieces: Vec::new(), printed: false, elements: Vec::new() }
    }

    /// Adds an element, where they are asked for.
    fn element(&mut self, element: impl FnOnce() -> Element) {
        if self.request.elements && !self.request.quiet {
            self.elements.push(element());
        }
    }

    /// Deduces the facts at the moment of the rehearsal, which is told.
    fn facts(&mut self, cib: &Element) -> Facts {
        self.effective_time(cib);
        Facts::deduce(cib, self.request.now(cib))
    }

    /// Tells the moment of the rehearsal, unless it is the present.
    fn effective_time(&mut self, cib: &Element) {
        if !self.request.quiet {
            match (&self.request.date, recorded_date(cib)) {
                (Some((_, text)), _) => self.lines.raw(format_args!("Setting effective cluster time: {text}")),
                (None, Some(at)) => {
                    let at = view::iso_time(at, &TimeZone::UTC);
                    self.lines.raw(format_args!("Using the original execution date of: {at}"));
                }
                (None, None) => {}
            }
        }
    }

    fn counts(&mut self, facts: &Facts) {
        if facts.options.maintenance_mode {
            self.lines.raw(view::MAINTENANCE);
            self.printed = true;
        }
        if facts.disabled_count > 0 || facts.blocked_count > 0 {
            self.lines.spacer_if(self.printed);
            self.lines.raw(format_args!(
                "{} of {} resource instances DISABLED and {} BLOCKED from further action due to failure",
                facts.disabled_count, facts.instance_count, facts.blocked_count
            ));
            self.printed = true;
        }
    }

    fn status(&mut self, title: &str, cib: &Element, facts: &Facts, is_before: bool) {
        self.lines.spacer_if(self.printed);
        self.lines.begin(title);
        let view = StatusView {
            facts,
            cib,
            show: Show { inactive: true, failed_detail: true, pending: is_before, new_words: true, ..Show::default() },
            sections: Sections { nodes: true, resources: true, ..self.request.sections },
            filter: &Filter::default(),
            ban_prefix: None,
            now: self.request.now(cib),
            zone: &self.request.zone,
            local_node: None,
            fence_history: &[],
            full_fence_history: false,
        };
        view.print(&mut self.lines);
        self.element(|| {
            let name = if is_before { "cluster_status" } else { "revised_cluster_status" };
            // Compat: XML is that of 2.1.5, which has no lists that only 3.0 prints.
            let view = StatusView { show: Show { new_words: false, ..view.show }, ..view };
            Element::new(name).with_children(view.to_elements())
        });
        self.lines.end();
        self.printed = true;
    }

    fn begin_section(&mut self, title: &str) {
        self.lines.spacer_if(self.printed);
        if !self.request.quiet {
            self.lines.begin(title);
        }
    }

    fn end_section(&mut self) {
        if !self.request.quiet {
            self.lines.end();
        }
        self.printed = true;
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match step.fault() {
                Some(fault) => self.error(fault),
                None if !self.request.quiet => step.print(&mut self.lines),
                None => {}
            }
        }
    }

    fn scores(&mut self, plan: &Plan) {
        let title = match (self.request.scores, self.request.utilization) {
            (true, true) => "Assignment Scores and Utilization Information",
            (true, false) => "Assignment Scores",
            (false, true) => "Utilization Information",
            (false, false) => return,
        };
        let is_wanted = |line: &&ScoreLine| if line.is_about_utilization() { self.request.utilization } else { self.request.scores };
        let name = match (self.request.scores, self.request.utilization) {
            (true, true) => "allocations_utilizations",
            (true, false) => "allocations",
            _ => "utilizations",
        };
        let shown = Element::new(name).with_children(plan.scores.iter().filter(is_wanted).map(view::score_element));
        self.element(|| shown);
        self.lines.spacer_if(self.printed);
        self.lines.begin(title);
        if !self.request.quiet {
            plan.remarks.iter().for_each(|remark| self.lines.raw(remark));
        }
        for line in &plan.scores {
            let wanted = if line.is_about_utilization() { self.request.utilization } else { self.request.scores };
            if wanted {
                self.lines.item(view::score_line(line));
            }
        }
        self.lines.end();
        self.printed = true;
    }

    fn error(&mut self, text: &str) {
        let so_far = self.lines.take_shown();
        self.pieces.push(Piece::Output(so_far));
        self.pieces.push(Piece::Error(text.to_owned()));
    }

    fn finish(mut self) -> Vec<Piece> {
        self.pieces.push(Piece::Output(self.lines.take()));
        self.pieces.retain(|piece| *piece != Piece::Output(String::new()));
        self.pieces
    }
}
