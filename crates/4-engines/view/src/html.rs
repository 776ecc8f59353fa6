//! A status as a page: headings, nested lists, and a class for each state, so that a style sheet can colour it.
//!
//! Made of the status as text, whose structure is its indentation. Compat: structure and classes are those of 2.1.5.

use std::fmt::Write;

/// What stands around the status.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page<'a> {
    pub title: &'a str,
    pub stylesheet: Option<&'a str>,
    /// After how many seconds a browser loads it again.
    pub refresh: Option<u64>,
}

const STYLE: &str = ".bold { font-weight: bold } .online { color: green } .offline { color: red } .maint { color: blue } \
                     .standby { color: blue } .health_red { color: red } .health_yellow { color: GoldenRod } .rsc-failed { color: red } \
                     .rsc-failure-ignored { color: DarkGreen } .rsc-managed { color: blue } .rsc-multiple { color: orange } \
                     .rsc-ok { color: green } .warning { color: red; font-weight: bold }";

/// Returns the page of a status.
pub fn page(page: &Page<'_>, status: &str) -> String {
    let mut out = String::from("<!DOCTYPE html>\n<html lang=\"en\"><head>");
    let _ = write!(out, "<title>{}</title><meta charset=\"utf-8\">", escaped(page.title));
    if let Some(seconds) = page.refresh {
        let _ = write!(out, "<meta http-equiv=\"refresh\" content=\"{seconds}\">");
    }
    let _ = write!(out, "<style>{STYLE}</style>");
    if let Some(address) = page.stylesheet {
        let _ = write!(out, "<link rel=\"stylesheet\" href=\"{}\">", escaped(address));
    }
    out.push_str("</head><body>\n");
    body(&lines(status), &mut out);
    out.push_str("</body></html>\n");
    out
}

/// One line: how deep it stands (0: outside of lists) and what it says.
struct Line {
    depth: usize,
    text: String,
}

fn lines(status: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut is_node_list = false;
    for line in status.lines().filter(|line| !line.trim().is_empty()) {
        let content = line.trim_start_matches(' ');
        let (depth, text) = match content.strip_prefix("* ") {
            Some(text) => ((line.len() - content.len()) / 2, text),
            None => (0, line),
        };
        if depth == 0 {
            is_node_list = text.starts_with("Node List");
        }
        // Nodes that are alike share a line of text; in a page each has its own.
        let several = text.split_once(": [ ").and_then(|(state, names)| Some((state, names.strip_suffix(" ]")?)));
        match several.filter(|_| is_node_list && depth == 1) {
            Some((state, names)) => {
                let (kind, state) = state.rsplit_once(' ').filter(|(_, s)| matches!(*s, "online" | "OFFLINE")).unwrap_or(("", state));
                let kind = kind.replace("RemoteNode", "Remote Node").replace("GuestNode", "Guest Node");
                let state = if state == "Online" || state == "RemoteOnline" || state == "GuestOnline" { "online" } else { state };
                lines
                    .extend(names.split_whitespace().map(|name| Line { depth, text: format!("{kind} {name}: {state}").trim().to_owned() }));
            }
            None => lines.push(Line { depth, text: text.to_owned() }),
        }
    }
    lines
}

