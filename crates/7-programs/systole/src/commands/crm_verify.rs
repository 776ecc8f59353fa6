//! `crm_verify`: whether a configuration can work, and what is wrong with it.
//!
//! Three judges are heard: the document's form, what the facts make of it, and the plan. Errors give exit code 78.
//! Compat: messages are on standard error, one a line, beginning with `error:` or `warning:`.

use crate::commands::cib_input::CibInput;
use crate::commands::tool::{self, Report};
use admin::{Exit, Refusal};
use cib::Level;
use clap::Args;
use status::{Facts, Severity};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use xml::Element;

#[derive(Args, Debug)]
struct Arguments {
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
    /// Show nothing but the exit code
    #[arg(short = 'q', long)]
    quiet: bool,
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
    tool::run::<Arguments>("crm_verify", arguments, |arguments, report| {
        let judgement = verify(arguments)?;
        judgement.tell(arguments, report);
        Ok(if judgement.is_good() { Exit::OK } else { Exit::CONFIG })
    })
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
    let has_status = cib.child("status").is_some_and(|status| status.elements().next().is_some());
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
    // Compat: without a status nothing is known of the nodes, and of what would be done with them nothing is said.
    if !has_status {
        let document = cib::Cib::new(facts.cib());
        let problems = scheduler::constraints::constraints(&facts, &document.configuration).problems;
        let shown = problems.into_iter().filter(|problem| problem.severity != Severity::Notice);
        shown.for_each(|problem| judgement.note(problem.severity == Severity::Error, &problem.text));
        return judgement;
    }
    for problem in scheduler::schedule(&facts).problems {
        judgement.note(problem.is_error, &problem.text);
    }
    judgement
}

impl Judgement {
    /// Notes what is wrong, once.
    fn note(&mut self, is_error: bool, text: &str) {
        let text = format!("{}: {text}", if is_error { "error" } else { "warning" });
        let known = if is_error { &mut self.errors } else { &mut self.warnings };
        if !known.contains(&text) {
            known.push(text);
        }
    }

    fn is_good(&self) -> bool {
        self.refused.is_empty() && self.errors.is_empty()
    }

    fn tell(&self, arguments: &Arguments, report: &mut Report) {
        self.refused.iter().for_each(|text| report.error(text));
        if report.verbose > 0 || report.is_xml() {
            self.errors.iter().chain(&self.warnings).for_each(|text| report.error(text));
        }
        if !self.is_good() && !arguments.quiet && !report.is_xml() {
            report.error("crm_verify: Errors found during check: config not valid");
            if report.verbose == 0 {
                report.error("-V may provide more details");
            }
        }
    }
}
