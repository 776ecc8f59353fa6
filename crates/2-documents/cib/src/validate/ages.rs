//! Which schema brought what: an element, attribute or value that is newer than the schema a document names, or gone by then.
//!
//! [`super::validate`] knows one union of all schemas, so that nothing that runs is refused. A *change* must keep to the
//! document's own schema, as Pacemaker has it: a cluster that is handed back must find words it knows.

use crate::Problem;
use crate::upgrade::SchemaVersion;
use xml::Element;

const fn v(major: u16, minor: u16) -> SchemaVersion {
    SchemaVersion { major, minor }
}

const OLDEST: SchemaVersion = v(1, 0);
const NEWEST: SchemaVersion = v(u16::MAX, 0);

/// Elements, with the first and the last schema that have them.
const ELEMENTS: [(&str, SchemaVersion, SchemaVersion); 25] = [
    ("acls", v(1, 2), NEWEST),
    ("acl_role", v(1, 2), NEWEST),
    ("acl_user", v(1, 2), v(1, 3)),
    ("role_ref", v(1, 2), v(1, 3)),
    ("read", v(1, 2), v(1, 3)),
    ("write", v(1, 2), v(1, 3)),
    ("deny", v(1, 2), v(1, 3)),
    ("fencing-topology", v(1, 2), NEWEST),
    ("rsc_ticket", v(1, 2), NEWEST),
    ("template", v(1, 2), NEWEST),
    ("utilization", v(1, 2), NEWEST),
    ("tags", v(1, 3), NEWEST),
    ("acl_target", v(2, 0), NEWEST),
    ("acl_group", v(2, 0), NEWEST),
    ("acl_permission", v(2, 0), NEWEST),
    ("alerts", v(2, 5), NEWEST),
    ("bundle", v(2, 8), NEWEST),
    ("rkt", v(2, 10), NEWEST),
    ("select", v(2, 10), NEWEST),
    ("podman", v(3, 2), NEWEST),
    ("rsc_expression", v(3, 4), NEWEST),
    ("op_expression", v(3, 4), NEWEST),
    ("master", OLDEST, v(3, 9)),
    ("lifetime", OLDEST, v(3, 9)),
    ("role", v(2, 0), NEWEST),
];

/// Attributes of elements, likewise.
const ATTRIBUTES: [(&str, &str, SchemaVersion, SchemaVersion); 22] = [
    ("primitive", "template", v(1, 2), NEWEST),
    ("node", "score", v(1, 2), NEWEST),
    ("rsc_location", "role", v(1, 2), NEWEST),
    ("resource_set", "require-all", v(1, 2), NEWEST),
    ("nvpair", "id-ref", v(1, 3), NEWEST),
    ("resource_set", "ordering", v(2, 1), NEWEST),
    ("rsc_location", "resource-discovery", v(2, 2), NEWEST),
    ("rsc_order", "require-all", v(2, 3), NEWEST),
    ("fencing-level", "target-attribute", v(2, 4), NEWEST),
    ("fencing-level", "target-value", v(2, 4), NEWEST),
    ("rsc_location", "rsc-pattern", v(2, 6), NEWEST),
    ("expression", "value-source", v(2, 9), NEWEST),
    ("op", "requires", OLDEST, v(2, 10)),
    ("rsc_colocation", "score-attribute", OLDEST, v(2, 10)),
    ("rsc_colocation", "score-attribute-mangle", OLDEST, v(2, 10)),
    ("docker", "promoted-max", v(3, 0), NEWEST),
    ("rkt", "promoted-max", v(3, 0), NEWEST),
    ("network", "add-host", v(3, 0), NEWEST),
    ("resource_set", "kind", v(3, 0), NEWEST),
    ("rsc_colocation", "influence", v(3, 6), NEWEST),
    ("acl_target", "name", v(3, 8), NEWEST),
    ("acl_group", "name", v(3, 8), NEWEST),
];

