//! The cluster a command speaks to: a running one through the local daemon's socket, or a CIB file.
//!
//! `CIB_file` and `CIB_shadow` choose a file as they do for Pacemaker's tools; a file may be a pipe, which
//! is read once to its end. `CIB_port` chooses the member of a cluster on another host, with `CIB_server`, `CIB_user`, `CIB_passwd` and
//! `CIB_encrypted`. Everything else goes to `<root>/run/systole/systole.sock`, where the root is
//! `SYSTOLE_ROOT` or `/`.

use crate::abroad::Abroad;
use crate::exit::{Exit, Refusal};
use messages::client::{CibEdit, ClientBody, NodeInfo, ReplyBody};
use std::path::{Path, PathBuf};
use xml::Element;

/// Where the CIB is.
enum Source {
    /// The daemon of the host below this root.
    Daemon(PathBuf),
    File(PathBuf),
    /// A member that this host is none of.
    Abroad(Abroad),
}

/// The cluster a command speaks to.
pub struct Cluster {
    source: Source,
    client: String,
    /// Whose access rules hold for a file; a daemon knows who asks.
    user: Option<String>,
}

/// Returns the folder below which everything of this node is.
pub fn root() -> PathBuf {
    sockets::root_from_environment()
}

/// Returns the folder where shadow CIBs are kept: `CIB_shadow_dir`, else the user's own when not root.
pub fn shadow_folder() -> PathBuf {
    std::env::var_os("CIB_shadow_dir").map_or_else(|| root().join("var/lib/pacemaker/cib"), PathBuf::from)
}

impl Cluster {
    /// Returns the cluster that the environment names. `client` is recorded as the author of changes.
    pub fn from_environment(client: &str) -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let source = match (variable("CIB_file"), variable("CIB_shadow")) {
            // Compat: a shadow copy goes before a file, so that it can be a copy of that file.
            (_, Some(shadow)) => Source::File(Self::shadow(&shadow.to_string_lossy())),
            (Some(file), None) => Source::File(file.into()),
            (None, None) => Abroad::from_environment().map_or_else(|| Source::Daemon(root()), Source::Abroad),
        };
        Self { source, client: client.to_owned(), user: user_from_environment() }
    }

    /// Returns the cluster that the environment names, whatever it says of shadow copies.
    pub fn without_shadow(client: &str) -> Self {
        match std::env::var_os("CIB_file").filter(|file| !file.is_empty()) {
            Some(file) => Self::of_file(file, client),
            None => Abroad::from_environment().map_or_else(
                || Self::live(client),
                |abroad| Self { source: Source::Abroad(abroad), client: client.to_owned(), user: None },
            ),
        }
    }

    /// Returns the running cluster whatever the environment says of files.
    pub fn live(client: &str) -> Self {
        Self { source: Source::Daemon(root()), client: client.to_owned(), user: user_from_environment() }
    }

    /// Returns a CIB file as a cluster.
    pub fn of_file(path: impl Into<PathBuf>, client: &str) -> Self {
        Self { source: Source::File(path.into()), client: client.to_owned(), user: user_from_environment() }
    }

    /// Returns the same cluster, seen and changed with the permissions of this user.
    #[must_use]
    pub fn as_user(self, user: Option<&str>) -> Self {
        Self { user: user.map(str::to_owned).or(self.user), ..self }
    }

    /// Returns the file of the shadow copy of this name.
    pub fn shadow(name: &str) -> PathBuf {
        shadow_folder().join(format!("shadow.{name}"))
    }

    /// Returns the file, if this is one.
    pub fn file(&self) -> Option<&Path> {
        match &self.source {
            Source::File(path) => Some(path),
            Source::Daemon(_) | Source::Abroad(_) => None,
        }
    }

    /// Returns whether this host is a member of the cluster, so that more than its CIB can be asked.
    pub fn is_here(&self) -> bool {
        matches!(self.source, Source::Daemon(_))
    }

    /// Asks the daemon; a CIB file has none.
    pub fn request(&self, body: ClientBody) -> Result<ReplyBody, Refusal> {
        match &self.source {
            Source::Daemon(root) => Ok(sockets::Client::connect(root, &self.client)?.request(body)?),
            Source::Abroad(abroad) => Ok(abroad.request(&body, &self.client)?),
            Source::File(path) => {
                Err(Refusal::new(Exit::UNAVAILABLE, format!("{} is a file: this needs a running cluster", path.display())))
            }
        }
    }

    /// Returns what the local daemon says of itself.
    pub fn info(&self) -> Result<NodeInfo, Refusal> {
        match self.request(ClientBody::Info)? {
            ReplyBody::Info(info) => Ok(info),
            other => Err(unexpected(&other)),
        }
    }

    /// Returns the whole CIB, as far as the user may see it.
    pub fn cib(&self) -> Result<Element, Refusal> {
        match &self.source {
            Source::File(path) => self.visible(read_in_place(path)?),
            Source::Daemon(_) | Source::Abroad(_) => {
                let body = ClientBody::CibQuery { section: None, xpath: None, without_children: false };
                match self.request(body)? {
                    ReplyBody::Xml(text) => parse(text.as_bytes(), "the daemon's CIB"),
                    other => Err(unexpected(&other)),
                }
            }
        }
    }

    fn visible(&self, cib: Element) -> Result<Element, Refusal> {
        let Some(user) = self.user.as_deref().filter(|user| cib::acl::applies(&cib, user)) else { return Ok(cib) };
        let groups = groups_of(user);
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let seen = cib::acl::Permissions::of(&cib, user, &groups).readable(&cib);
        seen.ok_or_else(|| Refusal::new(Exit::INSUFFICIENT_PRIVILEGES, "Permission denied"))
    }

    /// Changes the CIB.
    pub fn edit(&self, edit: CibEdit) -> Result<(), Refusal> {
        match &self.source {
            Source::File(path) => crate::file::edit(path, &edit, self.user.as_deref()),
            Source::Daemon(_) | Source::Abroad(_) => match self.request(ClientBody::CibEdit { request: request_id(), edit })? {
                ReplyBody::Done | ReplyBody::Xml(_) => Ok(()),
                other => Err(unexpected(&other)),
            },
        }
    }
}