fn body(lines: &[Line], out: &mut String) {
    let mut open = 0;
    for (at, line) in lines.iter().enumerate() {
        let next = lines.get(at + 1).map_or(0, |next| next.depth);
        while open > line.depth {
            out.push_str("</ul>");
            open -= 1;
            out.push_str(if open > 0 { "</li>" } else { "\n" });
        }
        if line.depth == 0 {
            match line.text.strip_suffix(':').filter(|_| next > 0) {
                Some(heading) => drop(write!(out, "<h2>{}</h2>", escaped(heading))),
                None => drop(writeln!(out, "<p class=\"bold\">{}</p>", escaped(&line.text))),
            }
            continue;
        }
        while open < line.depth {
            out.push_str("<ul>");
            open += 1;
        }
        let text = escaped(line.text.trim_end_matches(':'));
        if next > line.depth {
            let _ = write!(out, "<li><h3>{text}</h3>");
        } else {
            let _ = match (class_of(&line.text), line.text.split_once(": ").filter(|(label, _)| !label.contains('\t'))) {
                (Some(class), Some((label, state))) if class.starts_with('o') || class == "maint" || class == "standby" => {
                    write!(
                        out,
                        "<li><span class=\"bold\">{}:</span><span class=\"{class}\"> {}</span></li>",
                        escaped(label),
                        escaped(state)
                    )
                }
                (Some(class), _) => write!(out, "<li><span class=\"{class}\">{text}</span></li>"),
                (None, Some((label, rest))) if LABELS.contains(&label) => {
                    write!(out, "<li><span class=\"bold\">{}: </span><span>{}</span></li>", escaped(label), escaped(rest))
                }
                _ => write!(out, "<li>{text}</li>"),
            };
        }
    }
    for _ in 0..open {
        out.push_str("</ul>");
    }
    out.push('\n');
}

const LABELS: [&str; 4] = ["Stack", "Current DC", "Last updated", "Last change"];

/// Returns the class that shows a line's state.
fn class_of(text: &str) -> Option<&'static str> {
    let has = |word: &str| text.contains(word);
    if has("(") && has("):\t") {
        return Some(match () {
            () if has("FAILED") || has("BLOCKED") => "rsc-failed",
            () if has("Started [") || has("Promoted [") => "rsc-multiple",
            () if has("Stopped") => "rsc-failed",
            () if has("unmanaged") || has("maintenance") => "rsc-managed",
            () => "rsc-ok",
        });
    }
    let (_, state) = text.rsplit_once(": ")?;
    match state {
        _ if state.starts_with("UNCLEAN") || state.starts_with("OFFLINE") => Some("offline"),
        _ if state.starts_with("standby") => Some("standby"),
        _ if state.starts_with("maintenance") || state.starts_with("pending") => Some("maint"),
        _ if state == "online" || state.starts_with("online") => Some("online"),
        _ => None,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_becomes_headings_and_nested_lists() {
        let status = "Cluster Summary:\n  * Stack: corosync\n\nNode List:\n  * Online: [ a b ]\n  * Node c: UNCLEAN (offline)\n\nFull List of Resources:\n  \
                      * ip\t(ocf:x:IP):\t Started a\n  * Clone Set: c [p]:\n    * Started: [ a b ]\n  * z\t(ocf:x:<Z>):\t FAILED b\n";
        let page = page(&Page { title: "A & B", stylesheet: Some("s.css"), refresh: Some(5) }, status);
        assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\"><head><title>A &amp; B</title>"));
        assert!(page.contains("<meta http-equiv=\"refresh\" content=\"5\">") && page.contains("href=\"s.css\""));
        let body = page.split_once("<body>\n").unwrap().1;
        assert_eq!(
            body,
            "<h2>Cluster Summary</h2><ul><li><span class=\"bold\">Stack: </span><span>corosync</span></li></ul>\n\
             <h2>Node List</h2><ul><li><span class=\"bold\">a:</span><span class=\"online\"> online</span></li>\
             <li><span class=\"bold\">b:</span><span class=\"online\"> online</span></li>\
             <li><span class=\"bold\">Node c:</span><span class=\"offline\"> UNCLEAN (offline)</span></li></ul>\n\
             <h2>Full List of Resources</h2><ul><li><span class=\"rsc-ok\">ip\t(ocf:x:IP):\t Started a</span></li>\
             <li><h3>Clone Set: c [p]</h3><ul><li>Started: [ a b ]</li></ul></li>\
             <li><span class=\"rsc-failed\">z\t(ocf:x:&lt;Z&gt;):\t FAILED b</span></li></ul>\n</body></html>\n"
        );
    }
}
