//! A cluster of several hosts from nothing: `corosync.conf` and its key, made on one host and taken over by the others.
//!
//! What would be unsafe is refused unless it is asked for by name. A configuration that is there is never touched.

use crate::{Exit, Refusal};
use corosync::Block;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How soon a lost host is noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    /// Corosync's own times: patient with busy hosts and slow networks.
    Standard,
    /// About a second: for hosts that are near each other and have processor time to spare.
    Fast,
}

/// What is unsafe and can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Risk {
    /// Two nodes, each of which may begin alone and then meet the other doing the same.
    TwoNodesWithoutWaiting,
    /// Two nodes without fencing: cut off from each other, both run everything.
    TwoNodesWithoutFencing,
}

/// A node and its addresses, one for each link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewNode {
    pub name: String,
    pub addresses: Vec<String>,
}

/// What a new cluster is to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewCluster {
    pub name: String,
    pub nodes: Vec<NewNode>,
    pub profile: Profile,
    pub wait_for_all: bool,
    /// Risks that are taken by name.
    pub accepted: Vec<Risk>,
}

/// How many links Corosync has at most.
pub(crate) const LINKS_MAX: usize = 8;

fn refuse(text: impl Into<String>) -> Refusal {
    Refusal::new(Exit::CONFIG, text.into())
}

impl NewCluster {
    /// Returns the `corosync.conf` for it; `fencing_is_off` says what the CIB that is here already asks for.
    ///
    /// # Errors
    /// What is wrong or unsafe, and how to ask for it all the same.
    pub fn configuration(&self, fencing_is_off: bool) -> Result<Block, Refusal> {
        let links = self.nodes.first().map_or(0, |node| node.addresses.len());
        if self.nodes.is_empty() || links == 0 {
            return Err(refuse("at least one node with an address is needed"));
        }
        if let Some(odd) = self.nodes.iter().find(|node| node.addresses.len() != links || node.name.is_empty()) {
            return Err(refuse(format!(
                "{:?} has {} addresses, the first node has {links}; each link needs one of every node",
                odd.name,
                odd.addresses.len()
            )));
        }
        if let Some(twice) =
            self.nodes.iter().enumerate().find(|(index, node)| self.nodes[..*index].iter().any(|earlier| earlier.name == node.name))
        {
            return Err(refuse(format!("{} is named twice", twice.1.name)));
        }
        check_words(self.nodes.iter().flat_map(|node| [&node.name].into_iter().chain(&node.addresses)).chain([&self.name]))?;
        let mut addresses = BTreeSet::new();
        if let Some(twice) = self.nodes.iter().flat_map(|node| &node.addresses).find(|address| !addresses.insert(address.as_str())) {
            return Err(refuse(format!("the address {twice} is given twice")));
        }
        if links > LINKS_MAX {
            return Err(refuse(format!("{links} links: Corosync has at most {LINKS_MAX}")));
        }
        let is_pair = self.nodes.len() == 2;
        if is_pair && !self.wait_for_all && !self.accepted.contains(&Risk::TwoNodesWithoutWaiting) {
            return Err(refuse(
                "two nodes without wait_for_all: after both were down each may start alone, fence the other and serve older data; \
                 --accept two-nodes-without-waiting does it all the same",
            ));
        }
        if is_pair && fencing_is_off && !self.accepted.contains(&Risk::TwoNodesWithoutFencing) {
            return Err(refuse(
                "two nodes, and the configuration here has stonith-enabled=false: when they lose sight of each other both run everything; \
                 --accept two-nodes-without-fencing does it all the same",
            ));
        }
        Ok(self.blocks(links))
    }

    fn blocks(&self, links: usize) -> Block {
        let values = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        // The daemon has Corosync do so where its configuration does not; here an administrator sees it.
        let rest = corosync::TURNS_WITHOUT_NEWS.to_string();
        let mut totem: Vec<(String, String)> = values(&[
            ("version", "2"),
            ("cluster_name", &self.name),
            ("transport", "knet"),
            ("crypto_cipher", "aes256"),
            ("crypto_hash", "sha256"),
            ("seqno_unchanged_const", &rest),
        ]);
        if self.profile == Profile::Fast {
            // Above two nodes the consensus must be longer than the token; Corosync's own factor of 1.2 is kept.
            totem.extend(values(&[("token", "400"), ("token_coefficient", "50")]));
        }
        let mut quorum = values(&[("provider", "corosync_votequorum")]);
        if self.nodes.len() == 2 {
            quorum.extend(values(&[("two_node", "1"), ("wait_for_all", if self.wait_for_all { "1" } else { "0" })]));
        } else if self.wait_for_all {
            quorum.extend(values(&[("wait_for_all", "1")]));
        }
        let node = |(number, node): (usize, &NewNode)| {
            let mut block = Block { values: values(&[("name", &node.name), ("nodeid", &number.to_string())]), ..Block::default() };
            let addresses = (0..links).map(|link| (format!("ring{link}_addr"), node.addresses[link].clone()));
            block.values.extend(addresses);
            ("node".to_owned(), block)
        };
        let nodes = Block { blocks: (1..).zip(&self.nodes).map(node).collect(), ..Block::default() };
        let logging =
            values(&[("to_logfile", "yes"), ("logfile", "/var/log/corosync/corosync.log"), ("to_syslog", "yes"), ("timestamp", "on")]);
        let block = |values| Block { values, ..Block::default() };
        let sections = [("totem", block(totem)), ("nodelist", nodes), ("quorum", block(quorum)), ("logging", block(logging))];
        Block { blocks: sections.map(|(name, block)| (name.to_owned(), block)).into(), ..Block::default() }
    }
}

