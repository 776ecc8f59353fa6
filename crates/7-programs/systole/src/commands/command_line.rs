//! How tools read their command line and write to standard output.

use admin::Exit;
use std::ffi::OsString;
use std::io::Write;
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
    let words: Vec<String> = arguments.iter().map(|a| a.to_string_lossy().into_owned()).collect();
    let name = words.first().map(|w| w.rsplit('/').next().unwrap_or(w).to_owned()).unwrap_or_default();
    std::iter::once(name).chain(words.into_iter().skip(1)).collect::<Vec<_>>().join(" ")
}

/// Writes a text to standard output; a reader that is gone is no error.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
