//! Hosts that come to a cluster's ring and go from it: a changed `corosync.conf`, made on one host and taken over by the others.
//!
//! What would be unsafe is refused unless it is asked for by name. The configuration before is kept beside the new one.

use crate::setup::{LINKS_MAX, NewNode, Risk, check_words};
use crate::{Exit, Refusal};
use corosync::Block;
use std::collections::BTreeSet;

fn refuse(text: impl Into<String>) -> Refusal {
    Refusal::new(Exit::CONFIG, text.into())
}

fn nodes(configuration: &Block) -> Vec<&Block> {
    configuration.all("nodelist").flat_map(|list| list.all("node").collect::<Vec<_>>()).collect()
}

fn name(node: &Block) -> &str {
    node.own("name").or_else(|| node.own("ring0_addr")).unwrap_or_default()
}

fn addresses(node: &Block) -> Vec<&str> {
    (0..LINKS_MAX).map_while(|link| node.own(&format!("ring{link}_addr"))).collect()
}

/// Returns the names of the nodes of a configuration, in order.
pub fn names(configuration: &Block) -> Vec<String> {
    nodes(configuration).into_iter().map(|node| name(node).to_owned()).collect()
}

/// Returns each node's name and addresses.
pub(crate) fn addresses_of(configuration: &Block) -> Vec<(String, Vec<String>)> {
    let owned = |node: &&Block| addresses(node).into_iter().map(str::to_owned).collect();
    nodes(configuration).iter().map(|node| (name(node).to_owned(), owned(node))).collect()
}

/// Returns the configuration with one more node. `fencing_is_off` says what the CIB asks for.
///
/// # Errors
/// The node is there already, its addresses do not fit the links, or the outcome would be unsafe.
pub fn with_node(configuration: &Block, new: &NewNode, fencing_is_off: bool, accepted: &[Risk]) -> Result<Block, Refusal> {
    check_words([&new.name].into_iter().chain(&new.addresses))?;
    let known = nodes(configuration);
    let Some(first) = known.first() else { return Err(refuse("the configuration has no nodelist to add a node to")) };
    let links = addresses(first).len();
    if new.addresses.len() != links {
        let given = new.addresses.len();
        return Err(refuse(format!(
            "{} has {given} addresses, the cluster has {links} links; each link needs one of every node",
            new.name
        )));
    }
    if let Some(twin) =
        known.iter().find(|node| name(node) == new.name || addresses(node).iter().any(|at| new.addresses.iter().any(|own| own == at)))
    {
        return Err(refuse(format!("{} ({}) is a node of this cluster already", name(twin), addresses(twin).join(", "))));
    }
    check_pair(known.len() + 1, fencing_is_off, accepted)?;
    let taken: BTreeSet<u32> = known.iter().filter_map(|node| node.own("nodeid")?.parse().ok()).collect();
    let number = (1..).find(|number| !taken.contains(number)).unwrap_or(1);
    let mut node =
        Block { values: vec![("name".to_owned(), new.name.clone()), ("nodeid".to_owned(), number.to_string())], ..Block::default() };
    node.values.extend(new.addresses.iter().enumerate().map(|(link, address)| (format!("ring{link}_addr"), address.clone())));
    let mut changed = configuration.clone();
    if let Some((_, list)) = changed.blocks.iter_mut().find(|(section, _)| section == "nodelist") {
        list.blocks.push(("node".to_owned(), node));
    }
    settle(&mut changed);
    Ok(changed)
}

/// Returns the configuration without a node. `fencing_is_off` says what the CIB asks for.
///
/// # Errors
/// There is no such node, or what is left would be unsafe.
pub fn without_node(configuration: &Block, gone: &str, fencing_is_off: bool, accepted: &[Risk]) -> Result<Block, Refusal> {
    let mut changed = configuration.clone();
    for (_, list) in changed.blocks.iter_mut().filter(|(section, _)| section == "nodelist") {
        list.blocks.retain(|(section, node)| section != "node" || name(node) != gone);
    }
    let left = nodes(&changed).len();
    if left == nodes(configuration).len() {
        return Err(refuse(format!("{gone} is no node of this cluster: {}", names(configuration).join(", "))));
    }
    if left == 0 {
        return Err(refuse(format!("{gone} is the last node; `systole cluster leave` ends the cluster")));
    }
    check_pair(left, fencing_is_off, accepted)?;
    settle(&mut changed);
    Ok(changed)
}

fn check_pair(count: usize, fencing_is_off: bool, accepted: &[Risk]) -> Result<(), Refusal> {
    if count == 2 && fencing_is_off && !accepted.contains(&Risk::TwoNodesWithoutFencing) {
        return Err(refuse(
            "the cluster would have two nodes, and the configuration has stonith-enabled=false: when they lose sight of each other both \
             run everything; --accept two-nodes-without-fencing does it all the same",
        ));
    }
    Ok(())
}