/// Refuses names and addresses that `corosync.conf` could not hold.
pub(crate) fn check_words<'a>(mut words: impl Iterator<Item = &'a String>) -> Result<(), Refusal> {
    let is_plain = |word: &str| !word.is_empty() && word.chars().all(|letter| letter.is_alphanumeric() || "-_.:%".contains(letter));
    match words.find(|word| !is_plain(word)) {
        Some(odd) => Err(refuse(format!("{odd:?} is no name and no address; letters, digits and - _ . : % are"))),
        None => Ok(()),
    }
}

/// Says whether one of a configuration's nodes is this host, as Corosync finds itself: by its addresses.
///
/// # Errors
/// None is, or an address cannot be resolved.
pub fn check_host(configuration: &Block) -> Result<(), Refusal> {
    let nodes: Vec<(String, Vec<String>)> = crate::ring::addresses_of(configuration);
    for (node, addresses) in &nodes {
        for address in addresses {
            let resolved = (address.as_str(), 0).to_socket_addrs();
            let resolved = resolved.map_err(|error| refuse(format!("the address {address} of {node} cannot be resolved: {error}")))?;
            if resolved.into_iter().any(is_own) {
                return Ok(());
            }
        }
    }
    let nodes: Vec<String> = nodes.iter().map(|(node, addresses)| format!("{node} {}", addresses.join(" "))).collect();
    Err(refuse(format!(
        "none of the nodes' addresses is this host's ({}); a node is added on one that is in the cluster: systole cluster add-node \
         NAME=ADDRESS",
        nodes.join(", ")
    )))
}

/// Returns whether an address is this host's: then, and only then, the kernel speaks to it from that very address. Nothing is sent.
fn is_own(address: SocketAddr) -> bool {
    let any = if address.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    let speaks_from = || {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((address.ip(), 9))?;
        socket.local_addr()
    };
    speaks_from().is_ok_and(|from| from.ip() == address.ip())
}

/// The files of one host's membership.
#[derive(Clone, Debug)]
pub struct Files {
    folder: PathBuf,
    cib: PathBuf,
}

/// Lets the daemon's group speak to Corosync, also after Corosync was started anew.
const UIDGID: &str = "uidgid {\n    gid: haclient\n}\n";

impl Files {
    /// Returns the files of the host below `root`.
    pub fn below(root: &Path) -> Self {
        Self { folder: root.join("etc/corosync"), cib: root.join("var/lib/pacemaker/cib/cib.xml") }
    }

    /// Returns the configuration that is there.
    ///
    /// # Errors
    /// There is none, or it has not Corosync's form.
    pub fn configuration(&self) -> Result<Block, Refusal> {
        let path = self.folder.join("corosync.conf");
        let text =
            fs::read_to_string(&path).map_err(|error| refuse(format!("{}: {error}; `systole cluster setup` makes one", path.display())))?;
        Block::parse(&text).map_err(|error| refuse(format!("{}: {error}", path.display())))
    }

    /// Returns whether the CIB that is here switches fencing off.
    pub fn fencing_is_off(&self) -> bool {
        let Ok(cib) = crate::read_file(&self.cib) else { return false };
        let options =
            cib.descend(&["configuration", "crm_config"]).into_iter().flat_map(|options| options.elements_named("cluster_property_set"));
        let pairs = options.flat_map(|set| set.elements_named("nvpair"));
        let mut fencing = pairs.filter(|pair| matches!(pair.attribute("name"), Some("stonith-enabled" | "fencing-enabled")));
        fencing.next_back().and_then(|pair| model::parse_boolean(pair.attribute("value")?)) == Some(false)
    }

