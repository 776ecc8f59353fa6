//! The field's clients on this machine, with Pacemaker's tools or with ours where they look for them.
//!
//! pcs calls tools by absolute path, so ours are put over the installed ones, in a mount namespace of the run's own. There the machine's
//! shadow copies and logs are out of sight as well.

use std::path::Path;
use std::process::{Command, Output};

const TOOLS: [&str; 20] = [
    "attrd_updater",
    "cibadmin",
    "crm_attribute",
    "crm_diff",
    "crm_error",
    "crm_failcount",
    "crm_master",
    "crm_mon",
    "crm_node",
    "crm_resource",
    "crm_rule",
    "crm_shadow",
    "crm_simulate",
    "crm_standby",
    "crm_ticket",
    "crm_verify",
    "crmadmin",
    "iso8601",
    "pacemakerd",
    "stonith_admin",
];

const DAEMONS: [&str; 4] = ["pacemaker-based", "pacemaker-controld", "pacemaker-fenced", "pacemaker-schedulerd"];

/// Whose tools a client finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    Pacemakers,
    Ours,
}

/// Returns why a client cannot be tried here.
pub fn missing(client: &str) -> Option<String> {
    let needed = [client, "/usr/sbin/cibadmin", "/usr/sbin/crm_mon", "/usr/sbin/crm_resource", "/usr/bin/unshare"];
    if let Some(path) = needed.iter().find(|path| !Path::new(path).exists()) {
        return Some(format!("{path} is not installed"));
    }
    let is_allowed = Command::new("unshare").args(["-m", "true"]).output().is_ok_and(|output| output.status.success());
    (!is_allowed).then(|| "mount namespaces are not allowed".to_owned())
}

/// Runs a script in a folder, which is its home as well.
pub fn run(script: &str, whose: Whose, folder: &Path, variables: &[(&str, &str)]) -> Output {
    let mut text = String::from("set -e\n");
    if whose == Whose::Ours {
        let paths = TOOLS.iter().map(|tool| format!("/usr/sbin/{tool}"));
        for path in paths.chain(DAEMONS.iter().map(|daemon| format!("/usr/lib/pacemaker/{daemon}"))) {
            if Path::new(&path).exists() {
                text.push_str(&format!("mount --bind {} {path}\n", env!("CARGO_BIN_EXE_systole")));
            }
        }
    }
    // A machine has one place for sessions of `crm history`, and two runs at a time would find each other there.
    for path in ["/var/lib/pacemaker", "/var/log/crmsh", "/var/log/pcsd", "/var/cache"].iter().filter(|path| Path::new(path).exists()) {
        text.push_str(&format!("mount -t tmpfs none {path}\n"));
    }
    text.push_str("mkdir -p /var/lib/pacemaker/cib /var/lib/pacemaker/pengine\nset +e\n");
    text.push_str(script);
    let mut command = Command::new("unshare");
    command.args(["-m", "--propagation", "private", "bash", "-c", &text]).current_dir(folder);
    command.env("HOME", folder).env("TERM", "dumb").env("PAGER", "cat").env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
    // Sets of Python come in the same order each time.
    command.env("PYTHONHASHSEED", "0").env_remove("CIB_shadow").env_remove("CIB_file");
    command.envs(variables.iter().copied()).output().expect("the script can be run")
}
