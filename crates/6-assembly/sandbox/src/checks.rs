//! Safety, seen from outside: a resource that may run once is active on one powered host at most.
//!
//! Looks at the state that agents keep on each host, never at what the cluster says of itself.

use crate::layout::Layout;
use model::NodeName;
use std::collections::{BTreeMap, BTreeSet};

/// Returns the resource of a state file such as `Dummy-web.state`.
pub(crate) fn resource_of_state_file(name: &str) -> Option<&str> {
    name.strip_suffix(".state")?.split_once('-').map(|(_, resource)| resource)
}

/// Returns, for each resource that is active on more than one of these hosts, where.
/// Only those in `single` count: instances of clones may run in many places.
pub(crate) fn active_twice(layout: &Layout, hosts: &[NodeName], single: &BTreeSet<String>) -> Vec<String> {
    let mut places: BTreeMap<String, Vec<&NodeName>> = BTreeMap::new();
    for host in hosts {
        for file in std::fs::read_dir(layout.state(host)).into_iter().flatten().flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            if let Some(resource) = resource_of_state_file(&name).filter(|resource| single.contains(*resource)) {
                places.entry(resource.to_owned()).or_default().push(host);
            }
        }
    }
    places
        .into_iter()
        .filter(|(_, hosts)| hosts.len() > 1)
        .map(|(resource, hosts)| {
            let hosts: Vec<&str> = hosts.iter().map(|host| host.as_str()).collect();
            format!("{resource} is active on {} at the same time", hosts.join(" and "))
        })
        .collect()
}

/// Whether any of these hosts keeps state of the resource.
pub(crate) fn is_active(layout: &Layout, hosts: &[NodeName], resource: &str) -> bool {
    hosts
        .iter()
        .flat_map(|host| std::fs::read_dir(layout.state(host)).into_iter().flatten().flatten())
        .any(|file| resource_of_state_file(&file.file_name().to_string_lossy()) == Some(resource))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_on_two_hosts_is_found_and_a_clone_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout { folder: folder.path().to_owned(), program: "/bin/true".into() };
        let hosts: Vec<NodeName> = vec!["a".into(), "b".into()];
        for host in &hosts {
            std::fs::create_dir_all(layout.state(host)).unwrap();
            std::fs::write(layout.state(host).join("Dummy-once.state"), "").unwrap();
            std::fs::write(layout.state(host).join("Dummy-everywhere.state"), "").unwrap();
        }
        let single = BTreeSet::from(["once".to_owned()]);
        assert_eq!(active_twice(&layout, &hosts, &single), ["once is active on a and b at the same time"]);
        assert!(active_twice(&layout, &hosts[..1], &single).is_empty());
    }
}
