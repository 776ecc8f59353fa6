//! A plan as a picture (SVG): phases are columns, boxes are actions, lines say what waits for what.
//!
//! The chain that takes the most steps is drawn bold. Nothing is needed to look at it but a browser; the text in it is
//! escaped, and nothing in it is fetched from anywhere.

mod layout;

use layout::{Layout, Placed, layout};
use std::fmt::Write;
use transition::{Action, Graph};

const BOX_HEIGHT: usize = 40;
const ROW_HEIGHT: usize = 54;
const GAP: usize = 70;
const MARGIN: usize = 24;
const TOP: usize = 92;
const CHARACTER: usize = 8;

/// The most characters of a line of a box.
const LABEL_MAX: usize = 34;

/// What an action is, for its colour: name in the legend, fill, stroke.
struct Sort {
    name: &'static str,
    fill: &'static str,
    stroke: &'static str,
}

const SORTS: [Sort; 8] = [
    Sort { name: "fence", fill: "#fbd5d5", stroke: "#9b1c1c" },
    Sort { name: "stop", fill: "#fde8d0", stroke: "#b45309" },
    Sort { name: "demote", fill: "#f3e8ff", stroke: "#7e22ce" },
    Sort { name: "start", fill: "#d8f3dc", stroke: "#1b6e3c" },
    Sort { name: "promote", fill: "#dbeafe", stroke: "#1d4ed8" },
    Sort { name: "migrate", fill: "#cff4f4", stroke: "#0e7490" },
    Sort { name: "monitor", fill: "#f4f4f5", stroke: "#71717a" },
    Sort { name: "other", fill: "#fef9c3", stroke: "#a16207" },
];

fn sort(action: &Action) -> &'static Sort {
    let at = match action.operation.as_str() {
        "stonith" => 0,
        "stop" => 1,
        "demote" => 2,
        "start" => 3,
        "promote" => 4,
        "migrate_to" | "migrate_from" => 5,
        "monitor" => 6,
        _ => 7,
    };
    &SORTS[at]
}

/// Draws a plan under a title.
pub fn svg(graph: &Graph, title: &str) -> String {
    let plan = layout(graph);
    let columns = columns(&plan);
    let rows = plan.phases.iter().map(Vec::len).max().unwrap_or(0);
    let legend = MARGIN * 2 + SORTS.iter().map(|sort| 40 + sort.name.len() * CHARACTER).sum::<usize>();
    let width = columns.last().map_or(0, |(left, width)| left + width + MARGIN).max(legend).max(MARGIN * 2 + title.chars().count() * 10);
    let height = TOP + rows.max(1) * ROW_HEIGHT + 56;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"ui-monospace, 'DejaVu Sans Mono', monospace\" font-size=\"12\">"
    );
    let _ = writeln!(out, "<title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>", escaped(title));
    let _ = writeln!(out, "<text x=\"{MARGIN}\" y=\"32\" font-size=\"16\" font-weight=\"bold\" fill=\"#18181b\">{}</text>", escaped(title));
    let _ = writeln!(out, "<text x=\"{MARGIN}\" y=\"52\" fill=\"#52525b\">{}</text>", escaped(&sum(&plan)));
    draw_columns(&mut out, &plan, &columns, height);
    draw_lines(&mut out, &plan, &columns);
    for (at, placed) in plan.boxes.iter().enumerate() {
        draw_box(&mut out, placed, corner(&plan, &columns, at), columns[placed.phase].1, plan.critical.contains(&at));
    }
    draw_legend(&mut out, height);
    out.push_str("</svg>\n");
    out
}

fn sum(plan: &Layout<'_>) -> String {
    match plan.boxes.len() {
        0 => "There is nothing to do.".to_owned(),
        1 => "1 action.".to_owned(),
        count => format!("{count} actions in {} phases. The bold line is the longest chain.", plan.phases.len()),
    }
}

/// Returns where each column begins and how wide its boxes are.
fn columns(plan: &Layout<'_>) -> Vec<(usize, usize)> {
    let mut left = MARGIN;
    let width = |phase: &Vec<usize>| {
        let longest = phase.iter().flat_map(|at| labels(plan.boxes[*at].action)).map(|label| label.chars().count()).max();
        longest.unwrap_or(0) * CHARACTER + 20
    };
    let place = |phase: &Vec<usize>| {
        let column = (left, width(phase).max(90));
        left += column.1 + GAP;
        column
    };
    plan.phases.iter().map(place).collect()
}

/// Returns the left upper corner of a box; shorter columns stand in the middle.
fn corner(plan: &Layout<'_>, columns: &[(usize, usize)], at: usize) -> (usize, usize) {
    let phase = plan.boxes[at].phase;
    let row = plan.phases[phase].iter().position(|index| *index == at).unwrap_or_default();
    let most = plan.phases.iter().map(Vec::len).max().unwrap_or(0);
    let above = (most - plan.phases[phase].len()) * ROW_HEIGHT / 2;
    (columns[phase].0, TOP + above + row * ROW_HEIGHT)
}

/// Returns the two lines of a box: what is done to what, and where.
fn labels(action: &Action) -> [String; 2] {
    let resource = action.resource.as_ref().map_or("", |resource| resource.id.as_str());
    let interval = action.meta("interval").and_then(|text| text.parse::<u64>().ok()).filter(|interval| *interval > 0);
    let what = match (action.operation.as_str(), interval) {
        ("stonith", _) => format!("fence ({})", action.meta("stonith_action").unwrap_or("reboot")),
        ("monitor", Some(interval)) => format!("monitor {resource} {}", crate::readable_interval(interval)),
        ("monitor", None) => format!("probe {resource}"),
        ("do_shutdown", _) => "shut down".to_owned(),
        (operation, _) => format!("{operation} {resource}"),
    };
    let place = action.node.as_ref().map_or(String::new(), |node| node.name.to_string());
    [short(what.trim()), short(&place)]
}

