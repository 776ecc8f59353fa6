//! `crm_mon`: the status of the cluster, in the forms of Pacemaker 2.1.5.

use crate::commands::cib_input::CibInput;
use crate::commands::external_agent::ExternalAgent;
use crate::commands::tool::{self, SharedOptions};
use admin::{Cluster, Exit, Refusal};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};
use jiff::tz::TimeZone;
use messages::client::{ClientBody, FenceRecord, ReplyBody};
use status::Facts;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use view::{Filter, Lines, Sections, Show, StatusView};
use xml::Element;

/// Shows the current state of the cluster.
#[derive(Parser, Debug)]
#[command(name = "crm_mon", disable_version_flag = true, disable_help_flag = true)]
pub struct Arguments {
    /// Add CGI headers (with --output-as=html)
    #[arg(long)]
    html_cgi: bool,
    /// Link to a style sheet (with --output-as=html)
    #[arg(long, value_name = "URI")]
    html_stylesheet: Option<String>,
    /// Title of the page (with --output-as=html)
    #[arg(long, value_name = "TITLE")]
    html_title: Option<String>,

    /// Sections to include, separated by commas; "list" names them
    #[arg(short = 'I', long, value_name = "SECTIONS", help_heading = "Display Options")]
    include: Vec<String>,
    /// Sections to exclude, separated by commas
    #[arg(short = 'U', long, value_name = "SECTIONS", help_heading = "Display Options")]
    exclude: Vec<String>,
    /// Show only what is related to the node, or to nodes with the tag
    #[arg(long, value_name = "NODE", help_heading = "Display Options")]
    node: Option<String>,
    /// Show only what is related to the resource, or to resources with the tag
    #[arg(long, value_name = "RSC", help_heading = "Display Options")]
    resource: Option<String>,
    /// Group resources by node
    #[arg(short = 'n', long, help_heading = "Display Options")]
    group_by_node: bool,
    /// Display inactive resources
    #[arg(short = 'r', long, help_heading = "Display Options")]
    inactive: bool,
    /// Display resource fail counts
    #[arg(short = 'f', long, help_heading = "Display Options")]
    failcounts: bool,
    /// Display resource operation history
    #[arg(short = 'o', long, help_heading = "Display Options")]
    operations: bool,
    /// Display resource operation history with timing details
    #[arg(short = 't', long, help_heading = "Display Options")]
    timing_details: bool,
    /// Display cluster tickets
    #[arg(short = 'c', long, help_heading = "Display Options")]
    tickets: bool,
    /// Show fence history: 0=off, 1=failures and pending, 2=successes too, 3=all of it
    #[arg(short = 'm', long, value_name = "LEVEL", num_args = 0..=1, default_missing_value = "2", help_heading = "Display Options")]
    fence_history: Option<u8>,
    /// Display negative location constraints (those whose id begins with PREFIX)
    #[arg(short = 'L', long, value_name = "PREFIX", num_args = 0..=1, default_missing_value = "", help_heading = "Display Options")]
    neg_locations: Option<String>,
    /// Display node attributes
    #[arg(short = 'A', long, help_heading = "Display Options")]
    show_node_attributes: bool,
    /// Hide all headers
    #[arg(short = 'D', long, help_heading = "Display Options")]
    hide_headers: bool,
    /// Show more details (node ids, individual clone instances)
    #[arg(short = 'R', long, help_heading = "Display Options")]
    show_detail: bool,
    /// Show resource descriptions
    #[arg(long, help_heading = "Display Options")]
    show_description: bool,
    /// Brief output
    #[arg(short = 'b', long, help_heading = "Display Options")]
    brief: bool,
    /// Display pending state if 'record-pending' is enabled (always done)
    #[arg(short = 'j', long, help_heading = "Display Options")]
    pending: bool,
    /// Display the status once as one line (suitable for nagios)
    #[arg(short = 's', long, help_heading = "Display Options")]
    simple_status: bool,

    /// Update frequency (default is 5 seconds)
    #[arg(short = 'i', long, value_name = "TIMESPEC", help_heading = "Additional Options")]
    interval: Option<String>,
    /// Display the status once and exit
    #[arg(short = '1', long, help_heading = "Additional Options")]
    one_shot: bool,
    /// Write the status again and again to --output-to
    #[arg(short = 'd', long, help_heading = "Additional Options")]
    daemonize: bool,
    /// A program to call for each operation that ended
    #[arg(short = 'E', long, value_name = "FILE", help_heading = "Additional Options")]
    external_agent: Option<PathBuf>,
    /// What that program is told as its recipient
    #[arg(short = 'e', long, value_name = "RCPT", help_heading = "Additional Options")]
    external_recipient: Option<String>,
    /// (Advanced) File for the process id
    #[arg(short = 'p', long, value_name = "FILE", help_heading = "Additional Options")]
    pid_file: Option<PathBuf>,
    /// Read the CIB from a file
    #[arg(short = 'x', long, value_name = "FILE", hide = true)]
    xml_file: Option<String>,

