//! What a client may ask and see when access rules hold for its user: the one gate before everything local clients want.
//!
//! Root, hacluster and the daemon's own user never come here, nor does anybody while `enable-acl` is off. Changes of the
//! CIB are checked element by element where they are made, by the coordinator, against the configuration in force then.

use crate::clients::refusal;
use crate::member::Member;
use cib::acl::{Permissions, applies};
use cib::edit::{PairPlace, Wanted, set_pair};
use messages::client::{Account, ClientBody, ClientError};
use xml::Element;

/// Compat: the exit code and the words for "not allowed".
fn denied() -> ClientError {
    refusal(4, "Permission denied")
}

fn permissions(cib: &Element, user: &Account) -> Permissions {
    Permissions::of(cib, &user.name, &user.groups.iter().map(String::as_str).collect::<Vec<_>>())
}

impl Member {
    /// Returns the user, if access rules hold for it.
    pub(crate) fn restricted<'u>(&self, user: Option<&'u Account>) -> Option<&'u Account> {
        user.filter(|user| applies(self.replica.cib(), &user.name))
    }

    /// Returns the part of the CIB that a user may see.
    pub(crate) fn visible(&self, user: &Account) -> Result<Element, ClientError> {
        permissions(self.replica.cib(), user).readable(self.replica.cib()).ok_or_else(denied)
    }

    /// Checks whether a user may ask this.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn check_access(&self, user: &Account, body: &ClientBody) -> Result<(), ClientError> {
        let cib = self.replica.cib();
        let may_become = |next: &Element| permissions(cib, user).check(cib, next).map_err(|_| denied());
        match body {
            ClientBody::Info
            | ClientBody::InfoOf { .. }
            | ClientBody::CibQuery { .. }
            | ClientBody::CibEdit { .. }
            | ClientBody::AttributeQuery { .. }
            | ClientBody::FenceHistory { .. }
            // It is told what it may see.
            | ClientBody::FollowCib
            | ClientBody::WaitIdle { .. } => Ok(()),
            // A transient attribute is one of the status section, and allowed as if it were written there.
            ClientBody::AttributeUpdate { node, name, .. } => {
                let node = node.as_ref().unwrap_or(&self.config.node);
                let id = self.id_of(node);
                let place = PairPlace::Transient(&id);
                let next = set_pair(cib, place, Wanted { name: Some(name), ..Wanted::default() }, "\u{1}");
                may_become(&next.map_err(|_| denied())?)
            }
            // Whoever may rewrite the status may have it forgotten.
            ClientBody::Cleanup { .. } | ClientBody::FailResource { .. } => {
                let mut next = cib.as_ref().clone();
                next.child_or_new("status").set("access", "write");
                may_become(&next)
            }
            _ => Err(denied()),
        }
    }
}