/// Values of attributes, of whatever element.
const VALUES: [(&str, &str, SchemaVersion, SchemaVersion); 11] = [
    ("role", "Promoted", v(3, 7), NEWEST),
    ("role", "Unpromoted", v(3, 7), NEWEST),
    ("rsc-role", "Promoted", v(3, 7), NEWEST),
    ("rsc-role", "Unpromoted", v(3, 7), NEWEST),
    ("with-rsc-role", "Promoted", v(3, 7), NEWEST),
    ("with-rsc-role", "Unpromoted", v(3, 7), NEWEST),
    ("on-fail", "demote", v(3, 4), NEWEST),
    ("on-fail", "restart-container", v(1, 2), NEWEST),
    ("class", "systemd", v(1, 2), NEWEST),
    ("class", "service", v(1, 2), NEWEST),
    ("requires", "unfencing", v(1, 3), v(2, 10)),
];

/// Returns what a change brings that the document's schema does not have. What was so before is left alone.
pub fn out_of_time(old: &Element, new: &Element) -> Vec<Problem> {
    let found = |cib: &Element| {
        let mut problems = Vec::new();
        let schema = new.attribute("validate-with").and_then(SchemaVersion::parse);
        if let (Some(schema), Some(configuration)) = (schema, cib.child("configuration")) {
            configuration.descendants().for_each(|element| check(element, schema, &mut problems));
        }
        problems
    };
    let new_ones = found(new);
    if new_ones.is_empty() {
        return new_ones;
    }
    let key = |problem: &Problem| (problem.element.clone(), problem.id.clone(), problem.message.clone());
    let before: Vec<_> = found(old).iter().map(key).collect();
    new_ones.into_iter().filter(|problem| !before.contains(&key(problem))).collect()
}

fn check(element: &Element, schema: SchemaVersion, problems: &mut Vec<Problem>) {
    let mut judge = |what: &str, first: SchemaVersion, last: SchemaVersion| {
        if schema < first {
            let text = format!("{what} needs {first}, and this configuration follows {schema}; `cibadmin --upgrade` brings it up");
            problems.push(Problem::error(element, text));
        } else if schema > last {
            problems.push(Problem::error(element, format!("{what} is gone since {last}, and this configuration follows {schema}")));
        }
    };
    if let Some((_, first, last)) = ELEMENTS.iter().find(|(name, ..)| *name == element.name) {
        judge("the element", *first, *last);
    }
    for (name, value) in &element.attributes {
        if let Some((_, _, first, last)) = ATTRIBUTES.iter().find(|(of, attribute, ..)| *of == element.name && attribute == name) {
            judge(&format!("the attribute {name}"), *first, *last);
        } else if let Some((_, _, first, last)) = VALUES.iter().find(|(attribute, word, ..)| attribute == name && word == value) {
            judge(&format!("{name}=\"{value}\""), *first, *last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cib(schema: &str, configuration: &str) -> Element {
        let text = format!("<cib validate-with='{schema}'><configuration>{configuration}</configuration><status/></cib>");
        xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap()
    }

    #[test]
    fn a_change_keeps_to_the_schema_that_the_document_names() {
        let told = |schema: &str, configuration: &str| {
            let problems = out_of_time(&cib(schema, ""), &cib(schema, configuration));
            problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("\n")
        };
        assert!(
            told("pacemaker-1.2", "<tags/>").starts_with("the element needs pacemaker-1.3, and this configuration follows pacemaker-1.2")
        );
        assert_eq!(told("pacemaker-1.3", "<tags/>"), "");
        assert!(
            told("pacemaker-3.6", "<constraints><rsc_ticket id='t' ticket='a' rsc-role='Promoted'/></constraints>")
                .contains("pacemaker-3.7")
        );
        assert!(told("pacemaker-3.9", "<acls><acl_user id='a'/></acls>").contains("gone since pacemaker-1.3"));
        assert!(told("pacemaker-3.0", "<resources><op id='o' requires='quorum'/></resources>").contains("gone since pacemaker-2.10"));
        assert_eq!(told("none", "<tags/>"), "");
    }

    #[test]
    fn what_was_so_before_is_left_alone() {
        let old = cib("pacemaker-1.2", "<tags/>");
        assert_eq!(out_of_time(&old, &cib("pacemaker-1.2", "<tags/><resources/>")), []);
    }
}