    /// Writes a new configuration with a new key.
    ///
    /// # Errors
    /// There is one already, or it could not be written.
    pub fn make(&self, configuration: &Block) -> Result<(), Refusal> {
        let mut key = [0; 256];
        fs::File::open("/dev/urandom")
            .and_then(|mut source| source.read_exact(&mut key))
            .map_err(|error| refuse(format!("no key could be made: {error}")))?;
        self.write(&configuration.to_string(), &key)
    }

    /// Returns what another host needs to join, as one line. It contains the key.
    ///
    /// # Errors
    /// This host has no cluster, or one without a key.
    pub fn invitation(&self) -> Result<String, Refusal> {
        self.configuration()?;
        let read =
            |name: &str| fs::read(self.folder.join(name)).map_err(|error| refuse(format!("{}: {error}", self.folder.join(name).display())));
        let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Ok(format!("systole-invitation-1 {} {}", hex(read("corosync.conf")?), hex(read("authkey")?)))
    }

    /// Takes part in the cluster of an invitation, if `check` agrees to its configuration.
    ///
    /// # Errors
    /// It is no invitation, there is a configuration here already, or it could not be written.
    pub fn accept(&self, invitation: &str, check: impl FnOnce(&Block) -> Result<(), Refusal>) -> Result<Block, Refusal> {
        let (text, block, key) = read_invitation(invitation)?;
        check(&block)?;
        self.write(&text, &key)?;
        Ok(block)
    }

    /// Takes over a changed configuration of the cluster that this host is in already, and keeps the present one beside it.
    ///
    /// # Errors
    /// It is no invitation, of another cluster or with another key, or it could not be written.
    pub fn update(&self, invitation: &str) -> Result<Block, Refusal> {
        let (_, block, key) = read_invitation(invitation)?;
        if fs::read(self.folder.join("authkey")).ok().as_ref() != Some(&key) {
            return Err(refuse("the invitation holds another key than this host: it is of another cluster"));
        }
        self.replace(&block)?;
        Ok(block)
    }

    /// Puts a changed configuration in the place of the present one, which is kept as `corosync.conf.before`.
    ///
    /// # Errors
    /// It is not of the same cluster, or could not be written.
    pub fn replace(&self, configuration: &Block) -> Result<(), Refusal> {
        crate::ring::check_update(&self.configuration()?, configuration)?;
        let path = self.folder.join("corosync.conf");
        let copied = fs::copy(&path, self.folder.join("corosync.conf.before")).map(drop);
        let written = copied.and_then(|()| self.put("corosync.conf", 0o644, configuration.to_string().as_bytes()));
        written.map_err(|error| refuse(format!("failed to write {}: {error}", path.display())))
    }

    fn put(&self, name: &str, mode: u32, bytes: &[u8]) -> std::io::Result<()> {
        let path = self.folder.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let new = path.with_extension("new");
        let _ = fs::remove_file(&new);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(new, path)
    }

    fn write(&self, configuration: &str, key: &[u8]) -> Result<(), Refusal> {
        let path = self.folder.join("corosync.conf");
        // Debian's package brings an example for one node on the loopback address; it is nobody's work.
        let found = fs::read_to_string(&path).unwrap_or_default();
        if !found.trim().is_empty() && !found.contains("ring0_addr: 127.0.0.1") {
            let text = format!("{} is there already and is used as it is; move it away to begin anew", path.display());
            return Err(refuse(text));
        }
        let written = self.put("authkey", 0o400, key).and_then(|()| self.put("uidgid.d/systole", 0o644, UIDGID.as_bytes()));
        // The configuration comes last: with it the host is ready to start.
        let written = written.and_then(|()| self.put("corosync.conf", 0o644, configuration.as_bytes()));
        written.map_err(|error| refuse(format!("failed to write below {}: {error}", self.folder.display())))
    }

    /// Puts the configuration and its key aside, so that the host does not come back into the cluster by itself.
    ///
    /// # Errors
    /// They could not be moved.
    pub fn put_aside(&self) -> Result<(), Refusal> {
        for name in ["corosync.conf", "authkey"] {
            let path = self.folder.join(name);
            if path.exists() {
                fs::rename(&path, self.folder.join(format!("{name}.left")))
                    .map_err(|error| refuse(format!("{}: {error}", path.display())))?;
            }
        }
        Ok(())
    }
}

