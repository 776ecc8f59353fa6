//! What a member is told once, when it starts. Everything else it learns from the CIB and its peers.

use model::NodeName;
use replica::Copies;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use xml::Element;

/// The CIB as the storage edge found it at start-up.
#[derive(Clone, Debug)]
pub struct StoredCib {
    pub cib: Arc<Element>,
    /// The last quorate term in which this copy was written, as [`crate::StoreOrder::lineage`] gave it; 0 when it is not known.
    pub lineage: u64,
}

/// The fixed facts of one node's member.
#[derive(Clone, Debug)]
pub struct MemberConfig {
    pub node: NodeName,
    /// The node's number in the engine's configuration; its id in the CIB.
    pub id: u32,
    pub cluster_name: Option<String>,
    /// The product's version, shown to users.
    pub version: String,
    /// New at every start of the daemon; the last part of transition keys. The daemon takes 36 characters of a random UUID.
    pub uuid: String,
    /// How long a daemon may be gone while its host is present before its node is recovered.
    pub grace: Duration,
    /// How long a member may be silent in the group before it counts as gone.
    pub silence: Duration,
    /// How long a starting cluster waits for configured nodes that have not joined; no absent node is fenced before.
    pub dc_deadtime: Duration,
    /// What was stored last; `None` on a node that never had a CIB.
    pub stored: Option<StoredCib>,
    /// The bytes of the last [`crate::MemberCommand::SaveHistory`].
    pub history: Option<Vec<u8>>,
    /// The version of messages that this daemon speaks; a greater one than this program's stands for a later program in tests of
    /// clusters whose nodes are upgraded one by one.
    pub message_version: u32,
    /// How many agents run at once on this host: twice its cores.
    pub parallel_max: usize,
    /// The number that comes next in each series of saved plan inputs (see `input_series`); the storage edge knows them.
    pub next_inputs: BTreeMap<String, u64>,
    /// What the engine below is called in the CIB (`cluster-infrastructure`).
    pub infrastructure: String,
    /// What members of one process share; a daemon has one alone.
    pub copies: Copies,
    /// Every member is in this process: what they say is handed over, most of it without becoming a text in between.
    pub hands_over: bool,
}

impl MemberConfig {
    /// Returns the configuration of a node that never ran before, with the default times.
    pub fn new(node: impl Into<NodeName>, id: u32) -> Self {
        Self {
            node: node.into(),
            id,
            cluster_name: None,
            version: String::new(),
            uuid: String::new(),
            grace: Duration::from_secs(5),
            silence: Duration::from_secs(5),
            dc_deadtime: Duration::from_secs(20),
            stored: None,
            history: None,
            message_version: messages::peer::VERSION,
            parallel_max: 8,
            next_inputs: BTreeMap::new(),
            infrastructure: "corosync".to_owned(),
            copies: Copies::default(),
            hands_over: false,
        }
    }
}