    /// Write cluster status to the named HTML file
    #[arg(short = 'h', long, value_name = "FILE", help_heading = "Deprecated Options")]
    as_html: Option<PathBuf>,
    /// Write cluster status as XML in its older form
    #[arg(short = 'X', long, help_heading = "Deprecated Options")]
    as_xml: bool,
    /// Disable the use of ncurses
    #[arg(short = 'N', long, help_heading = "Deprecated Options")]
    disable_ncurses: bool,

    /// Be less descriptive in output
    #[arg(short = 'Q', long)]
    quiet: bool,
    #[command(flatten)]
    shared: SharedOptions,
}

/// The form of the output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Text,
    Xml,
    /// XML with the root that it had before 2.0.4.
    OldXml,
    Html,
    None,
}

/// Runs the tool.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let request = tool::quoted(&arguments);
    let parsed = Arguments::command().try_get_matches_from(arguments).and_then(|m| Arguments::from_arg_matches(&m).map(|a| (a, m)));
    let (arguments, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return tool::refused(&error),
    };
    if arguments.shared.version {
        tool::print(crate::commands::VERSION_TEXT);
        return ExitCode::SUCCESS;
    }
    let monitor = match Monitor::new(arguments, &matches, request) {
        Ok(monitor) => monitor,
        Err(error) => {
            eprintln!("crm_mon: {error}");
            return ExitCode::from(error.exit.0);
        }
    };
    ExitCode::from(monitor.run().0)
}

/// Set for the process that stays in the background, which must not leave once more.
const STAY: &str = "SYSTOLE_STAY";

/// Starts the same command once more, out of the way of whoever called it. Its arguments stay as they were: `ClusterMon` of
/// Pacemaker finds it again by them.
fn detach() -> Exit {
    use std::os::unix::process::CommandExt;
    use std::process::Stdio;
    let started = std::env::current_exe().and_then(|program| {
        let mut command = std::process::Command::new(program);
        command.arg0("crm_mon").args(std::env::args_os().skip_while(|word| !word.to_string_lossy().ends_with("crm_mon")).skip(1));
        command.env(STAY, "1").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn()
    });
    match started {
        Ok(_) => Exit::OK,
        Err(error) => {
            eprintln!("crm_mon: failed to start in the background: {error}");
            Exit::ERROR
        }
    }
}

/// What a running daemon says.
#[derive(Default)]
struct Daemon {
    is_running: bool,
    history: Vec<FenceRecord>,
}

struct Monitor {
    arguments: Arguments,
    form: Form,
    sections: Sections,
    ban_prefix: Option<String>,
    request: String,
    zone: TimeZone,
}

impl Monitor {
    fn new(arguments: Arguments, matches: &ArgMatches, request: String) -> Result<Self, Refusal> {
        let form = match (arguments.as_xml, &arguments.as_html, arguments.shared.output_as.as_deref()) {
            (true, ..) => Form::OldXml,
            (false, Some(_), _) | (false, None, Some("html")) => Form::Html,
            (false, None, Some("xml")) => Form::Xml,
            (false, None, Some("none")) => Form::None,
            (false, None, None | Some("console" | "text")) => Form::Text,
            (false, None, Some(other)) => {
                return Err(Refusal::new(
                    Exit::USAGE,
                    format!("Invalid value '{other}' for --output-as; console, text, xml, html and none are"),
                ));
            }
        };
        let mut choice = Choice::new(form);
        choice.apply_options(&arguments, matches).map_err(|text| Refusal::new(Exit::USAGE, text))?;
        let (sections, ban_prefix) = (choice.sections, choice.ban_prefix);
        Ok(Self { arguments, form, sections, ban_prefix, request, zone: admin::zone() })
    }

    fn input(&self) -> CibInput {
        self.arguments.xml_file.as_deref().map_or(CibInput::Live, CibInput::from_argument)
    }

