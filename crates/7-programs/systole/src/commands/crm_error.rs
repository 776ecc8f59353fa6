//! `crm_error`: what the numbers of Pacemaker's programs mean.

use super::tool::{self, Report};
use admin::codes::{Code, CodeKind, code, known_codes};
use admin::{Exit, Refusal};
use clap::Args;
use std::ffi::OsString;
use std::process::ExitCode;
use xml::Element;

#[derive(Args)]
struct Arguments {
    /// Show the code's name with its description
    #[arg(short = 'n', long)]
    name: bool,
    /// Show all known codes (also done when no code is given)
    #[arg(short = 'l', long)]
    list: bool,
    /// The codes are exit codes of tools
    #[arg(short = 'X', long)]
    exit: bool,
    /// The codes are return codes
    #[arg(short = 'r', long)]
    rc: bool,
    #[arg(allow_hyphen_values = true)]
    codes: Vec<i32>,
}

/// Runs `crm_error`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<Arguments>("crm_error", arguments, act)
}

fn act(arguments: &Arguments, report: &mut Report) -> Result<Exit, Refusal> {
    let kind = match (arguments.exit, arguments.rc) {
        (true, _) => CodeKind::Exit,
        (false, true) => CodeKind::Return,
        (false, false) => CodeKind::Legacy,
    };
    let is_list = arguments.list || arguments.codes.is_empty();
    let codes: Vec<Code> = match is_list {
        true => known_codes(kind),
        false => arguments.codes.iter().map(|number| code(kind, *number)).collect(),
    };
    for (number, name, words) in codes {
        match (is_list, arguments.name) {
            (true, true) => report.line(format!("{number:5}: {name:<26}  {words}")),
            (true, false) => report.line(format!("{number:5}: {words}")),
            (false, true) => report.line(format!("{name} - {words}")),
            // Compat: the system names the number that it does not know.
            (false, false) if words == "Unknown error" => report.line(format!("{words} {number}")),
            (false, false) => report.line(words),
        }
        let mut element = Element::new("result-code").with("code", number.to_string());
        if arguments.name {
            element.set("name", name);
        }
        report.element(element.with("description", words));
    }
    Ok(Exit::OK)
}
