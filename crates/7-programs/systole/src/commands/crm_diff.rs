//! `crm_diff`: the difference of two CIBs as a patch, and a patch applied to a file.

use super::tool;
use admin::{Exit, Refusal};
use cib::patch::{self, Patch};
use clap::Args;
use std::ffi::OsString;
use std::process::ExitCode;
use xml::{Element, Layout};

#[derive(Args, Debug)]
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
    /// The inputs are CIBs: a patch is applied only to the version that it is for
    #[arg(short = 'c', long)]
    cib: bool,
    /// Leave the versions out of the patch
    #[arg(short = 'u', long)]
    no_version: bool,
}

/// Runs `crm_diff`. The exit code is 1 when there is a difference.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<Arguments>("crm_diff", arguments, |arguments, report| match act(arguments)? {
        None => Ok(Exit::OK),
        Some(element) => {
            report.text(element.to_text_as(Layout::Quoted));
            report.element(element);
            Ok(if arguments.patch.is_none() { Exit::ERROR } else { Exit::OK })
        }
    })
}

fn input(file: Option<&String>, text: Option<&String>, what: &str) -> Result<Element, Refusal> {
    match (file, text) {
        (_, Some(text)) => admin::parse(text.as_bytes(), what).map_err(no_data),
        (Some(path), None) => admin::read_file(path.as_ref()).map_err(no_data),
        (None, None) => Err(Refusal::new(Exit::USAGE, format!("{what} is needed"))),
    }
}

/// Compat: whatever keeps an input from being read ends with one code.
fn no_data(refusal: Refusal) -> Refusal {
    Refusal::new(Exit::DATA, refusal.message)
}

/// Returns the patch, or the patched document; nothing where the two do not differ.
fn act(arguments: &Arguments) -> Result<Option<Element>, Refusal> {
    if arguments.cib && arguments.no_version {
        return Err(Refusal::new(Exit::USAGE, "-u/--no-version incompatible with -c/--cib"));
    }
    let original = input(arguments.original.as_ref(), arguments.original_string.as_ref(), "the original (--original)")?;
    if let Some(path) = &arguments.patch {
        let given = admin::read_file(path.as_ref()).map_err(no_data)?;
        let patch = Patch::from_xml(&given).map_err(|error| Refusal::new(Exit::DATA, error.to_string()))?;
        let failed = |error: patch::PatchError| Refusal::new(Exit::ERROR, format!("Could not apply patch: {error}"));
        let patched = patch::apply(&patch, &original, arguments.cib).map_err(failed)?;
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
        let words = std::iter::once("crm_diff").chain(words.iter().copied()).map(OsString::from).collect();
        tool::parse_tool::<Arguments>("crm_diff", words).unwrap().0
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
        assert_eq!(act(&read(&["-c", "-u", "-O", old, "-N", new])).unwrap_err().exit, Exit::USAGE);
        assert_eq!(act(&read(&["-O", "<cib", "-N", new])).unwrap_err().exit, Exit::DATA);
        assert_eq!(act(&read(&["-O", old, "-n", "/nonexistent"])).unwrap_err().exit, Exit::DATA);
        // The version counts where the inputs are said to be CIBs.
        let path = file.display().to_string();
        let words = ["-O", "<cib epoch='7'><configuration/></cib>", "-p", path.as_str(), "-c"];
        assert!(act(&read(&words[..4])).unwrap().is_some());
        assert_eq!(act(&read(&words)).unwrap_err().exit, Exit::ERROR);
    }
}
