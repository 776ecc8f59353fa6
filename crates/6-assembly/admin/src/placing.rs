//! Moving, banning and clearing: location constraints that an administrator's command makes and takes away,
//! with the ids and form of Pacemaker's own tool, so that either can clear what the other made.

use crate::exit::Refusal;
use crate::{Cluster, edits};
use cib::iso8601::DateTime;
use model::{Score, Timestamp};
use xml::Element;

/// For how long, and in which role, a constraint holds.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Only in the promoted role.
    pub promoted: bool,
    /// The moment it ends, in ISO 8601; absent: until it is cleared.
    pub until: Option<String>,
}

/// Returns the constraint that keeps a resource off a node.
pub fn ban(resource: &str, node: &str, terms: &Terms) -> Element {
    let id = format!("cli-ban-{resource}-on-{node}");
    let parts = [format!("{id}-rule"), format!("{id}-expr"), format!("{id}-lifetime")];
    constraint(&id, parts, resource, node, Score::MINUS_INFINITY, terms)
}

/// Returns the constraint that draws a resource to a node.
pub fn prefer(resource: &str, node: &str, terms: &Terms) -> Element {
    let parts = ["rule", "expr", "lifetime-end"].map(|part| format!("cli-prefer-{part}-{resource}"));
    constraint(&format!("cli-prefer-{resource}"), parts, resource, node, Score::INFINITY, terms)
}

/// `parts` are the ids of the rule and of its conditions on the node and on the time.
fn constraint(id: &str, parts: [String; 3], resource: &str, node: &str, score: Score, terms: &Terms) -> Element {
    let [rule, expression, lifetime] = parts;
    let role = if terms.promoted { "Promoted" } else { "Started" };
    let location = Element::new("rsc_location").with("id", id).with("rsc", resource).with("role", role);
    let Some(until) = &terms.until else {
        return location.with("node", node).with("score", score.to_string());
    };
    let of_node = Element::new("expression")
        .with("id", expression)
        .with("attribute", "#uname")
        .with("operation", "eq")
        .with("value", node)
        .with("type", "string");
    let of_time = Element::new("date_expression").with("id", lifetime).with("operation", "lt").with("end", until);
    let rule = Element::new("rule")
        .with("id", rule)
        .with("score", score.to_string())
        .with("boolean-op", "and")
        .with_child(of_node)
        .with_child(of_time);
    location.with_child(rule)
}

/// Puts a constraint into the configuration; one with the same id is replaced.
pub fn place(cluster: &Cluster, constraint: Element) -> Result<(), Refusal> {
    let cib = cluster.cib()?;
    let constraints = cib.descend(&["configuration", "constraints"]);
    let exists = constraints.is_some_and(|c| c.elements_named("rsc_location").any(|known| known.id() == constraint.id()));
    match exists {
        // A constraint of the other kind (with or without an end) must not leave its parts behind.
        true => cluster.edit(edits::replace(Some("constraints"), &constraint)),
        false => cluster.edit(edits::modify("constraints", Element::new("constraints").with_child(constraint))),
    }
}

/// Takes away the constraints that move and ban made; returns their ids.
pub fn clear(cluster: &Cluster, resource: &str, node: Option<&str>) -> Result<Vec<String>, Refusal> {
    let cib = cluster.cib()?;
    remove(cluster, made_by_command(&cib, resource, node))
}

/// Takes away what would be in the way of a move to a node: every preference, and the ban from that node.
pub fn clear_for_move(cluster: &Cluster, resource: &str, node: &str) -> Result<Vec<String>, Refusal> {
    let cib = cluster.cib()?;
    let ban = format!("cli-ban-{resource}-on-{node}");
    let doomed = made_by_command(&cib, resource, None).into_iter().filter(|id| !id.starts_with("cli-ban-") || *id == ban);
    remove(cluster, doomed.collect())
}

/// Takes away the constraints that commands made (for one resource) and whose time is over.
pub fn clear_expired(cluster: &Cluster, resource: Option<&str>, now: Timestamp, utc_offset: i32) -> Result<Vec<String>, Refusal> {
    let cib = cluster.cib()?;
    let constraints = cib.descend(&["configuration", "constraints"]);
    let locations = constraints.into_iter().flat_map(|c| c.elements_named("rsc_location"));
    let is_over = |location: &&Element| {
        let end = location.descendants().filter(|e| e.name == "date_expression").find_map(|e| e.attribute("end"));
        end.and_then(|end| DateTime::parse(end, now, utc_offset)).is_some_and(|end| end.timestamp() < now)
    };
    let doomed = locations
        .filter(|location| resource.is_none() || location.attribute("rsc") == resource)
        .filter(|location| location.id().is_some_and(|id| id.starts_with("cli-ban-") || id.starts_with("cli-prefer-")))
        .filter(is_over)
        .filter_map(|location| location.id().map(str::to_owned));
    remove(cluster, doomed.collect())
}

fn remove(cluster: &Cluster, doomed: Vec<String>) -> Result<Vec<String>, Refusal> {
    for id in &doomed {
        cluster.edit(edits::delete("constraints", &Element::new("rsc_location").with("id", id)))?;
    }
    Ok(doomed)
}

/// Returns the ids of the constraints that commands made for a resource (and node).
fn made_by_command(cib: &Element, resource: &str, node: Option<&str>) -> Vec<String> {
    let constraints = cib.descend(&["configuration", "constraints"]);
    let locations = constraints.into_iter().flat_map(|c| c.elements_named("rsc_location"));
    locations
        .filter(|l| l.attribute("rsc") == Some(resource))
        .filter_map(|l| l.id().map(|id| (l, id)))
        .filter(|(location, id)| {
            let ban = format!("cli-ban-{resource}-on-");
            let prefer = [format!("cli-prefer-{resource}"), format!("cli-standby-{resource}")];
            match node {
                None => id.starts_with(&ban) || prefer.iter().any(|p| id == p),
                Some(node) => id.strip_prefix(&ban) == Some(node) || (prefer.iter().any(|p| id == p) && names_node(location, node)),
            }
        })
        .map(|(_, id)| id.to_owned())
        .collect()
}

fn names_node(location: &Element, node: &str) -> bool {
    location.attribute("node") == Some(node) || location.descendants().any(|e| e.name == "expression" && e.attribute("value") == Some(node))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cib(constraints: &str) -> Element {
        let text = format!("<cib><configuration><constraints>{constraints}</constraints></configuration></cib>");
        xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap()
    }

    #[test]
    fn only_constraints_made_by_commands_are_cleared() {
        let cib = cib("<rsc_location id='cli-ban-web-on-a' rsc='web' node='a'/><rsc_location id='cli-prefer-web' rsc='web' node='b'/>\
            <rsc_location id='cli-ban-other-on-a' rsc='other' node='a'/><rsc_location id='mine' rsc='web' node='a'/>");
        for (node, expected) in [
            (None, vec!["cli-ban-web-on-a", "cli-prefer-web"]),
            (Some("a"), vec!["cli-ban-web-on-a"]),
            (Some("b"), vec!["cli-prefer-web"]),
            (Some("c"), vec![]),
        ] {
            assert_eq!(made_by_command(&cib, "web", node), expected, "{node:?}");
        }
    }

    #[test]
    fn a_ban_with_an_end_is_a_rule() {
        let terms = Terms { promoted: false, until: Some("2030-01-01 00:00:00Z".into()) };
        let text = ban("web", "node1", &terms).to_compact();
        assert!(text.contains("#uname") && text.contains("\"cli-ban-web-on-node1-lifetime\"") && !text.contains(" node="), "{text}");
    }
}
