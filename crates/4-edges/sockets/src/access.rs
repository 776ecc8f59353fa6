//! Who may connect: root, the daemon's own user, and the members of group haclient.

use messages::client::Account;
use std::fs;
use std::path::{Path, PathBuf};

/// The group whose members may talk to the daemon; what each may do is a matter of access rules above.
const GROUP: &str = "haclient";

/// What a connection may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// Root or the daemon's own user: no rules apply.
    Full,
    /// A user to whom access rules apply.
    User(Account),
    Refused,
}

/// Returns what a peer with these numbers may do on the host below `root`.
pub(crate) fn access(root: &Path, uid: u32, gid: u32) -> Access {
    if uid == 0 || uid == rustix::process::geteuid().as_raw() {
        return Access::Full;
    }
    let is = |fields: &[String], at: usize, text: &str| fields.get(at).is_some_and(|field| field == text);
    let Some(user) =
        table(root, "passwd").into_iter().find(|fields| is(fields, 2, &uid.to_string())).map(|mut fields| fields.swap_remove(0))
    else {
        return Access::Refused;
    };
    let mut groups = groups_of(root, &user);
    // The process may be in a group that it was given for this once (`newgrp`).
    let present = table(root, "group").into_iter().find(|fields| is(fields, 2, &gid.to_string())).map(|mut fields| fields.swap_remove(0));
    groups.extend(present.filter(|name| !groups.contains(name)));
    let is_member = groups.iter().any(|group| group == GROUP);
    match (is_member, user.as_str()) {
        (true, "hacluster") => Access::Full,
        (true, _) => Access::User(Account { name: user, groups }),
        (false, _) => Access::Refused,
    }
}

/// Reads a table of the host below `root`, else the machine's.
fn table(root: &Path, name: &str) -> Vec<Vec<String>> {
    let paths = [root.join("etc").join(name), PathBuf::from("/etc").join(name)];
    let text = paths.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    text.lines().map(|line| line.split(':').map(str::to_owned).collect()).collect()
}

/// Returns the groups that a user of the host below `root` is in.
pub fn groups_of(root: &Path, user: &str) -> Vec<String> {
    let field = |fields: &[String], at: usize| fields.get(at).cloned().unwrap_or_default();
    let own = table(root, "passwd").into_iter().find(|fields| field(fields, 0) == user).map(|fields| field(&fields, 3));
    let is_in = |fields: &Vec<String>| own.as_ref() == Some(&field(fields, 2)) || field(fields, 3).split(',').any(|member| member == user);
    table(root, "group").into_iter().filter(is_in).map(|fields| field(&fields, 0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_the_group_may_connect() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("etc")).unwrap();
        fs::write(
            folder.path().join("etc/passwd"),
            "root:x:0:0::\nanna:x:6001:6001::\nbert:x:6002:700::\ncarl:x:6003:6003::\nhacluster:x:6004:700::\n",
        )
        .unwrap();
        fs::write(folder.path().join("etc/group"), "anna:x:6001:\nhaclient:x:700:anna,dora\n").unwrap();
        for (uid, gid, expected) in [
            (0, 0, Access::Full),
            (6001, 6001, Access::User(Account { name: "anna".into(), groups: vec!["anna".into(), "haclient".into()] })),
            (6002, 700, Access::User(Account { name: "bert".into(), groups: vec!["haclient".into()] })),
            (6003, 6003, Access::Refused),
            (6004, 700, Access::Full),
            (6005, 700, Access::Refused),
        ] {
            assert_eq!(access(folder.path(), uid, gid), expected, "{uid}");
        }
    }
}
