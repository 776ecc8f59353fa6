//! `crm_diff`: the difference of two CIBs as a patch, and a patch applied to a file.

use super::here;
use admin::{Exit, Refusal};
use cib::patch::{self, Patch};
use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;
use xml::Element;

/// Compare two configurations, or apply a patch to one
#[derive(Parser, Debug)]
#[command(name = "crm_diff", version, disable_version_flag = true)]
struct Arguments {
    /// The original is in this file (- is standard input)
    #[arg(short = 'o', long)]
    original: Option<String>,
    /// The original is given here
    #[arg(short = 'O', long)]
    original_string: Option<String>,
    /// What it is compared with is in this file (- is standard input)
    #[arg(short = 'n', long)]
    new: Option<String>,
    /// What it is compared with is given here
    #[arg(short = 'N', long)]
    new_string: Option<String>,
    /// Apply the patch in this file (- is standard input) to the original
    #[arg(short = 'p', long)]
    patch: Option<String>,
    /// The inputs are CIBs (this is found out anyway)
    #[arg(short = 'c', long)]
    cib: bool,
    /// Leave the versions out of the patch
    #[arg(short = 'u', long)]
    no_version: bool,
    /// Say more (accepted, without effect)
    #[arg(short = 'V', long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Display the version
    #[arg(short = '$', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// Runs `crm_diff`. The exit code is 1 when there is a difference.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match super::parse::<Arguments>(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match act(&arguments) {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(element)) => {
            println!("{}", element.to_text().trim_end());
            ExitCode::from(u8::from(arguments.patch.is_none()))
        }
        Err(refusal) => here::end("crm_diff", Err(refusal)),
    }
}

fn input(file: Option<&String>, text: Option<&String>, what: &str) -> Result<Element, Refusal> {
    match (file, text) {
        (_, Some(text)) => admin::parse(text.as_bytes(), what),
        (Some(path), None) => admin::read_file(path.as_ref()),
        (None, None) => Err(Refusal::new(Exit::USAGE, format!("{what} is needed"))),
    }
}

/// Returns the patch, or the patched document; nothing where the two do not differ.
fn act(arguments: &Arguments) -> Result<Option<Element>, Refusal> {
    let original = input(arguments.original.as_ref(), arguments.original_string.as_ref(), "the original (--original)")?;
    if let Some(path) = &arguments.patch {
        let patch = Patch::from_xml(&admin::read_file(path.as_ref())?).map_err(|error| Refusal::new(Exit::DATA, error.to_string()))?;
        let patched = patch::apply(&patch, &original, true).map_err(|error| Refusal::new(Exit::OLD, error.to_string()))?;
        return Ok(Some(patched));
    }
    let new = input(arguments.new.as_ref(), arguments.new_string.as_ref(), "what to compare with (--new)")?;
    let mut patch = patch::diff(&original, &new);
    if patch.is_empty() {
        return Ok(None);
    }
    if arguments.no_version {
        patch.versions = None;
    }
    Ok(Some(patch.to_xml()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Arguments {
        Arguments::try_parse_from(std::iter::once("crm_diff").chain(words.iter().copied())).unwrap()
    }

    #[test]
    fn a_patch_turns_the_original_into_the_new() {
        let (old, new) = ("<cib epoch='1'><configuration/></cib>", "<cib epoch='2'><configuration><nodes/></configuration></cib>");
        let patch = act(&read(&["-O", old, "-N", new])).unwrap().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("patch.xml");
        std::fs::write(&file, patch.to_text()).unwrap();
        let patched = act(&read(&["-O", old, "-p", &file.display().to_string()])).unwrap().unwrap();
        assert_eq!(patched.child("configuration").and_then(|c| c.child("nodes")).map(|e| e.name.as_str()), Some("nodes"));
        assert!(act(&read(&["-O", old, "-N", old])).unwrap().is_none());
        assert!(!act(&read(&["-u", "-O", old, "-N", new])).unwrap().unwrap().to_compact().contains("<version"));
        assert_eq!(act(&read(&["-N", new])).unwrap_err().exit, Exit::USAGE);
    }
}