    /// Shows the status once, or again and again where a person watches.
    fn run(&self) -> Exit {
        let is_file = self.arguments.xml_file.is_some() || Cluster::from_environment("crm_mon").file().is_some();
        let to_terminal = self.arguments.shared.output_to.is_none() && std::io::stdout().is_terminal();
        let is_watched = (to_terminal && self.form == Form::Text) || self.arguments.daemonize || self.arguments.external_agent.is_some();
        if self.arguments.one_shot || self.arguments.simple_status || is_file || !is_watched {
            return self.show();
        }
        if self.arguments.daemonize && std::env::var_os(STAY).is_none() {
            return detach();
        }
        if let Some(path) = &self.arguments.pid_file
            && let Err(error) = std::fs::write(path, format!("{}\n", std::process::id()))
        {
            eprintln!("crm_mon: failed to write {}: {error}", path.display());
            return Exit::CANNOT_CREATE;
        }
        let interval = self.arguments.interval.as_deref().and_then(model::parse_interval).unwrap_or(Duration::from_secs(5));
        let mut agent =
            self.arguments.external_agent.clone().map(|path| ExternalAgent::new(path, self.arguments.external_recipient.clone()));
        loop {
            if let (Some(agent), Ok(prepared)) = (&mut agent, self.input().prepared("crm_mon")) {
                agent.look(&prepared.cib);
            }
            if to_terminal {
                tool::print("\x1b[H\x1b[2J");
            }
            self.show();
            std::thread::sleep(interval.max(Duration::from_millis(100)));
        }
    }

    fn show(&self) -> Exit {
        let cib = self.input().prepared("crm_mon");
        let (text, code) = match cib {
            Ok(prepared) => (self.text_of(&prepared.cib, &self.daemon()), Exit::OK),
            Err(error) => self.failure(&error),
        };
        match self.arguments.shared.output_to.as_ref().or(self.arguments.as_html.as_ref()).filter(|p| p.as_os_str() != "-") {
            None => tool::print(&text),
            Some(path) => {
                if let Err(error) = std::fs::write(path, text) {
                    eprintln!("crm_mon: failed to write {}: {error}", path.display());
                    return Exit::CANNOT_CREATE;
                }
            }
        }
        code
    }

    /// Returns what is printed where there is no status, and the exit code.
    fn failure(&self, error: &Refusal) -> (String, Exit) {
        let text = format!("crm_mon: Connection to cluster failed: {error}");
        match self.form {
            _ if self.arguments.simple_status => {
                eprintln!("crm_mon: CLUSTER CRIT: Connection to cluster failed: {error}");
                (String::new(), Exit(2))
            }
            Form::Xml => {
                let errors = Element::new("errors").with_child(Element::new("error").with_text(text));
                let status = status_element(error.exit).with_child(errors);
                (self.result().with_child(status).to_text(), error.exit)
            }
            Form::OldXml => {
                eprintln!("{text}");
                (Element::new("crm_mon").with("version", crate::commands::COMPATIBLE_VERSION).to_text(), error.exit)
            }
            _ => {
                eprintln!("{text}");
                (String::new(), error.exit)
            }
        }
    }

    fn result(&self) -> Element {
        Element::new("pacemaker-result").with("api-version", crate::commands::API_VERSION).with("request", &self.request)
    }

    /// Asks the daemon, where there is one, for what is not in the CIB.
    fn daemon(&self) -> Daemon {
        let cluster = Cluster::from_environment("crm_mon");
        if self.arguments.xml_file.is_some() || cluster.file().is_some() {
            return Daemon::default();
        }
        let history = match cluster.request(ClientBody::FenceHistory { target: None }) {
            Ok(ReplyBody::FenceHistory(records)) if self.arguments.fence_history != Some(0) => records,
            _ => Vec::new(),
        };
        Daemon { is_running: true, history }
    }

    fn text_of(&self, cib: &Element, daemon: &Daemon) -> String {
        let now = admin::now();
        let facts = Facts::deduce(cib, now);
        let filter = self.filter(&facts);
        let view = StatusView {
            facts: &facts,
            cib,
            show: self.show_options(),
            sections: self.sections,
            filter: &filter,
            ban_prefix: self.ban_prefix.as_deref(),
            now,
            zone: &self.zone,
            local_node: None,
            fence_history: &daemon.history,
            full_fence_history: self.arguments.fence_history == Some(3),
        };
        if self.arguments.simple_status {
            return format!("{}\n", view.one_line());
        }
        match self.form {
            Form::None => String::new(),
            Form::Text => {
                let mut lines = Lines::new();
                if daemon.is_running {
                    let at = view::iso_time(now, &self.zone);
                    lines.raw(format_args!("Status of pacemakerd: 'Pacemaker is running' (last updated {at})"));
                }
                view.print(&mut lines);
                lines.into_text()
            }
            Form::Xml => {
                let mut result = self.result();
                if daemon.is_running {
                    let at = view::iso_time(now, &self.zone);
                    let state = Element::new("pacemakerd").with("sys_from", "pacemakerd").with("state", "running");
                    result.push(state.with("last_updated", at));
                }
                result.with_children(view.to_elements()).with_child(status_element(Exit::OK)).to_text()
            }
            Form::OldXml => {
                let root = Element::new("crm_mon").with("version", crate::commands::COMPATIBLE_VERSION);
                root.with_children(view.to_elements()).to_text()
            }
            Form::Html => self.page(&view),
        }
    }

