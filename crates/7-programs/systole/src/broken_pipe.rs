//! `systole … | head`: whoever reads our output may stop reading. That ends the program, quietly, as it ends others.

use std::any::Any;
use std::panic::{self, UnwindSafe};
use std::process::ExitCode;

/// What a shell shows of a program that SIGPIPE ended.
const ENDED_BY_SIGPIPE: u8 = 141;

/// Runs the program. Where its output is no longer read it unwinds, so that a sandbox still ends its nodes, and nothing is said.
pub fn end_quietly(run: impl FnOnce() -> ExitCode + UnwindSafe) -> ExitCode {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !is_broken_pipe(info.payload()) {
            usual(info);
        }
    }));
    match panic::catch_unwind(run) {
        Ok(code) => code,
        Err(payload) if is_broken_pipe(payload.as_ref()) => ExitCode::from(ENDED_BY_SIGPIPE),
        Err(payload) => panic::resume_unwind(payload),
    }
}

/// The library's own words, of `println!` and `eprintln!` and their kin: it has no other way to tell.
fn is_broken_pipe(payload: &(dyn Any + Send)) -> bool {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.is_some_and(|text| text.starts_with("failed printing to std") && text.contains("Broken pipe"))
}
