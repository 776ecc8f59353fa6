//! `crm_verify`: whether a configuration can work, and what is wrong with it.
//!
//! Three judges are heard: the document's form, what the facts make of it, and the plan. Errors give exit code 78.
//! Compat: messages are on standard error, one a line, beginning with `error:` or `warning:`.

use crate::commands::cib_input::CibInput;
use crate::commands::command_line;
use admin::{Exit, Refusal};
use cib::Level;
use clap::Parser;
use status::{Facts, Severity};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use xml::Element;

/// Checks a configuration for errors.
#[derive(Parser, Debug)]
#[command(name = "crm_verify", disable_version_flag = true)]
pub struct Arguments {
    /// Check the configuration used by the running cluster
    #[arg(short = 'L', long)]
    live_check: bool,
    /// Check the configuration in the named file
    #[arg(short = 'x', long, value_name = "FILE")]
    xml_file: Option<String>,
    /// Check the configuration piped in via standard input
    #[arg(short = 'p', long)]
    xml_pipe: bool,
    /// Check the configuration in the supplied text
    #[arg(short = 'X', long, value_name = "XML")]
    xml_text: Option<String>,
    /// Save the checked XML to a file
    #[arg(short = 'S', long, value_name = "FILE")]
    save_xml: Option<PathBuf>,
    /// Format of the output: text (default) or xml
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "xml"])]
    output_as: String,
    /// Write the output to a file
    #[arg(long, value_name = "DEST")]
    output_to: Option<PathBuf>,
    /// Use more highly formatted output (always done)
    #[arg(long, hide = true)]
    text_fancy: bool,
    /// Show what is wrong (may be given several times)
    #[arg(short = 'V', long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Show nothing but the exit code
    #[arg(short = 'q', long)]
    quiet: bool,
    /// Display software version and exit
    #[arg(short = '$', long)]
    version: bool,
    /// Print help (also --help-all)
    #[arg(long, hide = true)]
    help_all: bool,
}

/// A judgement on a configuration.
#[derive(Default)]
struct Judgement {
    /// Shown however little was asked for: the document is refused as it is.
    refused: Vec<String>,
    errors: Vec<String>,
    warnings: Vec<String>,
}

/// Runs the tool.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let request = command_line::quoted(&arguments);
    let arguments: Arguments = match command_line::parse(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    if arguments.version {
        command_line::print(crate::commands::VERSION_TEXT);
        return ExitCode::SUCCESS;
    }
    if arguments.help_all {
        let help = <Arguments as clap::CommandFactory>::command().render_long_help();
        command_line::print(&help.to_string());
        return ExitCode::SUCCESS;
    }
    let outcome = verify(&arguments);
    let (judgement, exit) = match outcome {
        Ok(judgement) => {
            let exit = if judgement.is_good() { Exit::OK } else { Exit::CONFIG };
            (judgement, exit)
        }
        Err(refusal) if arguments.output_as == "xml" => {
            let exit = refusal.exit;
            (Judgement { refused: vec![refusal.to_string()], ..Judgement::default() }, exit)
        }
        Err(refusal) => {
            eprintln!("crm_verify: {refusal}");
            return ExitCode::from(refusal.exit.0);
        }
    };
    match arguments.output_as.as_str() {
        "xml" => print_xml(&judgement, exit, &request, &arguments),
        _ => judgement.print(&arguments),
    }
    ExitCode::from(exit.0)
}

fn verify(arguments: &Arguments) -> Result<Judgement, Refusal> {
    let input = match (&arguments.xml_file, &arguments.xml_text, arguments.xml_pipe, arguments.live_check) {
        (Some(path), ..) => CibInput::from_argument(path),
        (None, Some(text), ..) => CibInput::Text(text.clone()),
        (None, None, true, _) => CibInput::Stdin,
        (None, None, false, true) => CibInput::Live,
        _ => return Err(Refusal::new(Exit::USAGE, "No configuration source specified. Use --help for usage information.")),
    };
    let cib = input.read("crm_verify")?;
    if let Some(path) = &arguments.save_xml {
        let failed = |error| Refusal::new(Exit::CANNOT_CREATE, format!("failed to write {}: {error}", path.display()));
        std::fs::write(path, cib.to_text()).map_err(failed)?;
    }
    Ok(judge(cib))
}

fn judge(mut cib: Element) -> Judgement {
    let mut judgement = Judgement::default();
    // Configurations are checked without status too: crmsh sends them so.
    if cib.name == "cib" {
        cib.child_or_new("status");
    }
    for problem in cib::validate(&cib) {
        match problem.level {
            Level::Error => judgement.refused.push(problem.to_string()),
            Level::Warning => judgement.warnings.push(problem.to_string()),
        }
    }
    if !judgement.refused.is_empty() {
        return judgement;
    }
    judgement.warnings.extend(cib::upgrade(&cib).notes.iter().map(ToString::to_string));
    let prepared = match rehearsal::prepare(cib) {
        Ok(prepared) => prepared,
        Err(problems) => {
            judgement.refused.extend(problems);
            return judgement;
        }
    };
    judgement.warnings.extend(prepared.remarks.into_iter().map(|remark| format!("warning: {remark}")));
    let facts = Facts::deduce(&prepared.cib, admin::now());
    for problem in &facts.problems {
        match problem.severity {
            Severity::Error => judgement.errors.push(format!("error: {}", problem.text)),
            Severity::Warning => judgement.warnings.push(format!("warning: {}", problem.text)),
            Severity::Notice => {}
        }
    }
    for problem in scheduler::schedule(&facts).problems {
        let text = format!("{}: {}", if problem.is_error { "error" } else { "warning" }, problem.text);
        let known = if problem.is_error { &mut judgement.errors } else { &mut judgement.warnings };
        if !known.contains(&text) {
            known.push(text);
        }
    }
    judgement
}

impl Judgement {
    fn is_good(&self) -> bool {
        self.refused.is_empty() && self.errors.is_empty()
    }

    fn print(&self, arguments: &Arguments) {
        self.refused.iter().for_each(|text| eprintln!("{text}"));
        if arguments.verbose > 0 {
            self.errors.iter().chain(&self.warnings).for_each(|text| eprintln!("{text}"));
        }
        if !self.is_good() && !arguments.quiet {
            eprintln!("crm_verify: Errors found during check: config not valid");
            if arguments.verbose == 0 {
                eprintln!("-V may provide more details");
            }
        }
    }
}

fn print_xml(judgement: &Judgement, exit: Exit, request: &str, arguments: &Arguments) {
    let mut status = Element::new("status").with("code", exit.0.to_string()).with("message", exit.text());
    let texts = judgement.refused.iter().chain(&judgement.errors).chain(&judgement.warnings);
    let errors: Vec<Element> = texts.map(|text| Element::new("error").with_text(text)).collect();
    if !errors.is_empty() {
        status.push(Element::new("errors").with_children(errors));
    }
    let result = Element::new("pacemaker-result").with("api-version", crate::commands::API_VERSION).with("request", request);
    let text = format!("<?xml version=\"1.0\"?>\n{}", result.with_child(status).to_text());
    match arguments.output_to.as_ref().filter(|path| path.as_os_str() != "-") {
        Some(path) => {
            if let Err(error) = std::fs::write(path, text) {
                eprintln!("crm_verify: failed to write {}: {error}", path.display());
            }
        }
        None => command_line::print(&text),
    }
}
