//! Where the agents of one host are, and what every agent of it inherits.

use messages::agent::AgentName;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A user by number, as found in `etc/passwd`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}

impl User {
    /// Looks a user up in `<root>/etc/passwd`, then in the machine's.
    pub fn find(root: &Path, name: &str) -> Option<User> {
        [root.join("etc/passwd"), PathBuf::from("/etc/passwd")].iter().find_map(|path| {
            let text = std::fs::read_to_string(path).ok()?;
            let fields = text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name)?;
            Some(User { uid: fields.get(2)?.parse().ok()?, gid: fields.get(3)?.parse().ok()? })
        })
    }
}

/// The host as agents see it: its folders, its tools and its environment.
#[derive(Clone, Debug)]
pub struct AgentHost {
    /// Every path of the host is below this one; `/` for the machine itself.
    pub root: PathBuf,
    /// The product's tools under the field's names: first in PATH, and `HA_SBIN_DIR`.
    pub tools: Option<PathBuf>,
    /// What agents inherit before anything of ours is added.
    pub inherited: BTreeMap<String, String>,
    /// Who runs what asks for no privilege (meta-data); absent where we cannot change users.
    pub unprivileged: Option<User>,
}

/// The class under which alert programs are called; their kind is their path.
pub(crate) const ALERT: &str = "alert";

/// Returns whether a fence device is one of Linux-HA's older plug-ins (`external/ipmi`, `apcmaster`), not an agent.
pub(crate) fn is_plugin(agent: &AgentName) -> bool {
    agent.class == "stonith" && !agent.kind.starts_with("fence_")
}

/// Variables that would make an agent or a tool it calls believe something of another cluster or call.
const NEVER_INHERITED: [&str; 9] =
    ["OCF_RES", "OCF_CHECK_LEVEL", "CRM_", "CIB_", "SYSTOLE_CALL", "NOTIFY_SOCKET", "LISTEN_", "HA_RSCTMP", "HA_VARRUN"];

impl AgentHost {
    /// Returns the host below `root` with this process's environment, less what belongs to single calls.
    pub fn new(root: impl Into<PathBuf>, tools: Option<PathBuf>) -> Self {
        let root = root.into();
        let inherited = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| !NEVER_INHERITED.iter().any(|prefix| name.starts_with(prefix)))
            .collect();
        let may_change_user = rustix::process::geteuid().is_root();
        let unprivileged = may_change_user.then(|| User::find(&root, "hacluster")).flatten();
        Self { root, tools, inherited, unprivileged }
    }

    /// Returns whether this is the machine itself and not one of several hosts on it.
    pub fn is_machine(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Returns a path of the host, given as on the machine.
    pub fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    /// Returns the class whose rules an agent follows on this host.
    ///
    /// Compat: `service` is an init script where there is one, else a unit of systemd.
    pub fn class_of<'a>(&self, agent: &'a AgentName) -> &'a str {
        match agent.class.as_str() {
            "service" if self.first_file(&format!("/etc/init.d/{}", agent.kind)).is_some() => "lsb",
            "service" => "systemd",
            other => other,
        }
    }

    /// Returns the agent's program, or `None` where it is not installed.
    ///
    /// Compat: `ocf:pacemaker:X` is the product's own `ocf:systole:X` where Pacemaker's agents are absent.
    pub fn find(&self, agent: &AgentName) -> Option<PathBuf> {
        let is_plain = |part: &str| !part.is_empty() && !part.contains('/') && !part.starts_with('.');
        if agent.class == ALERT {
            return self.first_file(&agent.kind).filter(|_| agent.kind.starts_with('/'));
        }
        if !is_plain(agent.kind.strip_prefix("external/").filter(|_| is_plugin(agent)).unwrap_or(&agent.kind)) {
            return None;
        }
        match (self.class_of(agent), agent.provider.as_deref()) {
            ("ocf", Some(provider)) if is_plain(provider) => {
                let of = |provider: &str| self.first_file(&format!("/usr/lib/ocf/resource.d/{provider}/{}", agent.kind));
                of(provider).or_else(|| (provider == "pacemaker").then(|| of("systole")).flatten())
            }
            // Compat: a device of the older interface is spoken to by the agent that passes on between the two.
            ("stonith", _) if is_plugin(agent) => self.first_file("/usr/sbin/fence_legacy"),
            ("stonith", _) => {
                let own = self.tools.as_ref().map(|tools| tools.join(&agent.kind)).filter(|path| path.is_file());
                self.first_file(&format!("/usr/sbin/{}", agent.kind)).or(own)
            }
            ("lsb", _) => self.first_file(&format!("/etc/init.d/{}", agent.kind)),
            // This very program speaks to systemd, whatever has become of its file since it was started.
            ("systemd", _) => Some(PathBuf::from("/proc/self/exe")),
            _ => None,
        }
    }

    /// Returns `OCF_ROOT`: the host's own, if the shell functions that agents read are there.
    pub fn ocf_root(&self) -> PathBuf {
        let own = self.path("/usr/lib/ocf");
        if own.join("lib/heartbeat").is_dir() { own } else { PathBuf::from("/usr/lib/ocf") }
    }

    pub(crate) fn first_file(&self, absolute: &str) -> Option<PathBuf> {
        [self.path(absolute), PathBuf::from(absolute)].into_iter().find(|path| path.is_file())
    }
}