fn short(text: &str) -> String {
    if text.chars().count() <= LABEL_MAX { text.to_owned() } else { text.chars().take(LABEL_MAX - 1).chain(['…']).collect() }
}

fn draw_columns(out: &mut String, plan: &Layout<'_>, columns: &[(usize, usize)], height: usize) {
    for (number, (left, width)) in columns.iter().enumerate() {
        if number % 2 == 0 {
            let _ = writeln!(
                out,
                "<rect x=\"{}\" y=\"64\" width=\"{}\" height=\"{}\" fill=\"#fafafa\"/>",
                left.saturating_sub(GAP / 4),
                width + GAP / 2,
                height.saturating_sub(64 + 44)
            );
        }
        let count = plan.phases[number].len();
        let _ = writeln!(out, "<text x=\"{left}\" y=\"80\" fill=\"#71717a\">phase {} ({count})</text>", number + 1);
    }
}

fn draw_lines(out: &mut String, plan: &Layout<'_>, columns: &[(usize, usize)]) {
    let is_critical = |first: usize, then: usize| plan.critical.windows(2).any(|pair| pair == [first, then]);
    let mut edges: Vec<(bool, usize, usize)> = plan.edges.iter().map(|(first, then)| (is_critical(*first, *then), *first, *then)).collect();
    // The bold ones are drawn last, above the others.
    edges.sort();
    for (critical, first, then) in edges {
        let (from, to) = (corner(plan, columns, first), corner(plan, columns, then));
        let (x1, y1) = (from.0 + columns[plan.boxes[first].phase].1, from.1 + BOX_HEIGHT / 2);
        let (x2, y2) = (to.0, to.1 + BOX_HEIGHT / 2);
        let bend = (x2.saturating_sub(x1) / 2).clamp(20, 160);
        let (colour, width) = if critical { ("#18181b", "2.5") } else { ("#a1a1aa", "1") };
        let _ = writeln!(
            out,
            "<path d=\"M{x1} {y1} C{} {y1} {} {y2} {} {y2}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/><path d=\"M{x2} {y2} l-8 -4 v8 z\" fill=\"{colour}\"/>",
            x1 + bend,
            x2.saturating_sub(bend),
            x2.saturating_sub(6)
        );
    }
}

fn draw_box(out: &mut String, placed: &Placed<'_>, (x, y): (usize, usize), width: usize, critical: bool) {
    let Sort { fill, stroke, .. } = sort(placed.action);
    let [what, place] = labels(placed.action);
    let because = if placed.action.reason.is_empty() { String::new() } else { format!(": {}", placed.action.reason) };
    let _ = writeln!(
        out,
        "<g><title>{}{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BOX_HEIGHT}\" rx=\"5\" fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"{}\"/>\
         <text x=\"{}\" y=\"{}\" fill=\"#18181b\">{}</text><text x=\"{}\" y=\"{}\" fill=\"#52525b\">{}</text></g>",
        escaped(&placed.action.operation_key),
        escaped(&because),
        if critical { "2.5" } else { "1" },
        x + 10,
        y + 17,
        escaped(&what),
        x + 10,
        y + 33,
        escaped(&place)
    );
}

fn draw_legend(out: &mut String, height: usize) {
    let mut x = MARGIN;
    for Sort { name, fill, stroke } in &SORTS {
        let y = height - 28;
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"14\" height=\"14\" rx=\"3\" fill=\"{fill}\" stroke=\"{stroke}\"/><text x=\"{}\" y=\"{}\" fill=\"#52525b\">{name}</text>",
            x + 20,
            y + 12
        );
        x += 40 + name.len() * CHARACTER;
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no place for these.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(text: &str) -> Graph {
        Graph::from_xml(&xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap()).unwrap()
    }

    const PLAN: &str = "<transition_graph><synapse id='0'><action_set><crm_event id='1' operation='stonith' operation_key='stonith-a&lt;b-reboot' on_node='a&lt;b'>\
        <attributes CRM_meta_stonith_action='reboot'/></crm_event></action_set><inputs/></synapse>\
        <synapse id='1'><action_set><pseudo_event id='2' operation='stonith_up' operation_key='stonith_up'/></action_set>\
        <inputs><trigger><crm_event id='1' operation='stonith' operation_key='x'/></trigger></inputs></synapse>\
        <synapse id='2'><action_set><rsc_op id='3' operation='start' operation_key='web_start_0' on_node='b'><primitive id='web' class='ocf' provider='p' type='t'/></rsc_op></action_set>\
        <inputs><trigger><pseudo_event id='2' operation='stonith_up' operation_key='stonith_up'/></trigger></inputs></synapse></transition_graph>";

    #[test]
    fn phases_are_columns_and_points_that_nobody_carries_out_are_left_out() {
        let graph = graph(PLAN);
        let plan = layout(&graph);
        assert_eq!(plan.phases, [vec![0], vec![1]]);
        assert_eq!(plan.edges, [(0, 1)]);
        assert_eq!(plan.critical, [0, 1]);
    }

    #[test]
    fn a_picture_is_well_formed_whatever_things_are_called() {
        for (graph, words) in [(graph(PLAN), "2 actions in 2 phases"), (Graph::default(), "There is nothing to do")] {
            let text = svg(&graph, "If \"a\" & <b>\u{1} crash");
            let tree = xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
            assert_eq!(tree.name, "svg");
            assert!(text.contains(words), "{text}");
        }
    }
}
