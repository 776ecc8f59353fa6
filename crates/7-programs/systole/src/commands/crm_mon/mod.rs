//! `crm_mon`: the status of the cluster, in the forms of Pacemaker 2.1.5; once, or again whenever something happens.

mod sections;
mod watch;

use crate::commands::cib_input::CibInput;
use crate::commands::tool::{self, SharedOptions};
use admin::{Cluster, Exit, Refusal};
use clap::{ArgMatches, CommandFactory, Parser};
use jiff::tz::TimeZone;
use messages::client::{ClientBody, FenceRecord, ReplyBody};
use sections::Choice;
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
    /// The same as --output-as=html --html-cgi
    #[arg(short = 'w', long, hide = true)]
    web_cgi: bool,
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
    /// Of our own: what `systole status -o json` prints.
    Json,
    None,
}

/// Runs the tool.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let request = tool::quoted(&arguments);
    let (arguments, matches) = match tool::parse_with_matches::<Arguments>(Arguments::command().args_override_self(true), arguments) {
        Ok(parsed) => parsed,
        Err(code) => return code,
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
        if arguments.web_cgi && arguments.xml_file.is_none() && Cluster::from_environment("crm_mon").file().is_some() {
            // Compat: a server's page shows the cluster, not what its environment names.
            return Err(Refusal::new(Exit::USAGE, "CGI mode used with CIB file"));
        }
        let form = match (arguments.as_xml, &arguments.as_html, arguments.shared.output_as.as_deref()) {
            _ if arguments.web_cgi => Form::Html,
            (true, ..) => Form::OldXml,
            (false, Some(_), _) | (false, None, Some("html")) => Form::Html,
            (false, None, Some("xml")) => Form::Xml,
            (false, None, Some("json")) => Form::Json,
            (false, None, Some("none")) => Form::None,
            (false, None, None | Some("console" | "text")) => Form::Text,
            (false, None, Some(other)) => {
                return Err(Refusal::new(
                    Exit::USAGE,
                    format!("Invalid value '{other}' for --output-as; console, text, xml, html, json and none are"),
                ));
            }
        };
        if let Some(text) = arguments.interval.as_deref().filter(|text| model::parse_interval(text).is_none()) {
            return Err(Refusal::new(Exit::USAGE, format!("Invalid value for -i: {text}")));
        }
        let mut choice = Choice::new(form);
        choice.apply_options(&arguments, matches).map_err(|text| Refusal::new(Exit::USAGE, text))?;
        let (sections, ban_prefix) = (choice.sections, choice.ban_prefix);
        Ok(Self { arguments, form, sections, ban_prefix, request, zone: admin::zone() })
    }

    fn input(&self) -> CibInput {
        self.arguments.xml_file.as_deref().map_or(CibInput::Live, CibInput::from_argument)
    }

    /// Shows the status once, or again and again where a person watches.
    fn run(mut self) -> Exit {
        // Whoever starts it hears that its process could not be found again; what runs in the background could tell nobody.
        if let (true, Some(path)) = (self.arguments.daemonize, &self.arguments.pid_file)
            && let Err(error) = std::fs::OpenOptions::new().append(true).create(true).open(path)
        {
            eprintln!("crm_mon: failed to write {}: {error}", path.display());
            return Exit::CANNOT_CREATE;
        }
        let is_file = self.arguments.xml_file.is_some() || Cluster::from_environment("crm_mon").file().is_some();
        let to_terminal = self.arguments.shared.output_to.is_none() && self.arguments.as_html.is_none() && std::io::stdout().is_terminal();
        let is_watched = (to_terminal && self.form == Form::Text) || self.arguments.daemonize || self.arguments.external_agent.is_some();
        if self.arguments.one_shot || self.arguments.simple_status || is_file || !is_watched {
            return self.show();
        }
        let has_output = self.arguments.shared.output_to.is_some() || self.arguments.as_html.is_some();
        if self.arguments.daemonize && !has_output && self.arguments.external_agent.is_none() {
            eprintln!("crm_mon: --daemonize requires at least one of --output-to and --external-agent");
            return Exit::USAGE;
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
        watch::watch(&mut self, to_terminal)
    }

    fn show(&self) -> Exit {
        let cib = self.input().prepared("crm_mon");
        let (text, code) = match cib {
            Ok(prepared) => (self.text_of(&prepared.cib, &self.daemon()), Exit::OK),
            Err(error) => self.failure(&error),
        };
        match self.arguments.shared.output_to.as_ref().or(self.arguments.as_html.as_ref()).filter(|p| p.as_os_str() != "-") {
            None => tool::print(&text),
            // Whoever reads the file meanwhile finds the old status or the new one.
            Some(path) => {
                let written = if path.is_file() && !path.is_symlink() {
                    let temporary = PathBuf::from(format!("{}.{}", path.display(), std::process::id()));
                    let permissions = std::fs::metadata(path).map(|data| data.permissions());
                    let put = |()| permissions.and_then(|permissions| std::fs::set_permissions(&temporary, permissions));
                    std::fs::write(&temporary, text).and_then(put).and_then(|()| std::fs::rename(&temporary, path))
                } else {
                    std::fs::write(path, text)
                };
                if let Err(error) = written {
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
        if self.arguments.xml_file.is_some() || !cluster.is_here() {
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
            // Compat: that there is no coordinator is told whatever else is shown.
            sections: Sections { dc: self.sections.dc || facts.dc.is_none(), ..self.sections },
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
            Form::Json => format!("{:#}\n", view.to_json()),
        }
    }

    /// Returns the status as a page.
    fn page(&self, view: &StatusView<'_>) -> String {
        let mut lines = Lines::new();
        view.print(&mut lines);
        let is_repeated = self.arguments.daemonize || self.arguments.interval.is_some();
        let page = view::Page {
            title: self.arguments.html_title.as_deref().unwrap_or("Cluster Status"),
            stylesheet: self.arguments.html_stylesheet.as_deref(),
            refresh: is_repeated.then(|| self.interval().as_secs().max(1)),
        };
        let header = if self.arguments.html_cgi || self.arguments.web_cgi { "Content-Type: text/html\n\n" } else { "" };
        format!("{header}{}", view::page(&page, &lines.into_text()))
    }

    fn interval(&self) -> Duration {
        self.arguments.interval.as_deref().and_then(model::parse_interval).unwrap_or(Duration::from_secs(5))
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
