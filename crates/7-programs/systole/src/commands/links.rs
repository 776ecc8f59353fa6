//! `systole links`: what a package installs besides the program: links under the field's names, a manual page for each command,
//! and completions for shells. All of it is made of the one table of commands and their options.

use super::{Audience, COMMANDS, Command, options_list, tool};
use clap::Parser;
use clap_complete::Shell;
use std::ffi::OsString;
use std::fs;
use std::io::Result;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Makes links of tools and agents, manual pages and completions below a folder that holds usr/sbin/systole
#[derive(Parser)]
#[command(name = "systole links")]
struct Arguments {
    /// The folder; `/` for the machine itself
    folder: PathBuf,
}

/// Runs `systole links`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    match tool::parse::<Arguments>(arguments) {
        Ok(arguments) => super::finish("links", make(&arguments.folder).map_err(Into::into)),
        Err(code) => code,
    }
}

fn make(folder: &Path) -> Result<()> {
    let compatible = || COMMANDS.iter().filter(|command| command.audience == Audience::Compatible);
    put(&folder.join("usr/sbin"), "systole", compatible().map(|command| command.name))?;
    // Compat: crmsh and pcs ask daemons for meta-data by the paths these have in Pacemaker's package.
    let daemons = compatible().filter(|command| is_daemon(command)).map(|command| command.name);
    put(&folder.join("usr/lib/pacemaker"), "../../sbin/systole", daemons)?;
    put(&folder.join("usr/lib/ocf/resource.d/systole"), "../../../../sbin/systole", ocf::AGENTS.iter().map(|agent| agent.name))?;
    manual_pages(&folder.join("usr/share/man/man8"))?;
    completions(&folder.join("usr/share"))
}

fn is_daemon(command: &Command) -> bool {
    std::ptr::fn_addr_eq(command.run, options_list::daemon as fn(Vec<OsString>) -> ExitCode)
}

fn put(folder: &Path, target: &str, names: impl Iterator<Item = &'static str>) -> Result<()> {
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

/// Returns a command's options under the name it is called by, with what it is for.
fn page_of(command: &Command) -> Option<clap::Command> {
    let name = if command.audience == Audience::Compatible { command.name.to_owned() } else { format!("systole-{}", command.name) };
    let options = tool::described(command)?;
    let options = if options.get_about().is_some() { options } else { options.about(command.about) };
    let called = name.replace('-', if command.audience == Audience::Compatible { "-" } else { " " });
    Some(options.name(name).bin_name(called).version(super::COMPATIBLE_VERSION))
}

fn manual_pages(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for command in COMMANDS.iter().filter(|command| command.audience != Audience::Daemon) {
        let Some(options) = page_of(command) else { continue };
        let path = folder.join(format!("{}.8", options.get_name()));
        let mut text = Vec::new();
        clap_mangen::Man::new(options).section("8").manual("Systole").render(&mut text)?;
        fs::write(path, text)?;
    }
    Ok(())
}

fn completions(share: &Path) -> Result<()> {
    let native = COMMANDS.iter().filter(|command| command.audience != Audience::Compatible);
    let mut whole = clap::Command::new("systole").about("Keeps services running on a cluster");
    for command in native {
        let about = clap::Command::new(command.name).about(command.about);
        whole = whole.subcommand(tool::described(command).map_or(about, |options| options.name(command.name).about(command.about)));
    }
    let tools = COMMANDS.iter().filter(|command| command.audience == Audience::Compatible).filter_map(page_of);
    let mut all: Vec<clap::Command> = std::iter::once(whole).chain(tools).collect();
    for (shell, folder, file) in [
        (Shell::Bash, "bash-completion/completions", |name: &str| name.to_owned()),
        (Shell::Zsh, "zsh/vendor-completions", |name: &str| format!("_{name}")),
        (Shell::Fish, "fish/vendor_completions.d", |name: &str| format!("{name}.fish")),
    ] as [(Shell, &str, fn(&str) -> String); 3]
    {
        let folder = share.join(folder);
        fs::create_dir_all(&folder)?;
        for command in &mut all {
            let name = command.get_name().to_owned();
            let mut text = Vec::new();
            clap_complete::generate(shell, command, &name, &mut text);
            fs::write(folder.join(file(&name)), text)?;
        }
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
        for link in ["usr/sbin/crm_mon", "usr/lib/pacemaker/pacemaker-controld", "usr/lib/ocf/resource.d/systole/Dummy"] {
            let whole = fs::canonicalize(folder.path().join(link)).unwrap();
            assert_eq!(whole, fs::canonicalize(folder.path().join("usr/sbin/systole")).unwrap(), "{link}");
        }
        for (page, words) in [
            ("man/man8/crm_mon.8", "fence\\-history"),
            ("man/man8/systole-what-if.8", "crash"),
            ("bash-completion/completions/crm_resource", "--list-operations"),
            ("zsh/vendor-completions/_cibadmin", "--xml-pipe"),
            ("fish/vendor_completions.d/systole.fish", "resilience"),
        ] {
            let text = fs::read_to_string(folder.path().join("usr/share").join(page)).unwrap();
            assert!(text.contains(words), "{page} says nothing of {words}");
        }
    }

    #[test]
    fn every_command_but_the_plain_ones_describes_its_options() {
        for command in COMMANDS.iter().filter(|command| !is_daemon(command) && !super::super::PLAIN.contains(&command.name)) {
            let options = tool::described(command);
            assert!(options.is_some(), "{} reads its command line in another way", command.name);
            options.unwrap().debug_assert();
        }
    }
}