/// Returns what an invitation holds: the text of the configuration, the configuration, the key.
fn read_invitation(invitation: &str) -> Result<(String, Block, Vec<u8>), Refusal> {
    let words: Vec<&str> = invitation.split_whitespace().collect();
    let bytes = |word: &str| -> Option<Vec<u8>> {
        let digits = word.as_bytes().chunks(2);
        digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
    };
    let ["systole-invitation-1", configuration, key] = words[..] else {
        return Err(refuse("this is no invitation; `systole cluster invite` on a node of the cluster prints one"));
    };
    let (Some(Ok(text)), Some(key)) = (bytes(configuration).map(String::from_utf8), bytes(key)) else {
        return Err(refuse("the invitation is damaged"));
    };
    let block = Block::parse(&text).map_err(|error| refuse(format!("the invitation is damaged: {error}")))?;
    Ok((text, block, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(nodes: &[(&str, &[&str])]) -> NewCluster {
        let node = |(name, addresses): &(&str, &[&str])| NewNode {
            name: (*name).to_owned(),
            addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
        };
        NewCluster {
            name: "shop".into(),
            nodes: nodes.iter().map(node).collect(),
            profile: Profile::Standard,
            wait_for_all: true,
            accepted: Vec::new(),
        }
    }

    #[test]
    fn two_nodes_need_waiting_and_fencing_unless_told_by_name() {
        let pair = cluster(&[("a", &["10.0.0.1"]), ("b", &["10.0.0.2"])]);
        let made = pair.configuration(false).unwrap();
        assert_eq!((made.value("quorum", "two_node"), made.value("quorum", "wait_for_all")), (Some("1"), Some("1")));
        assert!(pair.configuration(true).unwrap_err().message.contains("two-nodes-without-fencing"));
        let hasty = NewCluster { wait_for_all: false, ..pair.clone() };
        assert!(hasty.configuration(false).unwrap_err().message.contains("two-nodes-without-waiting"));
        let told = NewCluster { accepted: vec![Risk::TwoNodesWithoutWaiting, Risk::TwoNodesWithoutFencing], ..hasty };
        assert_eq!(told.configuration(true).unwrap().value("quorum", "wait_for_all"), Some("0"));
    }

    #[test]
    fn links_need_an_address_of_every_node_and_names_are_unique() {
        let links = cluster(&[("a", &["10.0.0.1", "10.1.0.1"]), ("b", &["10.0.0.2", "10.1.0.2"]), ("c", &["10.0.0.3", "10.1.0.3"])]);
        let made = links.configuration(false).unwrap();
        let second = made.all("nodelist").flat_map(|list| list.all("node")).nth(1).unwrap().clone();
        assert_eq!((second.own("nodeid"), second.own("ring1_addr")), (Some("2"), Some("10.1.0.2")));
        assert_eq!((made.value("totem", "crypto_cipher"), made.value("totem", "seqno_unchanged_const")), (Some("aes256"), Some("3")));
        assert!(cluster(&[("a", &["10.0.0.1"]), ("b", &[])]).configuration(false).is_err());
        let twice = cluster(&[("a", &["10.0.0.1"]), ("b", &["10.0.0.1"]), ("c", &["10.0.0.3"])]).configuration(false);
        assert!(twice.unwrap_err().message.contains("10.0.0.1 is given twice"));
        let odd = cluster(&[("a }", &["10.0.0.1"]), ("b", &["10.0.0.2"]), ("c", &["10.0.0.3"])]).configuration(false);
        assert!(odd.unwrap_err().message.contains("\"a }\" is no name"));
        assert!(cluster(&[("a", &["10.0.0.1"]), ("a", &["10.0.0.2"]), ("c", &["10.0.0.3"])]).configuration(false).is_err());
    }

    #[test]
    fn a_host_finds_itself_by_an_address() {
        let here = cluster(&[("a", &["203.0.113.1"]), ("b", &["127.0.0.1"])]).configuration(false).unwrap();
        assert!(check_host(&here).is_ok());
        let elsewhere = cluster(&[("a", &["203.0.113.1"]), ("b", &["203.0.113.2"])]).configuration(false).unwrap();
        assert!(check_host(&elsewhere).unwrap_err().message.contains("a 203.0.113.1, b 203.0.113.2"));
    }

    #[test]
    fn a_host_joins_by_an_invitation_and_what_is_there_is_never_touched() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (first, second) = (Files::below(here.path()), Files::below(there.path()));
        let made = cluster(&[("a", &["10.0.0.1"]), ("b", &["10.0.0.2"]), ("c", &["10.0.0.3"])]).configuration(false).unwrap();
        first.make(&made).unwrap();
        assert!(first.make(&made).unwrap_err().message.contains("already"));
        assert_eq!(second.accept(&first.invitation().unwrap(), |_| Ok(())).unwrap(), made);
        let key = |root: &tempfile::TempDir| fs::read(root.path().join("etc/corosync/authkey")).unwrap();
        assert_eq!((key(&here).len(), key(&here)), (256, key(&there)));
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(there.path().join("etc/corosync/authkey")).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o400);
        assert!(second.accept("rubbish", |_| Ok(())).is_err() && second.accept("systole-invitation-1 0g 00", |_| Ok(())).is_err());
        second.put_aside().unwrap();
        assert!(second.configuration().is_err());
    }
}
