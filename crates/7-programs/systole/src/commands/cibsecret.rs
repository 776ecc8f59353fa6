//! `cibsecret`: parameters of resources that must not stand in the CIB. There stands `lrm://`; the value is in a file that
//! only root can read, and the root role gives it to the agent.
//!
//! Compat: commands, files and exit codes are those of Pacemaker's tool. Values reach other nodes over ssh on standard input,
//! never among arguments, and each file is replaced as a whole.

use super::tool::{self, Report};
use admin::{Cluster, Exit, Holder, Pair, Refusal};
use agents::{SECRET, secret_file, secrets_folder};
use clap::Args;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

#[derive(Args, Debug)]
pub struct Arguments {
    /// Do not read or write the CIB
    #[arg(short = 'C')]
    without_cib: bool,
    /// set, get, check, stash, unstash, delete or sync
    command: Option<String>,
    /// The resource
    resource: Option<String>,
    /// Its parameter
    parameter: Option<String>,
    /// With set: the value; without one it is read from standard input
    #[arg(allow_hyphen_values = true)]
    value: Option<String>,
}

/// Runs `cibsecret`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<Arguments>("cibsecret", arguments, act)
}

/// What is sent to another node: values by `RESOURCE/PARAMETER`, an absent one is to be forgotten.
type Secrets = BTreeMap<String, Option<String>>;

/// One secret: whose, where it is kept, and the CIB that points to it.
struct Secret {
    resource: String,
    parameter: String,
    file: PathBuf,
    /// `None`: the CIB is left alone.
    cluster: Option<Cluster>,
}

fn usage(text: &str) -> Refusal {
    Refusal::new(Exit::USAGE, text)
}

fn act(arguments: &Arguments, report: &mut Report) -> Result<Exit, Refusal> {
    let command =
        arguments.command.as_deref().ok_or_else(|| usage("a command is needed: set, get, check, stash, unstash, delete or sync"))?;
    match command {
        "sync" if arguments.resource.is_none() => return distribute(&all()?, true, report).map(|()| Exit::OK),
        // What `sync` and `set` of another node call here.
        "receive" if arguments.resource.is_none() => return receive().map(|()| Exit::OK),
        _ => {}
    }
    let (Some(resource), Some(parameter)) = (&arguments.resource, &arguments.parameter) else {
        return Err(usage("a resource and a parameter are needed"));
    };
    if arguments.value.is_some() && command != "set" {
        return Err(usage("only set takes a value"));
    }
    let file = secret_file(&admin::root(), resource, parameter)
        .ok_or_else(|| usage(&format!("{resource:?} and {parameter:?} cannot be names of files")))?;
    let cluster = (!arguments.without_cib).then(|| Cluster::from_environment("cibsecret"));
    let secret = Secret { resource: resource.clone(), parameter: parameter.clone(), file, cluster };
    match command {
        "set" => secret.set(arguments.value.clone().map_or_else(asked, Ok)?, report)?,
        "get" => {
            let value = secret.checked()?;
            report.line(value);
        }
        "check" => drop(secret.checked()?),
        "stash" => secret.stash(report)?,
        "unstash" => secret.unstash(report)?,
        "delete" => secret.delete(report)?,
        other => return Err(usage(&format!("{other:?} is no command; set, get, check, stash, unstash, delete and sync are"))),
    }
    Ok(Exit::OK)
}

/// Reads a value from standard input.
fn asked() -> Result<String, Refusal> {
    if std::io::stdin().is_terminal() {
        eprint!("Enter value: ");
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|error| Refusal::new(Exit::NO_INPUT, format!("failed to read the value: {error}")))?;
    match line.trim_end_matches(['\n', '\r']) {
        "" => Err(usage("the value is empty")),
        value => Ok(value.to_owned()),
    }
}

impl Secret {
    fn holder(&self) -> Holder {
        Holder::Resource { id: self.resource.clone(), sets: "instance_attributes" }
    }

    fn what(&self) -> String {
        format!("resource {} parameter {}", self.resource, self.parameter)
    }

    /// Returns the parameter's value in the CIB; `None` for a parameter without one. A resource that is not there is refused.
    fn in_cib(&self, cluster: &Cluster) -> Result<Option<String>, Refusal> {
        let cib = cluster.cib()?;
        let resources = cib.descend(&["configuration", "resources"]);
        if !resources.and_then(|resources| resources.find_by_id(&self.resource)).is_some_and(admin::is_resource) {
            return Err(Refusal::new(Exit::NO_SUCH, format!("Resource '{}' not found", self.resource)));
        }
        Ok(cluster.attribute(&self.holder(), &Pair::named(&self.parameter))?.into_iter().next().map(|found| found.value))
    }

