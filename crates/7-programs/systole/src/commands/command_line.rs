//! How tools read their command line and write their results.

use admin::{Exit, Refusal};
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Parses a command line; help goes to standard output, a mistake to standard error with code 64.
pub fn parse<A: clap::Parser>(arguments: Vec<OsString>) -> Result<A, ExitCode> {
    A::try_parse_from(arguments).map_err(|error| refused(&error))
}

/// Prints help, or what is wrong with a command line, and returns the exit code.
pub fn refused(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(Exit::USAGE.0) } else { ExitCode::SUCCESS }
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
