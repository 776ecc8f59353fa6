//! `crm_ticket`: tickets of sites: shown, granted, revoked, put on standby; booth calls this tool.
//!
//! What a call sets and deletes is one change of the CIB.

use super::tool::{self, Report};
use admin::codes::call_words;
use admin::{Cluster, Exit, Refusal, edits};
use clap::Args;
use model::Timestamp;
use std::ffi::OsString;
use std::process::ExitCode;
use xml::Element;

#[derive(Args, Debug)]
struct Arguments {
    /// Display tickets
    #[arg(short = 'l', long, group = "command")]
    info: bool,
    /// Display tickets with their attributes
    #[arg(short = 'L', long, group = "command")]
    details: bool,
    /// Display the ids of tickets
    #[arg(short = 'w', long, group = "command")]
    raw: bool,
    /// Display the state of tickets as XML
    #[arg(short = 'q', long, group = "command")]
    query_xml: bool,
    /// Display the constraints that depend on tickets
    #[arg(short = 'c', long, group = "command")]
    constraints: bool,
    /// Grant the ticket to this site
    #[arg(short = 'g', long, group = "command")]
    grant: bool,
    /// Revoke the ticket from this site
    #[arg(short = 'r', long, group = "command")]
    revoke: bool,
    /// Put the ticket on standby: what depends on it is stopped or demoted in order
    #[arg(short = 's', long, group = "command")]
    standby: bool,
    /// End the standby of the ticket
    #[arg(short = 'a', long, group = "command")]
    activate: bool,
    /// Forget the ticket
    #[arg(short = 'C', long, group = "command")]
    cleanup: bool,
    /// Display an attribute of the ticket
    #[arg(short = 'G', long, value_name = "ATTRIBUTE")]
    get_attr: Option<String>,
    /// Set an attribute of the ticket to the value of -v (may be given several times, each with its -v)
    #[arg(short = 'S', long, value_name = "ATTRIBUTE")]
    set_attr: Vec<String>,
    /// Delete an attribute of the ticket (may be given several times)
    #[arg(short = 'D', long, value_name = "ATTRIBUTE")]
    delete_attr: Vec<String>,
    /// The value for -S
    #[arg(short = 'v', long, value_name = "VALUE", allow_hyphen_values = true)]
    attr_value: Vec<String>,
    /// What to display when there is no such attribute (with -G)
    #[arg(short = 'd', long, value_name = "VALUE", allow_hyphen_values = true)]
    default: Option<String>,
    /// The ticket
    #[arg(short = 't', long, value_name = "ID")]
    ticket: Option<String>,
    /// Do it although it is dangerous
    #[arg(short = 'f', long)]
    force: bool,
    /// (Accepted, without effect)
    #[arg(short = 'n', long, hide = true)]
    set_name: Option<String>,
    /// (Accepted, without effect)
    #[arg(short = 'i', long, hide = true)]
    nvpair: Option<String>,
    /// (Accepted, without effect)
    #[arg(short = 'Q', long, hide = true)]
    quiet: bool,
}

/// Runs `crm_ticket`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<Arguments>("crm_ticket", arguments, act)
}