    /// Returns the status as a page: the text as it is, between a head and a foot.
    fn page(&self, view: &StatusView<'_>) -> String {
        let mut lines = Lines::new();
        view.print(&mut lines);
        let title = self.arguments.html_title.as_deref().unwrap_or("Cluster Status");
        let mut head = Element::new("head").with_child(Element::new("title").with_text(title));
        if let Some(sheet) = &self.arguments.html_stylesheet {
            head.push(Element::new("link").with("rel", "stylesheet").with("href", sheet));
        }
        let seconds = self.arguments.interval.as_deref().and_then(model::parse_interval).map_or(5, |d| d.as_secs());
        head.push(Element::new("meta").with("http-equiv", "refresh").with("content", seconds.to_string()));
        let body = Element::new("body").with_child(Element::new("pre").with_text(lines.into_text()));
        let page = Element::new("html").with_child(head).with_child(body).to_text();
        let header = if self.arguments.html_cgi { "Content-Type: text/html\n\n" } else { "" };
        format!("{header}<!DOCTYPE html>\n{page}")
    }

    fn show_options(&self) -> Show {
        let arguments = &self.arguments;
        let is_xml = matches!(self.form, Form::Xml | Form::OldXml);
        Show {
            inactive: arguments.inactive || is_xml,
            pending: true,
            brief: arguments.brief,
            by_node: arguments.group_by_node,
            clone_detail: arguments.show_detail,
            implied: arguments.show_detail,
            node_id: arguments.show_detail,
            failed_detail: arguments.show_detail,
            timing: arguments.timing_details || is_xml,
            description: arguments.show_description,
            feature_set: arguments.show_detail && !is_xml,
            ..Show::default()
        }
    }

    fn filter(&self, facts: &Facts) -> Filter {
        let tagged = |name: &String| -> BTreeSet<String> {
            let tag = facts.tags.get(name.as_str());
            tag.map(|tag| tag.references.iter().map(|id| id.to_string()).collect()).unwrap_or_default()
        };
        let nodes = self.arguments.node.as_ref().map(|name| {
            let tagged = tagged(name);
            let is_tagged = |node: &&status::Node| tagged.contains(node.id.as_str()) || tagged.contains(node.name.as_str());
            let mut names: BTreeSet<String> =
                facts.nodes.iter().filter(is_tagged).map(|node| node.name.as_str().to_ascii_lowercase()).collect();
            names.insert(name.to_ascii_lowercase());
            names
        });
        let resources = self.arguments.resource.as_ref().map(|name| {
            let mut names = tagged(name);
            names.insert(name.clone());
            names
        });
        Filter { nodes, resources }
    }
}

fn status_element(code: Exit) -> Element {
    Element::new("status").with("code", code.0.to_string()).with("message", code.text())
}

/// The sections, as options change them from left to right.
struct Choice {
    form: Form,
    sections: Sections,
    ban_prefix: Option<String>,
}

impl Choice {
    fn new(form: Form) -> Self {
        let mut choice = Self { form, sections: Sections::NONE, ban_prefix: None };
        choice.sections = choice.default_sections();
        choice
    }

    fn all_sections(&self) -> Sections {
        match self.form {
            Form::Text => Sections { options: false, ..Sections::ALL },
            _ => Sections::ALL,
        }
    }

    fn default_sections(&self) -> Sections {
        match self.form {
            Form::Xml | Form::OldXml => Sections::ALL,
            _ => Sections { nodes: true, resources: true, failures: true, fence_failed: true, fence_pending: true, ..Sections::SUMMARY },
        }
    }

