//! How the native commands that change something answer: in sentences for people, or in JSON for programs.

use super::tool;
use admin::{Exit, Refusal};
use clap::{Args, CommandFactory, Parser, ValueEnum};
use serde_json::json;
use std::ffi::OsString;
use std::process::ExitCode;

/// The form of the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
enum Form {
    #[default]
    Text,
    Json,
}

/// A command's own options with those that all native commands have.
#[derive(Parser)]
struct CommandLine<A: Args> {
    #[command(flatten)]
    own: A,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    output: Form,
}

/// Runs a native command: reads its command line, lets it act, tells what it did (a sentence each) or why it did not.
pub fn run<A: Args>(name: &'static str, arguments: Vec<OsString>, act: impl FnOnce(A) -> Result<Vec<String>, Refusal>) -> ExitCode {
    let about = super::find(name).map_or("", |command| command.about);
    let command = CommandLine::<A>::command().name(format!("systole {name}")).bin_name(format!("systole {name}")).about(about);
    let line: CommandLine<A> = match tool::parse_command(command, arguments) {
        Ok(line) => line,
        Err(code) => return code,
    };
    let outcome = act(line.own);
    let exit = outcome.as_ref().map_or_else(|refusal| refusal.exit, |_| Exit::OK);
    match (line.output, outcome) {
        (Form::Text, Ok(sentences)) => sentences.iter().for_each(|sentence| println!("{sentence}")),
        (Form::Text, Err(refusal)) => eprintln!("systole {name}: {refusal}"),
        (Form::Json, Ok(sentences)) => println!("{}", json!({ "done": true, "exit": 0, "said": sentences })),
        (Form::Json, Err(refusal)) => {
            println!("{}", json!({ "done": false, "exit": exit.0, "meaning": exit.text(), "said": [refusal.message] }));
        }
    }
    ExitCode::from(exit.0)
}
