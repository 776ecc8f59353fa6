//! `fence_watchdog`: the name under which self-fencing by watchdog is configured. There is nothing to run; it describes itself.

use std::ffi::OsString;
use std::io::Read;
use std::process::ExitCode;

/// Runs `fence_watchdog`: options on the command line, else NAME=VALUE lines on standard input, as all fence agents do.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let words: Vec<String> = arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let action = if words.is_empty() {
        let mut text = String::new();
        // What cannot be read asks for nothing.
        let _ = std::io::stdin().take(1 << 20).read_to_string(&mut text);
        text.lines().find_map(|line| line.trim().strip_prefix("action=")).unwrap_or("metadata").to_owned()
    } else {
        action_of(&words)
    };
    match action.as_str() {
        "metadata" => {
            print!("{}", watchdog::METADATA);
            ExitCode::SUCCESS
        }
        "monitor" | "list" | "status" => ExitCode::SUCCESS,
        "version" => {
            println!("{}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("fence_watchdog: a node fences itself by its watchdog; this program cannot do '{action}' (it knows metadata)");
            ExitCode::FAILURE
        }
    }
}

fn action_of(words: &[String]) -> String {
    for (place, word) in words.iter().enumerate() {
        match word.as_str() {
            "-V" | "--version" => return "version".to_owned(),
            "-o" | "--action" => return words.get(place + 1).cloned().unwrap_or_default(),
            _ => {}
        }
        if let Some(action) = word.strip_prefix("--action=").or_else(|| word.strip_prefix("-o")) {
            return action.to_owned();
        }
    }
    "metadata".to_owned()
}
