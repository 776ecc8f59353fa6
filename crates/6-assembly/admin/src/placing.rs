//! Moving, banning and clearing: location constraints that an administrator's command makes and takes away,
//! with the ids and form of Pacemaker's own tool, so that either can clear what the other made.

use crate::exit::{Exit, Refusal};
use crate::{Cluster, edits};
use model::Score;
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
    constraint(&format!("cli-ban-{resource}-on-{node}"), resource, node, Score::MINUS_INFINITY, terms)
}

/// Returns the constraint that draws a resource to a node.
pub fn prefer(resource: &str, node: &str, terms: &Terms) -> Element {
    constraint(&format!("cli-prefer-{resource}"), resource, node, Score::INFINITY, terms)
}

fn constraint(id: &str, resource: &str, node: &str, score: Score, terms: &Terms) -> Element {
    let role = if terms.promoted { "Promoted" } else { "Started" };
    let location = Element::new("rsc_location").with("id", id).with("rsc", resource).with("role", role);
    let Some(until) = &terms.until else {
        return location.with("node", node).with("score", score.to_string());
    };
    let of_node = Element::new("expression")
        .with("id", format!("{id}-expr"))
        .with("attribute", "#uname")
        .with("operation", "eq")
        .with("value", node)
        .with("type", "string");
    let of_time = Element::new("date_expression").with("id", format!("{id}-lifetime-end")).with("operation", "lt").with("end", until);
    let rule = Element::new("rule")
        .with("id", format!("{id}-rule"))
        .with("score", score.to_string())
        .with("boolean-op", "and")
        .with_child(of_node)
        .with_child(of_time);
    location.with_child(rule)
}

/// Puts a constraint into the configuration; one with the same id is replaced.
pub fn place(cluster: &Cluster, constraint: Element) -> Result<(), Refusal> {
    if let Some(id) = constraint.id() {
        // A constraint of the other kind (with or without an end) must not leave its parts behind.
        match cluster.edit(edits::delete("constraints", &Element::new("rsc_location").with("id", id))) {
            Err(refusal) if refusal.exit != Exit::NO_SUCH => return Err(refusal),
            _ => {}
        }
    }
    cluster.edit(edits::modify("constraints", Element::new("constraints").with_child(constraint))).map(|_| ())
}

/// Takes away the constraints that move and ban made; returns their ids.
pub fn clear(cluster: &Cluster, resource: &str, node: Option<&str>) -> Result<Vec<String>, Refusal> {
    let cib = cluster.cib()?;
    let doomed = made_by_command(&cib, resource, node);
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
        assert!(text.contains("#uname") && text.contains("cli-ban-web-on-node1-lifetime-end") && !text.contains(" node="), "{text}");
    }
}