/// Brings what depends on the number of nodes in line with it: two nodes need `two_node`, others must not have it.
fn settle(configuration: &mut Block) {
    let count = nodes(configuration).len();
    let has_device = configuration.all("quorum").any(|quorum| quorum.all("device").next().is_some());
    for (_, quorum) in configuration.blocks.iter_mut().filter(|(section, _)| section == "quorum") {
        quorum.values.retain(|(key, _)| !matches!(key.as_str(), "two_node" | "expected_votes"));
        if count == 2 && !has_device {
            quorum.values.push(("two_node".to_owned(), "1".to_owned()));
        }
    }
    // Corosync lets no node in that has an older version, where there is one.
    for (_, totem) in configuration.blocks.iter_mut().filter(|(section, _)| section == "totem") {
        for (_, version) in totem.values.iter_mut().filter(|(key, _)| key == "config_version") {
            *version = version.parse::<u64>().map_or_else(|_| version.clone(), |number| (number + 1).to_string());
        }
    }
}

/// Says whether a host of one configuration can take over another.
///
/// # Errors
/// It is of another cluster, or this host is in it no more.
pub fn check_update(present: &Block, new: &Block) -> Result<(), Refusal> {
    let cluster = |block: &Block| block.value("totem", "cluster_name").unwrap_or_default().to_owned();
    if cluster(present) != cluster(new) {
        return Err(refuse(format!("this host is in cluster {:?}, the invitation is for {:?}", cluster(present), cluster(new))));
    }
    let version = |block: &Block| block.value("totem", "config_version").and_then(|text| text.parse::<u64>().ok());
    if version(new) < version(present) {
        return Err(refuse("the invitation is older than the configuration here"));
    }
    let own: BTreeSet<String> = names(present).into_iter().collect();
    if names(new).iter().all(|name| !own.contains(name)) {
        return Err(refuse("none of this cluster's nodes is in the invitation"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: &str = "totem {\n cluster_name: shop\n config_version: 4\n}\nquorum {\n provider: corosync_votequorum\n two_node: 1\n}\n\
                        nodelist {\n node {\n name: a\n nodeid: 1\n ring0_addr: 10.0.0.1\n }\n node {\n name: b\n nodeid: 3\n ring0_addr: 10.0.0.2\n }\n}\n";

    fn node(name: &str, addresses: &[&str]) -> NewNode {
        NewNode { name: name.to_owned(), addresses: addresses.iter().map(|address| (*address).to_owned()).collect() }
    }

    #[test]
    fn a_third_node_gets_a_free_number_and_ends_two_node() {
        let pair = Block::parse(PAIR).unwrap();
        let three = with_node(&pair, &node("c", &["10.0.0.3"]), true, &[]).unwrap();
        assert_eq!(names(&three), ["a", "b", "c"]);
        let new = nodes(&three)[2];
        assert_eq!(
            (new.own("nodeid"), three.value("quorum", "two_node"), three.value("totem", "config_version")),
            (Some("2"), None, Some("5"))
        );
        assert!(with_node(&pair, &node("b", &["10.0.0.9"]), true, &[]).unwrap_err().message.contains("already"));
        assert!(with_node(&pair, &node("c", &["10.0.0.2"]), true, &[]).unwrap_err().message.contains("b (10.0.0.2)"));
        assert!(with_node(&pair, &node("c", &["10.0.0.3", "10.1.0.3"]), true, &[]).unwrap_err().message.contains("1 links"));
    }

    #[test]
    fn two_nodes_that_are_left_need_fencing_unless_told_by_name() {
        let three = with_node(&Block::parse(PAIR).unwrap(), &node("c", &["10.0.0.3"]), true, &[]).unwrap();
        let two = without_node(&three, "a", false, &[]).unwrap();
        assert_eq!((names(&two), two.value("quorum", "two_node")), (vec!["b".to_owned(), "c".to_owned()], Some("1")));
        assert!(without_node(&three, "a", true, &[]).unwrap_err().message.contains("two-nodes-without-fencing"));
        assert!(without_node(&three, "a", true, &[Risk::TwoNodesWithoutFencing]).is_ok());
        assert!(without_node(&three, "x", false, &[]).unwrap_err().message.contains("a, b, c"));
        let one = without_node(&two, "b", true, &[]).unwrap();
        let second = node("d", &["10.0.0.4"]);
        assert!(with_node(&one, &second, true, &[]).unwrap_err().message.contains("two-nodes-without-fencing"));
        assert_eq!(with_node(&one, &second, false, &[]).unwrap().value("quorum", "two_node"), Some("1"));
        assert!(one.value("quorum", "two_node").is_none() && without_node(&one, "c", false, &[]).is_err());
    }

    #[test]
    fn only_a_newer_configuration_of_the_same_cluster_is_taken_over() {
        let pair = Block::parse(PAIR).unwrap();
        let three = with_node(&pair, &node("c", &["10.0.0.3"]), true, &[]).unwrap();
        assert!(check_update(&pair, &three).is_ok());
        assert!(check_update(&three, &pair).unwrap_err().message.contains("older"));
        let other = Block::parse(&PAIR.replace("shop", "till")).unwrap();
        assert!(check_update(&pair, &other).unwrap_err().message.contains("till"));
    }
}
