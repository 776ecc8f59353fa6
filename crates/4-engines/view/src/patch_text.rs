//! A patch as people read it: one line for each change, and what is added as XML.

use cib::patch::{Change, Patch};
use std::fmt::Write;
use xml::{Element, Layout, Node};

/// Returns the patch in Pacemaker's form for people, with its versions where it has any.
pub fn patch_text(patch: &Patch) -> String {
    let mut text = String::new();
    if let Some((before, after)) = &patch.versions {
        let digest = patch.digest.as_deref().unwrap_or("(null)");
        let _ = write!(text, "Diff: --- {before} 2\nDiff: +++ {after} {digest}\n");
    }
    for change in &patch.changes {
        match change {
            Change::Create { parent, node, .. } => created(&mut text, &format!("++ {parent}: "), node),
            Change::Modify { path, changed, .. } => {
                let set: Vec<String> = changed.iter().filter_map(|(name, value)| Some(format!("@{name}={}", value.as_ref()?))).collect();
                let unset: Vec<String> = changed.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| format!("@{name}")).collect();
                for (mark, names) in [("+ ", set), ("--", unset)].into_iter().filter(|(_, names)| !names.is_empty()) {
                    let _ = writeln!(text, "{mark} {path}:  {}", names.join(", "));
                }
            }
            Change::Move { path, position } => {
                let _ = writeln!(text, "+~ {path} moved to offset {position}");
            }
            Change::Delete { path, position: None } => {
                let _ = writeln!(text, "-- {path}");
            }
            Change::Delete { path, position: Some(position) } => {
                let _ = writeln!(text, "-- {path} ({position})");
            }
        }
    }
    text
}

/// What is added begins on the line of its place; its further lines stand below its first.
fn created(text: &mut String, place: &str, node: &Node) {
    let xml = match node {
        Node::Element(element) => element.to_text_as(Layout::Quoted),
        comment => Element::new("comment")
            .with_child(comment.clone())
            .to_text_as(Layout::Quoted)
            .lines()
            .nth(1)
            .unwrap_or_default()
            .trim()
            .to_owned(),
    };
    let margin = format!("++{}", " ".repeat(place.chars().count().saturating_sub(2)));
    for (index, line) in xml.lines().enumerate() {
        let _ = writeln!(text, "{} {line}", if index == 0 { place } else { &margin });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(epoch: &str, resources: &str) -> Element {
        let text = format!(
            "<cib admin_epoch=\"0\" epoch=\"{epoch}\" num_updates=\"0\"><configuration><resources>{resources}</resources></configuration></cib>"
        );
        xml::parse(text.as_bytes(), &xml::Limits::default()).expect("it is well-formed")
    }

    #[test]
    fn each_change_is_a_line_and_what_is_new_stands_below_its_place() {
        let before = document("1", "<primitive id=\"a\" type=\"x\" description=\"d\"/><primitive id=\"b\"/>");
        let after = document("2", "<primitive id=\"a\" type=\"y\"/><group id=\"g\"><primitive id=\"c\"/></group>");
        let expected = "\
Diff: --- 0.1.0 2
Diff: +++ 0.2.0 (null)
-- /cib/configuration/resources/primitive[@id='b']
+  /cib:  @epoch=2
+  /cib/configuration/resources/primitive[@id='a']:  @type=y
-- /cib/configuration/resources/primitive[@id='a']:  @description
++ /cib/configuration/resources:  <group id=\"g\">
++                                  <primitive id=\"c\"/>
++                                </group>
";
        assert_eq!(patch_text(&cib::patch::diff(&before, &after)), expected);
    }
}
