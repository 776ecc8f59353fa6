//! 1.3 → 2.0: access control lists got roles and one word for all permissions.

use super::{Fate, rewrite};
use xml::{Element, Node};

pub(super) fn upgrade(configuration: &mut Element) {
    let concerned = |e: &Element| matches!(e.name.as_str(), "acl_user" | "role_ref" | "read" | "write" | "deny");
    rewrite(configuration, &concerned, &mut |_, element| match element.name.as_str() {
        "acl_user" => Fate::Replace(user(element)),
        "role_ref" => Fate::Replace(vec![renamed(element, "role")]),
        _ => Fate::Replace(vec![permission(element)]),
    });
}

fn renamed(element: &Element, name: &str) -> Element {
    Element { name: name.into(), ..element.clone() }
}

/// A user with permissions of its own gets a role that holds them.
fn user(element: &Element) -> Vec<Element> {
    let has_own = element.elements().any(|e| matches!(e.name.as_str(), "read" | "write" | "deny"));
    if element.child("role_ref").is_some() || !has_own {
        return vec![renamed(element, "acl_target")];
    }
    let role = format!("auto-{}", element.id().unwrap_or_default());
    let mut target = renamed(element, "acl_target");
    target.children = vec![Node::from(Element::new("role").with("id", &role))];
    let permissions = element.elements().cloned();
    vec![target, Element::new("acl_role").with("id", &role).with_children(permissions)]
}

fn permission(element: &Element) -> Element {
    let mut new = Element { line: element.line, ..Element::new("acl_permission") };
    if let Some(id) = element.id() {
        new.set("id", id);
    }
    new.set("kind", &element.name);
    let attribute = element.attribute("attribute");
    if let Some(reference) = element.attribute("ref") {
        new.set("reference", reference);
    } else if let Some(tag) = element.attribute("tag") {
        new.set("object-type", tag);
        if let Some(attribute) = attribute {
            new.set("attribute", attribute);
        }
    } else if let Some(xpath) = element.attribute("xpath") {
        new.set("xpath", attribute.map_or_else(|| xpath.to_owned(), |attribute| format!("{xpath}[@{attribute}]")));
    }
    new
}