    fn set(&self, value: String, report: &mut Report) -> Result<(), Refusal> {
        if let Some(cluster) = &self.cluster {
            let present = self.in_cib(cluster)?.filter(|present| !present.is_empty() && present != SECRET && *present != value);
            if present.is_some() {
                return Err(Refusal::new(Exit::CONFIG, format!("the CIB has another value for {}; please delete it first", self.what())));
            }
        }
        self.keep(Some(value), report)?;
        // The files are there before anything points to them.
        self.cluster.as_ref().map_or(Ok(()), |cluster| cluster.set_attribute(&self.holder(), &Pair::named(&self.parameter), SECRET))
    }

    /// Returns the value, once it is known to be what was set.
    fn checked(&self) -> Result<String, Refusal> {
        if let Some(cluster) = &self.cluster
            && self.in_cib(cluster)?.as_deref() != Some(SECRET)
        {
            return Err(Refusal::new(Exit::CONFIG, format!("{} not set as secret, nothing to check", self.what())));
        }
        let value = self.local()?;
        let sign = fs::read_to_string(signature(&self.file)).unwrap_or_default();
        match (value, sign.trim()) {
            (_, "") => Err(Refusal::new(Exit::OS_FILE, format!("no MD5 hash for {}", self.what()))),
            (Some(value), sign) if cib::digest::md5(&value) == sign => Ok(value),
            _ => Err(Refusal::new(Exit(104), format!("MD5 hash mismatch for {}", self.what()))),
        }
    }

    fn local(&self) -> Result<Option<String>, Refusal> {
        match fs::read_to_string(&self.file) {
            Ok(text) => Ok(Some(text.trim_end_matches('\n').to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file_problem("read", &self.file, &error)),
        }
    }

    fn stash(&self, report: &mut Report) -> Result<(), Refusal> {
        let cluster = self.cluster.as_ref().ok_or_else(|| usage("no access to the CIB, stash is not possible"))?;
        match self.in_cib(cluster)?.as_deref() {
            None | Some("") => Err(Refusal::new(Exit::NO_SUCH, format!("nothing to stash for {}", self.what()))),
            Some(SECRET) => Err(Refusal::new(Exit::EXISTS, format!("{} already set as secret, nothing to stash", self.what()))),
            Some(value) => self.set(value.to_owned(), report),
        }
    }

    fn unstash(&self, report: &mut Report) -> Result<(), Refusal> {
        let cluster = self.cluster.as_ref().ok_or_else(|| usage("no access to the CIB, unstash is not possible"))?;
        let value = self.local()?.filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| Refusal::new(Exit::NO_SUCH, format!("nothing to unstash for {}", self.what())))?;
        if self.in_cib(cluster)?.as_deref() != Some(SECRET) {
            report.error(format!("WARNING: {} not set as secret, but there is a local value, so proceeding anyway", self.what()));
        }
        cluster.set_attribute(&self.holder(), &Pair::named(&self.parameter), &value)?;
        self.keep(None, report)
    }

    fn delete(&self, report: &mut Report) -> Result<(), Refusal> {
        if let Some(cluster) = &self.cluster
            && self.in_cib(cluster)?.is_some()
        {
            cluster.delete_attribute(&self.holder(), &Pair::named(&self.parameter))?;
        }
        self.keep(None, report)
    }

    /// Keeps the value here and on the other nodes; none is forgotten.
    fn keep(&self, value: Option<String>, report: &mut Report) -> Result<(), Refusal> {
        write(&self.file, value.as_deref())?;
        distribute(&Secrets::from([(format!("{}/{}", self.resource, self.parameter), value)]), false, report)
    }
}

fn signature(file: &Path) -> PathBuf {
    file.with_file_name(format!("{}.sign", file.file_name().unwrap_or_default().to_string_lossy()))
}

fn file_problem(verb: &str, path: &Path, error: &std::io::Error) -> Refusal {
    let exit = if error.kind() == std::io::ErrorKind::PermissionDenied { Exit::INSUFFICIENT_PRIVILEGES } else { Exit::CANNOT_CREATE };
    Refusal::new(exit, format!("failed to {verb} {}: {error}", path.display()))
}

