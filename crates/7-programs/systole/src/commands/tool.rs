//! What every compatible tool has: the options they share, how results are written (text or XML), how they end.
//!
//! A tool's file declares its own options and a function that fills a [`Report`]; [`run`] does the rest. XML results are
//! Pacemaker's `<pacemaker-result>`; in that form errors are part of the result, in text they go to standard error.

use super::{API_VERSION, VERSION_TEXT};
use admin::{Exit, Refusal};
use clap::{Args, CommandFactory, FromArgMatches, Parser};
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use xml::Element;

/// The options of every tool.
#[derive(Args, Clone, Debug, Default)]
pub struct SharedOptions {
    /// Format of the output
    #[arg(long, value_name = "FORMAT", help_heading = "Output Options")]
    pub output_as: Option<String>,
    /// Write the output to a file ("-" for stdout)
    #[arg(long, value_name = "DEST", help_heading = "Output Options")]
    pub output_to: Option<PathBuf>,
    /// Use more highly formatted output (always done)
    #[arg(long, hide = true)]
    text_fancy: bool,
    /// Display software version and exit
    #[arg(short = '$', long)]
    pub version: bool,
    /// Increase debug output (may be given several times)
    #[arg(short = 'V', long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Print help (also --help-all)
    #[arg(short = '?', long, visible_alias = "help-all", action = clap::ArgAction::Help)]
    help: Option<bool>,
}

/// A tool's own options with the shared ones.
#[derive(Parser)]
#[command(disable_help_flag = true, disable_version_flag = true)]
struct CommandLine<A: Args> {
    #[command(flatten)]
    own: A,
    #[command(flatten)]
    shared: SharedOptions,
}

/// Where results go, and how they are written.
pub struct Report {
    tool: String,
    is_xml: bool,
    pub verbose: u8,
    request: String,
    to: Option<PathBuf>,
    text: String,
    elements: Vec<Element>,
    errors: Vec<String>,
}

impl Report {
    /// Returns whether results are wanted as XML.
    pub fn is_xml(&self) -> bool {
        self.is_xml
    }

    /// Adds a line to a result in text.
    pub fn line(&mut self, text: impl AsRef<str>) {
        if !self.is_xml {
            self.text.push_str(text.as_ref());
            self.text.push('\n');
        }
    }

    /// Adds a text (with its line ends) to a result in text.
    pub fn text(&mut self, text: impl AsRef<str>) {
        if !self.is_xml {
            self.text.push_str(text.as_ref());
        }
    }

    /// Adds an element to a result in XML.
    pub fn element(&mut self, element: Element) {
        if self.is_xml {
            self.elements.push(element);
        }
    }

    /// Tells that something went wrong, without ending.
    pub fn error(&mut self, text: impl Into<String>) {
        let text = text.into();
        if self.is_xml {
            self.errors.push(text);
        } else {
            eprintln!("{text}");
        }
    }

    /// Prints what is there already: for tools that take their time. XML is written whole, at the end.
    pub fn flush(&mut self) {
        if self.to.is_none() {
            print(&std::mem::take(&mut self.text));
        }
    }

    fn finish(mut self, exit: Exit) -> ExitCode {
        if self.is_xml {
            let mut status = Element::new("status").with("code", exit.0.to_string()).with("message", exit.text());
            if !self.errors.is_empty() {
                let errors = self.errors.iter().map(|text| Element::new("error").with_text(text));
                status.push(Element::new("errors").with_children(errors));
            }
            self.text = result_element(&self.request).with_children(self.elements).with_child(status).to_text();
        }
        match self.to.as_deref().filter(|path| *path != Path::new("-")) {
            None => print(&self.text),
            Some(path) => {
                if let Err(refusal) = write(path, &self.text) {
                    eprintln!("{}: {refusal}", self.tool);
                    return ExitCode::from(refusal.exit.0);
                }
            }
        }
        ExitCode::from(exit.0)
    }
}

