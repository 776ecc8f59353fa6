//! Exit codes that callers of the compatible tools rely on.

use std::process::ExitCode;

pub const OK: u8 = 0;
pub const ERROR: u8 = 1;
pub const USAGE: u8 = 64;
pub const DATA_ERROR: u8 = 65;
pub const NO_INPUT: u8 = 66;
pub const CANNOT_CREATE: u8 = 73;
pub const INVALID_CONFIGURATION: u8 = 78;
pub const NOT_CONNECTED: u8 = 102;

/// Returns the words that go with a code in `<status message=…>`.
pub fn message(code: u8) -> &'static str {
    match code {
        OK => "OK",
        ERROR => "Error occurred",
        USAGE => "Incorrect usage",
        DATA_ERROR => "Invalid data given",
        NO_INPUT => "Input file not available",
        CANNOT_CREATE => "File could not be created",
        INVALID_CONFIGURATION => "Invalid configuration",
        NOT_CONNECTED => "Not connected",
        _ => "Unknown exit status",
    }
}

/// Parses a command line; help goes to standard output, a mistake to standard error with code 64.
pub fn parse<A: clap::Parser>(arguments: Vec<std::ffi::OsString>) -> Result<A, ExitCode> {
    A::try_parse_from(arguments).map_err(|error| {
        let _ = error.print();
        if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
    })
}

/// Writes a text to standard output; a reader that is gone is no error.
pub fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