/// Writes a secret and its digest, or removes both.
fn write(file: &Path, value: Option<&str>) -> Result<(), Refusal> {
    let sign = signature(file);
    let Some(value) = value else {
        for path in [file, &sign] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(file_problem("remove", path, &error)),
                _ => {}
            }
        }
        return Ok(());
    };
    let folder = file.parent().unwrap_or(Path::new("/"));
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| file_problem("make", folder, &error))?;
    for (path, text) in [(file, format!("{value}\n")), (&sign, format!("{}\n", cib::digest::md5(value)))] {
        let temporary = path.with_file_name(format!(".{}.new", path.file_name().unwrap_or_default().to_string_lossy()));
        let _ = fs::remove_file(&temporary);
        // Safety: nobody else can read it at any moment.
        let written = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).and_then(|mut open| {
            open.write_all(text.as_bytes())?;
            open.sync_all()
        });
        written.and_then(|()| fs::rename(&temporary, path)).map_err(|error| file_problem("write", path, &error))?;
    }
    Ok(())
}

/// Returns every secret of this host.
fn all() -> Result<Secrets, Refusal> {
    let mut secrets = Secrets::new();
    let folder = secrets_folder(&admin::root());
    for resource in fs::read_dir(&folder).into_iter().flatten().flatten() {
        for file in fs::read_dir(resource.path()).into_iter().flatten().flatten() {
            let name = format!("{}/{}", resource.file_name().to_string_lossy(), file.file_name().to_string_lossy());
            if !name.ends_with(".sign") && !name.contains("/.") {
                let text = fs::read_to_string(file.path()).map_err(|error| file_problem("read", &file.path(), &error))?;
                secrets.insert(name, Some(text.trim_end_matches('\n').to_owned()));
            }
        }
    }
    Ok(secrets)
}

/// Takes over what another node sends.
fn receive() -> Result<(), Refusal> {
    let mut text = String::new();
    let read = std::io::stdin().take(1 << 24).read_to_string(&mut text);
    read.map_err(|error| Refusal::new(Exit::NO_INPUT, format!("failed to read secrets: {error}")))?;
    let (is_whole, secrets): (bool, Secrets) =
        serde_json::from_str(&text).map_err(|error| Refusal::new(Exit::DATA, format!("what was sent are no secrets: {error}")))?;
    let root = admin::root();
    let mut files = Vec::new();
    for (name, value) in &secrets {
        let file = name.split_once('/').and_then(|(resource, parameter)| secret_file(&root, resource, parameter));
        files.push((file.ok_or_else(|| Refusal::new(Exit::DATA, format!("{name:?} is no name of a secret")))?, value));
    }
    if is_whole {
        for name in all()?.keys().filter(|name| !secrets.contains_key(*name)) {
            write(&secrets_folder(&root).join(name), None)?;
        }
    }
    files.iter().try_for_each(|(file, value)| write(file, value.as_deref()))
}

/// Sends secrets to every other member, by ssh; a whole set takes the place of what is there.
fn distribute(secrets: &Secrets, is_whole: bool, report: &mut Report) -> Result<(), Refusal> {
    let info = match Cluster::live("cibsecret").info() {
        Ok(info) => info,
        Err(refusal) => {
            report.error(format!("WARNING: the other nodes are not known ({refusal}); `cibsecret sync` is needed later"));
            return if is_whole { Err(refusal) } else { Ok(()) };
        }
    };
    let text = serde_json::to_string(&(is_whole, secrets)).unwrap_or_default();
    let mut failed = Vec::new();
    for (name, node) in info.nodes.iter().filter(|(name, _)| **name != info.node) {
        if !node.member {
            report.error(format!("WARNING: node {name} is down; `cibsecret sync` is needed later"));
        } else if let Err(error) = send(name.as_str(), &text) {
            report.error(format!("ERROR: {name}: {error}"));
            failed.push(name.as_str());
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Refusal::new(Exit::ERROR, format!("{} did not take the secrets", failed.join(", ")))) }
}

fn send(node: &str, text: &str) -> Result<(), String> {
    let mut command = Command::new("ssh");
    command.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "--", node, "/usr/sbin/cibsecret", "receive"]);
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| format!("failed to start ssh: {error}"))?;
    if let Some(mut to) = child.stdin.take() {
        // A refusal is told by how ssh ends.
        let _ = to.write_all(text.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_for_its_owner_alone_and_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = secret_file(folder.path(), "db", "password").unwrap();
        for value in ["one", "another value"] {
            write(&file, Some(value)).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), format!("{value}\n"));
            assert_eq!(fs::read_to_string(signature(&file)).unwrap().trim(), cib::digest::md5(value));
        }
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        write(&file, None).unwrap();
        write(&file, None).unwrap();
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 0);
    }
}