    /// Applies every option that chooses sections, in the order of the command line.
    fn apply_options(&mut self, arguments: &Arguments, matches: &ArgMatches) -> Result<(), String> {
        match arguments.fence_history {
            Some(0) => self.exclude("fencing")?,
            Some(1) => self.include("fencing-failed,fencing-pending")?,
            Some(2 | 3) => self.include("fencing")?,
            Some(_) => return Err("Fence history must be 0-3".to_owned()),
            None => {}
        }
        let mut steps: Vec<(usize, bool, String)> = Vec::new();
        let mut add = |id: &str, includes: bool, values: Vec<String>| {
            let indices = matches.indices_of(id).into_iter().flatten();
            steps.extend(indices.zip(values).map(|(at, value)| (at, includes, value)));
        };
        add("include", true, arguments.include.clone());
        add("exclude", false, arguments.exclude.clone());
        for (id, is_given, includes, sections) in [
            ("failcounts", arguments.failcounts, true, "failcounts"),
            ("operations", arguments.operations, true, "failcounts,operations"),
            ("timing_details", arguments.timing_details, true, "operations"),
            ("tickets", arguments.tickets, true, "tickets"),
            ("show_node_attributes", arguments.show_node_attributes, true, "attributes"),
            ("hide_headers", arguments.hide_headers, false, "summary"),
        ] {
            if is_given {
                add(id, includes, vec![sections.to_owned()]);
            }
        }
        if let Some(prefix) = &arguments.neg_locations {
            let sections = if prefix.is_empty() { "bans".to_owned() } else { format!("bans:{prefix}") };
            add("neg_locations", true, vec![sections]);
        }
        steps.sort_by_key(|(at, ..)| *at);
        for (_, includes, value) in steps {
            if includes { self.include(&value)? } else { self.exclude(&value)? }
        }
        Ok(())
    }

    fn include(&mut self, list: &str) -> Result<(), String> {
        for name in list.split(',') {
            match name {
                "all" => self.sections = self.all_sections(),
                "default" | "defaults" => self.sections = merged(self.sections, self.default_sections()),
                "none" => self.sections = Sections::NONE,
                _ if name.starts_with("bans") => {
                    self.sections.bans = true;
                    self.ban_prefix = name.strip_prefix("bans:").map(str::to_owned);
                }
                _ => self.set(name, true).ok_or_else(|| wrong("include", "bans[:PREFIX]", "default, "))?,
            }
        }
        Ok(())
    }

    fn exclude(&mut self, list: &str) -> Result<(), String> {
        for name in list.split(',') {
            match name {
                "all" => self.sections = Sections::NONE,
                "none" => self.sections = self.all_sections(),
                _ => self.set(name, false).ok_or_else(|| wrong("exclude", "bans", ""))?,
            }
        }
        Ok(())
    }

    fn set(&mut self, name: &str, on: bool) -> Option<()> {
        let s = &mut self.sections;
        match name.to_ascii_lowercase().as_str() {
            "attributes" => s.attributes = on,
            "bans" => s.bans = on,
            "counts" => s.counts = on,
            "dc" => s.dc = on,
            "failcounts" => s.failcounts = on,
            "failures" => s.failures = on,
            "fencing" => (s.fence_failed, s.fence_pending, s.fence_worked) = (on, on, on),
            "fencing-failed" => s.fence_failed = on,
            "fencing-pending" => s.fence_pending = on,
            "fencing-succeeded" => s.fence_worked = on,
            "maint-mode" => s.maintenance = on,
            "nodes" => s.nodes = on,
            "operations" => s.operations = on,
            "options" => s.options = on,
            "resources" => s.resources = on,
            "stack" => s.stack = on,
            "summary" => (s.stack, s.dc, s.times, s.counts, s.maintenance) = (on, on, on, on, on),
            "tickets" => s.tickets = on,
            "times" => s.times = on,
            _ => return None,
        }
        Some(())
    }
}

fn merged(a: Sections, b: Sections) -> Sections {
    Sections {
        stack: a.stack || b.stack,
        dc: a.dc || b.dc,
        times: a.times || b.times,
        counts: a.counts || b.counts,
        options: a.options || b.options,
        maintenance: a.maintenance || b.maintenance,
        nodes: a.nodes || b.nodes,
        resources: a.resources || b.resources,
        attributes: a.attributes || b.attributes,
        failcounts: a.failcounts || b.failcounts,
        operations: a.operations || b.operations,
        failures: a.failures || b.failures,
        fence_failed: a.fence_failed || b.fence_failed,
        fence_pending: a.fence_pending || b.fence_pending,
        fence_worked: a.fence_worked || b.fence_worked,
        tickets: a.tickets || b.tickets,
        bans: a.bans || b.bans,
    }
}

fn wrong(option: &str, bans: &str, default: &str) -> String {
    format!(
        "--{option} options: all, attributes, {bans}, counts, dc, {default}failcounts, failures, fencing, fencing-failed, \
         fencing-pending, fencing-succeeded, maint-mode, nodes, none, operations, options, resources, stack, summary, tickets, times"
    )
}