fn act(arguments: &Arguments, report: &mut Report) -> Result<Exit, Refusal> {
    let cluster = Cluster::from_environment("crm_ticket");
    let ticket = arguments.ticket.as_deref();
    if arguments.info || arguments.details || arguments.raw {
        return list(arguments, &cluster.cib()?, report);
    }
    if arguments.query_xml {
        let cib = cluster.cib()?;
        let found = match ticket {
            None => cib.descend(&["status", "tickets"]),
            Some(id) => state_of(&cib, id),
        };
        let missing = || Refusal::new(Exit::NO_SUCH, format!("Could not query ticket XML: {}", call_words(Exit::NO_SUCH.0)));
        let element = found.ok_or_else(missing)?;
        // Compat: booth skips the first two lines.
        report.line(format!("State XML:\n\n{}", element.to_text().trim_end()));
        report.element(element.clone());
        return Ok(Exit::OK);
    }
    if arguments.constraints {
        return constraints(&cluster.cib()?, ticket, report);
    }
    let changes = Changes::of(arguments)?;
    if changes.is_empty() && arguments.get_attr.is_none() && !arguments.cleanup {
        return Err(Refusal::new(Exit::USAGE, "Must supply a command"));
    }
    let id = ticket.ok_or_else(|| Refusal::new(Exit::USAGE, "Must supply ticket ID with -t"))?;
    let cib = cluster.cib()?;
    let state = state_of(&cib, id);
    if let Some(name) = &arguments.get_attr {
        let value = state.and_then(|state| state.attribute(name)).or(arguments.default.as_deref());
        let Some(value) = value else { return Ok(Exit::NO_SUCH) };
        report.line(value);
        let attribute = Element::new("attribute").with("name", name).with("value", value);
        report.element(Element::new("tickets").with_child(Element::new("ticket").with("id", id).with_child(attribute)));
        return Ok(Exit::OK);
    }
    if arguments.cleanup {
        let Some(state) = state else {
            // Compat: by force, what is not there counts as cleaned up; so does what constraints name and nobody has granted yet.
            let is_clean = arguments.force || known(&cib).iter().any(|ticket| ticket.id() == Some(id));
            return if is_clean { Ok(Exit::OK) } else { Err(Refusal::new(Exit::NO_SUCH, format!("No such ticket '{id}'"))) };
        };
        if state.attribute("granted").is_some_and(is_true) && !arguments.force {
            return Err(needs_force(id, false));
        }
        cluster.edit(edits::delete("status", &Element::new("ticket_state").with("id", id)))?;
        report.line(format!("Cleaned up {id}"));
        return Ok(Exit::OK);
    }
    if !arguments.force
        && let Some(is_grant) = changes.grants()
    {
        return Err(needs_force(id, is_grant));
    }
    changes.apply(&cluster, id, state)?;
    Ok(Exit::OK)
}

fn is_true(text: &str) -> bool {
    model::parse_boolean(text) == Some(true)
}

fn state_of<'c>(cib: &'c Element, id: &str) -> Option<&'c Element> {
    let tickets = cib.descend(&["status", "tickets"])?;
    tickets.elements_named("ticket_state").find(|state| state.id() == Some(id))
}

fn needs_force(id: &str, is_grant: bool) -> Refusal {
    let why = match is_grant {
        true => format!("Whether '{id}' is granted to another site already is not known here; --force grants it all the same."),
        false => format!(
            "What depends on '{id}' may be stopped, demoted, frozen or fenced (crm_ticket --ticket {id} --constraints shows it);\n\
             --standby lets go of it in order first, --force does it at once."
        ),
    };
    Refusal::new(Exit::INSUFFICIENT_PRIVILEGES, format!("Ticket modification not allowed\n{why}"))
}

/// What a call sets and deletes.
#[derive(Default)]
struct Changes {
    set: Vec<(String, String)>,
    delete: Vec<String>,
}

impl Changes {
    fn of(arguments: &Arguments) -> Result<Self, Refusal> {
        let flags = [
            (arguments.grant, ("granted", "true")),
            (arguments.revoke, ("granted", "false")),
            (arguments.standby, ("standby", "true")),
            (arguments.activate, ("standby", "false")),
        ];
        let flags = flags.into_iter().filter(|(is_given, _)| *is_given).map(|(_, (name, value))| (name.to_owned(), value.to_owned()));
        let mut set: Vec<(String, String)> = flags.collect();
        for (at, name) in arguments.set_attr.iter().enumerate() {
            let value = arguments.attr_value.get(at);
            let value = value.ok_or_else(|| Refusal::new(Exit::USAGE, format!("Must supply value with -v for -S {name}")))?;
            set.push((name.clone(), value.clone()));
        }
        Ok(Self { set, delete: arguments.delete_attr.clone() })
    }

    fn is_empty(&self) -> bool {
        self.set.is_empty() && self.delete.is_empty()
    }