/// Returns the groups of the operating system that a user is in.
pub fn groups_of(user: &str) -> Vec<String> {
    sockets::groups_of(&root(), user)
}

fn user_from_environment() -> Option<String> {
    std::env::var("CIB_user").ok().filter(|user| !user.is_empty())
}

/// Returns an id that makes a retried change harmless.
fn request_id() -> String {
    let nanoseconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |age| age.as_nanos());
    format!("{}-{nanoseconds}", std::process::id())
}

fn unexpected(reply: &ReplyBody) -> Refusal {
    Refusal::new(Exit::ERROR, format!("the daemon answered something else than was asked: {reply:?}"))
}

/// Reads a CIB file; `-` is standard input.
pub fn read_file(path: &Path) -> Result<Element, Refusal> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|error| Refusal::new(Exit::NO_INPUT, format!("failed to read {}: {error}", path.display())))?;
    parse(&bytes, &path.display().to_string())
}

/// Reads the file that stands in the cluster's place. Compat: one that is not there is a cluster that cannot be reached.
pub(crate) fn read_in_place(path: &Path) -> Result<Element, Refusal> {
    let is_absent = path != Path::new("-") && !path.exists();
    read_file(path).map_err(|refusal| if is_absent { Refusal::new(Exit::NO_SUCH, refusal.message).told() } else { refusal })
}

/// Parses XML; the error names where it came from.
pub fn parse(bytes: &[u8], name: &str) -> Result<Element, Refusal> {
    xml::parse(bytes, &xml::Limits::default()).map_err(|error| Refusal::new(Exit::CONFIG, format!("{name}: {error}")))
}
