//! `crm_shadow`: copies of the configuration to try changes on, made, shown, compared and committed.
//!
//! A copy is a file; `CIB_shadow` makes every tool use it in the cluster's place.

use super::tool::{self, Report};
use admin::{Cluster, Exit, Refusal, edits};
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use xml::Element;

#[derive(Args)]
struct Arguments {
    /// Display which copy is active
    #[arg(short = 'w', long, group = "command")]
    which: bool,
    /// Display the active copy
    #[arg(short = 'p', long, group = "command")]
    display: bool,
    /// Edit the active copy with $EDITOR
    #[arg(short = 'E', long, group = "command")]
    edit: bool,
    /// Display how the active copy differs from the cluster's configuration
    #[arg(short = 'd', long, group = "command")]
    diff: bool,
    /// Display the file of the active copy
    #[arg(short = 'F', long, group = "command")]
    file: bool,
    /// Make a copy of the cluster's configuration
    #[arg(short = 'c', long, group = "command", value_name = "NAME")]
    create: Option<String>,
    /// Make a copy with an empty configuration
    #[arg(short = 'e', long, group = "command", value_name = "NAME")]
    create_empty: Option<String>,
    /// Make the copy's configuration that of the cluster
    #[arg(short = 'C', long, group = "command", value_name = "NAME")]
    commit: Option<String>,
    /// Delete a copy
    #[arg(short = 'D', long, group = "command", value_name = "NAME")]
    delete: Option<String>,
    /// Make a copy anew from the cluster's configuration
    #[arg(short = 'r', long, group = "command", value_name = "NAME")]
    reset: Option<String>,
    /// Use another copy
    #[arg(short = 's', long, group = "command", value_name = "NAME")]
    switch: Option<String>,
    /// Do it although it is dangerous
    #[arg(short = 'f', long)]
    force: bool,
    /// Start no shell
    #[arg(short = 'b', long)]
    batch: bool,
    /// Commit the status too
    #[arg(short = 'a', long)]
    all: bool,
    /// The schema of an empty copy
    #[arg(short = 'v', long, value_name = "SCHEMA")]
    validate_with: Option<String>,
}

const FORCE_NEEDED: &str = "To prevent accidental destruction of the cluster, the --force flag is required in order to proceed.";

/// Runs `crm_shadow`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<Arguments>("crm_shadow", arguments, act)
}

fn act(arguments: &Arguments, report: &mut Report) -> Result<Exit, Refusal> {
    let active = std::env::var("CIB_shadow").ok().filter(|name| !name.is_empty());
    let active = active.as_deref();
    let named = [&arguments.create, &arguments.create_empty, &arguments.reset, &arguments.switch, &arguments.delete, &arguments.commit];
    for name in named.into_iter().flatten() {
        check_name(name)?;
    }
    if arguments.which || arguments.file || arguments.display || arguments.edit || arguments.diff {
        let Some(name) = active else {
            report.error("No active shadow configuration defined");
            return Ok(Exit::NO_SUCH);
        };
        return query(arguments, name, report);
    }
    if let Some(name) = &arguments.create_empty {
        let file = new_file(name, arguments.force)?;
        let schema = arguments.validate_with.as_deref().unwrap_or("pacemaker-3.9");
        write(&file, &cib::edit::empty_cib(schema))?;
        report.line(format!("Created new {schema} configuration"));
        return begin(arguments, name, true, report);
    }
    if let Some(name) = &arguments.create {
        let file = new_file(name, arguments.force)?;
        write(&file, &real_cluster().cib()?)?;
        return begin(arguments, name, true, report);
    }
    if let Some(name) = &arguments.reset {
        check_active(active, name, arguments.force)?;
        // Compat: as 3.0 does; 2.1.5 makes anew only what is there.
        let file = if arguments.force { Cluster::shadow(name) } else { existing_file(name)? };
        write(&file, &real_cluster().cib()?)?;
        return begin(arguments, name, true, report);
    }
    if let Some(name) = &arguments.switch {
        existing_file(name)?;
        return begin(arguments, name, false, report);
    }
    if let Some(name) = &arguments.delete {
        check_active(active, name, arguments.force)?;
        needs_force(arguments)?;
        let file = Cluster::shadow(name);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Refusal::new(Exit::ERROR, format!("Could not remove shadow instance '{name}': {error}")));
            }
            _ => end(report),
        }
        return Ok(Exit::OK);
    }
    if let Some(name) = &arguments.commit {
        check_active(active, name, arguments.force)?;
        needs_force(arguments)?;
        let cib = admin::read_file(&existing_file(name)?)?;
        let (section, element) = match arguments.all {
            true => (None, Some(&cib)),
            false => (Some("configuration"), cib.child("configuration")),
        };
        let element = element.ok_or_else(|| Refusal::new(Exit::CONFIG, format!("shadow instance '{name}' has no configuration")))?;
        real_cluster().edit(edits::replace(section, element))?;
        end(report);
        return Ok(Exit::OK);
    }
    Err(Refusal::new(Exit::USAGE, "A query or command is required; --help lists them"))
}