    /// Returns whether the ticket would be granted (or revoked); `None` where neither is asked for.
    fn grants(&self) -> Option<bool> {
        let set = self.set.iter().find(|(name, _)| name == "granted").map(|(_, value)| is_true(value));
        set.or_else(|| self.delete.iter().any(|name| name == "granted").then_some(false))
    }

    fn apply(&self, cluster: &Cluster, id: &str, before: Option<&Element>) -> Result<(), Refusal> {
        let mut state = before.map_or_else(|| Element::new("ticket_state").with("id", id), Clone::clone);
        for name in &self.delete {
            state.remove(name);
        }
        for (name, value) in &self.set {
            let is_new_grant = name == "granted" && is_true(value) && !state.attribute("granted").is_some_and(is_true);
            state.set(name, value);
            if is_new_grant {
                state.set("last-granted", admin::now().seconds().to_string());
            }
        }
        match before {
            Some(_) => cluster.edit(edits::replace(Some("status"), &state)),
            // A ticket that is not known has nothing to lose, and is not made for that.
            None if self.set.is_empty() => Ok(()),
            None => {
                let tickets = Element::new("tickets").with_child(state);
                cluster.edit(edits::modify("status", Element::new("status").with_child(tickets)))
            }
        }
    }
}

/// Returns the states of all tickets: the recorded ones, and empty ones of those that only constraints name.
fn known(cib: &Element) -> Vec<Element> {
    let recorded = cib.descend(&["status", "tickets"]).into_iter().flat_map(|tickets| tickets.elements_named("ticket_state"));
    let mut all: Vec<Element> = recorded.cloned().collect();
    let constraints = cib.descend(&["configuration", "constraints"]).into_iter().flat_map(|section| section.elements_named("rsc_ticket"));
    for id in constraints.filter_map(|constraint| constraint.attribute("ticket")) {
        if !all.iter().any(|state| state.id() == Some(id)) {
            all.push(Element::new("ticket_state").with("id", id));
        }
    }
    all
}

fn list(arguments: &Arguments, cib: &Element, report: &mut Report) -> Result<Exit, Refusal> {
    let wanted = arguments.ticket.as_deref();
    let all = known(cib);
    let shown: Vec<&Element> = all.iter().filter(|state| wanted.is_none() || state.id() == wanted).collect();
    if let (Some(id), true) = (wanted, shown.is_empty()) {
        return Err(Refusal::new(Exit::NO_SUCH, format!("No such ticket '{id}'")));
    }
    let mut tickets = Element::new("tickets");
    for state in shown {
        let id = state.id().unwrap_or_default();
        let is = |name: &str| state.attribute(name).is_some_and(is_true);
        let status = if is("granted") { "granted" } else { "revoked" };
        if arguments.raw {
            report.line(id);
            tickets.push(Element::new("ticket").with("id", id));
            continue;
        }
        let mut line = format!("{id}\t{status} {:>9}", if is("standby") { "[standby]" } else { "" });
        let last = state.attribute("last-granted").map(|at| format!("last-granted='{}'", shown_time(at)));
        if arguments.details {
            let known = ["granted", "standby"].iter().filter_map(|name| state.attribute(name).map(|value| format!("{name}={value}")));
            let others = state.attributes.iter().filter(|(name, _)| !["id", "granted", "standby", "last-granted"].contains(&name.as_str()));
            let others = others.map(|(name, value)| match name.as_str() {
                "expires" => format!("{name}='{}'", shown_time(value)),
                _ => format!("{name}={value}"),
            });
            let attributes = known.chain(last).chain(others).collect::<Vec<_>>();
            if !attributes.is_empty() {
                line.push_str(&format!(" ({})", attributes.join(", ")));
            }
        } else if let Some(last) = last {
            line.push_str(&format!(" {last}"));
        }
        report.line(line);
        let mut element = Element::new("ticket").with("id", id).with("status", status).with("standby", is("standby").to_string());
        for (name, value) in state.attributes.iter().filter(|(name, _)| !["id", "granted", "standby"].contains(&name.as_str())) {
            let is_time = name == "last-granted" || name == "expires";
            element.set(name, if is_time { shown_time(value) } else { value.to_string() });
        }
        tickets.push(element);
    }
    report.element(tickets);
    Ok(Exit::OK)
}

