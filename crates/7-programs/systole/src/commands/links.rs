//! `systole links`: makes the links under which the program is called by the field's names; for packages.

use super::{Audience, COMMANDS};
use clap::Parser;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Makes the links of tools and agents below a folder that holds usr/sbin/systole
#[derive(Parser)]
#[command(name = "systole links")]
struct Arguments {
    /// The folder; `/` for the machine itself
    folder: PathBuf,
}

/// Runs `systole links`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    match super::tool::parse::<Arguments>(arguments) {
        Ok(arguments) => super::finish("links", make(&arguments.folder).map_err(Into::into)),
        Err(code) => code,
    }
}

fn make(folder: &Path) -> std::io::Result<()> {
    let tools = COMMANDS.iter().filter(|command| command.audience == Audience::Compatible).map(|command| command.name);
    put(&folder.join("usr/sbin"), "systole", tools)?;
    put(&folder.join("usr/lib/ocf/resource.d/systole"), "../../../../sbin/systole", ocf::AGENTS.iter().map(|agent| agent.name))
}

fn put(folder: &Path, target: &str, names: impl Iterator<Item = &'static str>) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    for name in names {
        let link = folder.join(name);
        if link.symlink_metadata().is_ok() {
            fs::remove_file(&link)?;
        }
        symlink(target, link)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_and_agent_is_a_link_to_the_program() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("usr/sbin")).unwrap();
        fs::write(folder.path().join("usr/sbin/systole"), "").unwrap();
        // Twice: what is there is replaced.
        make(folder.path()).unwrap();
        make(folder.path()).unwrap();
        for link in ["usr/sbin/crm_mon", "usr/lib/ocf/resource.d/systole/Dummy"] {
            let whole = fs::canonicalize(folder.path().join(link)).unwrap();
            assert_eq!(whole, fs::canonicalize(folder.path().join("usr/sbin/systole")).unwrap(), "{link}");
        }
    }
}