/// Refuses a name that would lead out of the folder of copies.
fn check_name(name: &str) -> Result<(), Refusal> {
    match name.is_empty() || name.contains('/') {
        true => {
            Err(Refusal::new(Exit::USAGE, format!("{name:?} is no name for a shadow instance: it needs a character, and none of them /")))
        }
        false => Ok(()),
    }
}

/// Returns the cluster that copies are made of and committed to.
fn real_cluster() -> Cluster {
    Cluster::without_shadow("crm_shadow")
}

fn query(arguments: &Arguments, name: &str, report: &mut Report) -> Result<Exit, Refusal> {
    let file = Cluster::shadow(name);
    let shown = |report: &mut Report, element: Element, line: &str| {
        report.line(line);
        report.element(element);
    };
    let instance = Element::new("shadow").with("instance", name);
    if arguments.which {
        shown(report, instance, name);
        return Ok(Exit::OK);
    }
    if arguments.file {
        let path = file.display().to_string();
        shown(report, instance.with("file", &path), &path);
        return Ok(Exit::OK);
    }
    let cib = admin::read_file(&existing_file(name)?)?;
    if arguments.display {
        report.text(cib.to_text_as(xml::Layout::Quoted));
        report.element(instance.with_child(Element::new("content").with_text(cib.to_text())));
        return Ok(Exit::OK);
    }
    if arguments.edit {
        let editor = std::env::var("EDITOR").map_err(|_| Refusal::new(Exit::NOT_CONFIGURED, "No value for EDITOR defined"))?;
        let status = Command::new(&editor).arg(&file).status();
        let is_done = status.map_err(|error| Refusal::new(Exit::OS_FILE, format!("Could not invoke $EDITOR ({editor}): {error}")))?;
        return Ok(if is_done.success() { Exit::OK } else { Exit::ERROR });
    }
    let patch = cib::patch::diff(&real_cluster().cib()?, &cib);
    if patch.is_empty() {
        return Ok(Exit::OK);
    }
    report.text(view::patch_text(&patch));
    report.element(patch.to_xml());
    Ok(Exit::ERROR)
}

/// Compat: where a copy is active, another one is changed by force only; made, without. (2.1.5 makes an empty one by force only.)
fn check_active(active: Option<&str>, name: &str, is_forced: bool) -> Result<(), Refusal> {
    match active {
        Some(other) if other != name && !is_forced => {
            let text = format!("The supplied shadow instance ({name}) is not the same as the active one ({other}).\n  {FORCE_NEEDED}");
            Err(Refusal::new(Exit::USAGE, text))
        }
        _ => Ok(()),
    }
}

fn needs_force(arguments: &Arguments) -> Result<(), Refusal> {
    match arguments.force {
        true => Ok(()),
        false => Err(Refusal::new(Exit::USAGE, format!("The supplied command is considered dangerous.  {FORCE_NEEDED}"))),
    }
}

fn new_file(name: &str, is_forced: bool) -> Result<PathBuf, Refusal> {
    let file = Cluster::shadow(name);
    match file.exists() && !is_forced {
        true => Err(Refusal::new(Exit::CANNOT_CREATE, format!("A shadow instance '{name}' already exists.\n  {FORCE_NEEDED}"))),
        false => Ok(file),
    }
}

fn existing_file(name: &str) -> Result<PathBuf, Refusal> {
    let file = Cluster::shadow(name);
    match std::fs::metadata(&file) {
        Ok(_) => Ok(file),
        Err(error) => {
            let why = if error.kind() == std::io::ErrorKind::NotFound { "No such file or directory".to_owned() } else { error.to_string() };
            Err(Refusal::new(Exit::NO_SUCH, format!("Could not access shadow instance '{name}': {why}")))
        }
    }
}

fn write(file: &std::path::Path, cib: &Element) -> Result<(), Refusal> {
    if let Some(folder) = file.parent() {
        let failed = |error| Refusal::new(Exit::CANNOT_CREATE, format!("failed to make {}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    admin::file::write(file, cib)
}

/// Says how to use the copy, or starts a shell that does.
fn begin(arguments: &Arguments, name: &str, is_new: bool, report: &mut Report) -> Result<Exit, Refusal> {
    report.line("Setting up shadow instance");
    if arguments.batch {
        let what = match is_new {
            true => "A new shadow instance was created.  To begin using it paste the following into your shell:",
            false => "To switch to the named shadow instance, paste the following into your shell:",
        };
        report.line(format!("{what}\n  CIB_shadow={name} ; export CIB_shadow"));
        return Ok(Exit::OK);
    }
    report.line("Type Ctrl-D to exit the crm_shadow shell");
    report.flush();
    let shell = std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".to_owned());
    let mut command = Command::new(&shell);
    if shell.ends_with("bash") {
        command.args(["--norc", "--noprofile"]);
    }
    let status = command.env("CIB_shadow", name).env("PS1", format!("shadow[{name}] # ")).status();
    let status = status.map_err(|error| Refusal::new(Exit::OS_FILE, format!("Failed to launch shell '{shell}': {error}")))?;
    Ok(if status.success() { Exit::OK } else { Exit::ERROR })
}

fn end(report: &mut Report) {
    report.line("Please remember to unset the CIB_shadow variable by pasting the following into your shell:\n  unset CIB_shadow");
}
