//! What a daemon keeps for its successor during a life of the host: the executor's history, the node's attributes, and whether
//! a partition with quorum knows that the node is here.

use crate::command::MemberCommand;
use crate::member::Member;
use crate::remotes::KeptRemote;
use messages::peer::HeldAttribute;
use model::NodeName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The content of [`MemberCommand::SaveHistory`].
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Kept {
    #[serde(default)]
    pub(crate) executor: Option<executor::History>,
    /// Connections to remote nodes, and the histories of those.
    #[serde(default, with = "executor::shared")]
    pub(crate) remotes: BTreeMap<NodeName, Arc<KeptRemote>>,
    #[serde(default)]
    pub(crate) attributes: Vec<HeldAttribute>,
    #[serde(default)]
    pub(crate) known_to_quorum: bool,
}

impl Kept {
    /// Reads what an earlier daemon wrote. What cannot be read is as good as absent: everything is probed then.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    /// Returns it as [`crate::MemberConfig::history`] wants it.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Member {
    /// What the daemon keeps has changed: it is saved before anything of what the present event leads to is carried out.
    pub(crate) fn save_history(&mut self) {
        self.history_changed = true;
    }

    /// Saves once for all that an event changed: a long history takes its time.
    pub(crate) fn save_changed_history(&mut self) {
        if !std::mem::take(&mut self.history_changed) {
            return;
        }
        let kept = Kept {
            executor: Some(self.executor.history()),
            remotes: self.remotes.kept(),
            attributes: self.attributes.to_keep(),
            known_to_quorum: self.membership.is_known_to_quorum(),
        };
        self.out.insert(0, MemberCommand::SaveHistory(Box::new(kept)));
    }
}