/// Runs a tool: reads its command line, lets it act, writes what it reports.
pub fn run<A: Args>(name: &'static str, arguments: Vec<OsString>, act: impl FnOnce(&A, &mut Report) -> Result<Exit, Refusal>) -> ExitCode {
    let request = quoted(&arguments);
    let (own, shared) = match parse_tool::<A>(name, arguments) {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    let is_xml = match shared.output_as.as_deref() {
        None | Some("text") => false,
        Some("xml") => true,
        Some(other) => {
            eprintln!("{name}: Error creating output format {other}: Unknown output format");
            return ExitCode::from(Exit::ERROR.0);
        }
    };
    let mut report = Report {
        tool: name.to_owned(),
        is_xml,
        verbose: shared.verbose,
        request,
        to: shared.output_to,
        text: String::new(),
        elements: Vec::new(),
        errors: Vec::new(),
    };
    let exit = match act(&own, &mut report) {
        Ok(exit) => exit,
        Err(refusal) => {
            let text = format!("{name}: {}", refusal.message);
            report.error(text);
            refusal.exit
        }
    };
    report.finish(exit)
}

/// Parses a tool's command line; help and the version are printed, a mistake is told (exit code 64).
pub fn parse_tool<A: Args>(name: &'static str, arguments: Vec<OsString>) -> Result<(A, SharedOptions), ExitCode> {
    let line = parse_command::<CommandLine<A>>(tool_command::<A>(name), arguments)?;
    if line.shared.version {
        print(VERSION_TEXT);
        return Err(ExitCode::SUCCESS);
    }
    Ok((line.own, line.shared))
}

/// Returns a tool's options, as help and completions know them.
pub fn tool_command<A: Args>(name: &'static str) -> clap::Command {
    let about = super::find(name).map_or("", |command| command.about);
    // Compat: an option that is given again counts as it was given last.
    let command = CommandLine::<A>::command().name(name).about(about).args_override_self(true);
    // Compat: -h is help, where it is nothing else.
    let has_own = command.get_arguments().any(|argument| {
        argument
            .get_short_and_visible_aliases()
            .into_iter()
            .flatten()
            .chain(argument.get_all_short_aliases().into_iter().flatten())
            .any(|letter| letter == 'h')
    });
    if has_own { command } else { command.mut_arg("help", |help| help.visible_short_alias('h')) }
}

/// Parses a command line; help goes to standard output, a mistake to standard error with code 64.
pub fn parse<A: Parser>(arguments: Vec<OsString>) -> Result<A, ExitCode> {
    parse_command(A::command(), arguments)
}

/// Parses a command line by a description that was made by hand.
pub fn parse_command<A: FromArgMatches>(command: clap::Command, arguments: Vec<OsString>) -> Result<A, ExitCode> {
    parse_with_matches(command, arguments).map(|(parsed, _)| parsed)
}

/// Parses a command line; also returns where on it the options stood.
pub fn parse_with_matches<A: FromArgMatches>(command: clap::Command, arguments: Vec<OsString>) -> Result<(A, clap::ArgMatches), ExitCode> {
    if DESCRIBING.with(|describing| describing.borrow_mut().as_mut().map(|slot| *slot = Some(command.clone()))).is_some() {
        return Err(ExitCode::SUCCESS);
    }
    let parsed = command.try_get_matches_from(arguments).and_then(|matches| A::from_arg_matches(&matches).map(|parsed| (parsed, matches)));
    parsed.map_err(|error| refused(&error))
}

thread_local! {
    /// `Some` while commands are asked for their options only: each leaves them here instead of reading its command line.
    static DESCRIBING: std::cell::RefCell<Option<Option<clap::Command>>> = const { std::cell::RefCell::new(None) };
}

/// Returns the options that a command would read its command line by; `None` for one that has none.
pub fn described(command: &super::Command) -> Option<clap::Command> {
    let daemon: fn(Vec<OsString>) -> ExitCode = super::options_list::daemon;
    if std::ptr::fn_addr_eq(command.run, daemon) || super::PLAIN.contains(&command.name) {
        return None;
    }
    DESCRIBING.with(|describing| *describing.borrow_mut() = Some(None));
    (command.run)(vec![command.name.into()]);
    DESCRIBING.with(|describing| describing.borrow_mut().take()).flatten()
}

/// Prints help, or what is wrong with a command line, and returns the exit code.
pub fn refused(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(Exit::USAGE.0) } else { ExitCode::SUCCESS }
}

/// Returns the root of an XML result.
pub fn result_element(request: &str) -> Element {
    Element::new("pacemaker-result").with("api-version", API_VERSION).with("request", request)
}

/// Returns the command line as XML results quote it.
pub fn quoted(arguments: &[OsString]) -> String {
    arguments.iter().map(|a| a.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Writes a text to standard output; a reader that is gone is no error.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes a text to a file.
pub fn write(path: &Path, text: &str) -> Result<(), Refusal> {
    std::fs::write(path, text).map_err(|error| Refusal::new(Exit::CANNOT_CREATE, format!("failed to write {}: {error}", path.display())))
}