/// Compat: seconds since 1970 as `ctime` writes them.
fn shown_time(seconds: &str) -> String {
    seconds.parse().map_or_else(|_| seconds.to_owned(), |seconds| view::text_time(Timestamp::from_seconds(seconds), &admin::zone()))
}

fn constraints(cib: &Element, ticket: Option<&str>, report: &mut Report) -> Result<Exit, Refusal> {
    let all = cib.descend(&["configuration", "constraints"]).into_iter().flat_map(|section| section.elements_named("rsc_ticket"));
    let found: Vec<&Element> = all.filter(|constraint| ticket.is_none() || constraint.attribute("ticket") == ticket).collect();
    if found.is_empty() {
        let words = call_words(Exit::NO_SUCH.0);
        return Err(Refusal::new(Exit::NO_SUCH, format!("Could not show ticket constraints: {words}")));
    }
    report.line("Constraints XML:\n");
    for constraint in &found {
        report.text(constraint.to_text());
    }
    report.element(Element::new("constraints").with_children(found.into_iter().cloned()));
    Ok(Exit::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Arguments {
        let words = std::iter::once("crm_ticket").chain(words.iter().copied()).map(OsString::from).collect();
        tool::parse_tool::<Arguments>("crm_ticket", words).unwrap().0
    }

    #[test]
    fn several_attributes_are_one_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cib.xml");
        std::fs::write(&path, "<cib validate-with='none' epoch='1' num_updates='1' admin_epoch='0'><configuration/><status/></cib>")
            .unwrap();
        let cluster = Cluster::of_file(&path, "test");
        let change = |words: &[&str]| {
            let cib = cluster.cib().unwrap();
            Changes::of(&read(words)).unwrap().apply(&cluster, "T", state_of(&cib, "T")).unwrap();
            let cib = cluster.cib().unwrap();
            state_of(&cib, "T").unwrap().attributes.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        let granted = change(&["-t", "T", "-g", "-S", "owner", "--attr-value=-1", "-S", "term", "-v", "7", "--force"]);
        assert!(granted.starts_with("id=T granted=true last-granted=1") && granted.ends_with("owner=-1 term=7"), "{granted}");
        assert!(change(&["-t", "T", "-D", "term", "-s"]).ends_with("owner=-1 standby=true"));
        assert!(change(&["-t", "T", "-r"]).contains("granted=false"));
        assert_eq!(Changes::of(&read(&["-t", "T", "-S", "x"])).err().map(|r| r.exit), Some(Exit::USAGE));
    }

    #[test]
    fn a_ticket_that_only_constraints_name_is_known() {
        let cib = "<cib><configuration><constraints><rsc_ticket id='c1' ticket='A' rsc='x'/><rsc_ticket id='c2' ticket='B' rsc='x'/>\
                   <rsc_ticket id='c3' ticket='B' rsc='y'/></constraints></configuration>\
                   <status><tickets><ticket_state id='A' granted='true'/></tickets></status></cib>";
        let cib = xml::parse(cib.as_bytes(), &xml::Limits::default()).unwrap();
        let told: Vec<(Option<String>, bool)> =
            known(&cib).iter().map(|state| (state.id().map(str::to_owned), state.has("granted"))).collect();
        assert_eq!(told, [(Some("A".to_owned()), true), (Some("B".to_owned()), false)]);
    }

    #[test]
    fn only_grants_and_losses_need_force() {
        for (words, expected) in [(&["-g"][..], Some(true)), (&["-r"], Some(false)), (&["-D", "granted"], Some(false)), (&["-s"], None)] {
            assert_eq!(Changes::of(&read(words)).unwrap().grants(), expected, "{words:?}");
        }
    }
}
