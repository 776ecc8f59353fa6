//! Digests: short fingerprints of parameters and of whole documents.
//!
//! They are MD5 sums of a text form that must be exact to the byte, since nodes compare them with what others wrote.
//! Which parameters go into the digest of an operation is the scheduler's to decide; here is how they are written.

use md5::{Digest, Md5};
use std::fmt::Write;
use xml::{Element, Node};

/// How special characters are written in the text that is digested.
///
/// Only values with apostrophes or control characters differ. To tell whether recorded parameters changed, accept
/// either form; to record a digest, use the one of the cluster's feature set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DigestForm {
    /// As Pacemaker up to 2.1.5 (and feature set 3.16.1) writes them.
    #[default]
    V2_1,
    /// As Pacemaker 3.0 writes them.
    V3_0,
}

/// Returns the digest of an operation's parameters, whatever their order.
pub fn operation_digest<'p>(parameters: impl IntoIterator<Item = (&'p str, &'p str)>, form: DigestForm) -> String {
    let mut sorted: Vec<_> = parameters.into_iter().collect();
    sorted.sort_unstable();
    let mut text = String::from(" <parameters");
    for (name, value) in sorted {
        write_attribute(&mut text, name, value, form);
    }
    text.push_str("/>\n");
    md5(&text)
}

/// Returns the digest that is stored beside a document on disk (`cib.xml.sig`).
pub fn file_digest(cib: &Element, form: DigestForm) -> String {
    let mut text = String::from(" ");
    write_element(&mut text, cib, form, &|_| true);
    text.push('\n');
    md5(&text)
}

/// Returns the digest that patches carry: of the content, without notes on who wrote it when.
pub fn content_digest(cib: &Element, form: DigestForm) -> String {
    const NOTES: [&str; 5] = ["crm-debug-origin", "cib-last-written", "update-origin", "update-client", "update-user"];
    let mut text = String::new();
    write_element(&mut text, cib, form, &|name| !NOTES.contains(&name));
    md5(&text)
}

/// Returns whether the digest, in any form, is that of the document on disk.
pub fn is_file_digest(cib: &Element, recorded: &str) -> bool {
    [DigestForm::V2_1, DigestForm::V3_0].iter().any(|form| file_digest(cib, *form).eq_ignore_ascii_case(recorded.trim()))
}

/// Returns the MD5 sum of a text in hexadecimal.
pub fn md5(text: &str) -> String {
    let mut hex = String::with_capacity(32);
    for byte in Md5::digest(text.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn write_element(out: &mut String, element: &Element, form: DigestForm, is_kept: &dyn Fn(&str) -> bool) {
    out.push('<');
    out.push_str(&element.name);
    for (name, value) in element.attributes.iter().filter(|(name, _)| is_kept(name)) {
        write_attribute(out, name, value, form);
    }
    if element.children.is_empty() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    for child in &element.children {
        match child {
            Node::Element(child) => write_element(out, child, form, is_kept),
            Node::Comment(text) => {
                let _ = write!(out, "<!--{text}-->");
            }
            // Compat: character data does not count.
            Node::Text(_) => {}
        }
    }
    let _ = write!(out, "</{}>", element.name);
}

fn write_attribute(out: &mut String, name: &str, value: &str, form: DigestForm) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    if !value.bytes().any(|b| b < b' ' || matches!(b, b'<' | b'>' | b'&' | b'"' | b'\'' | 0x7f)) {
        out.push_str(value);
        out.push('"');
        return;
    }
    for c in value.chars() {
        match (c, form) {
            ('<', _) => out.push_str("&lt;"),
            ('>', _) => out.push_str("&gt;"),
            ('&', _) => out.push_str("&amp;"),
            ('"', _) => out.push_str("&quot;"),
            ('\'', DigestForm::V2_1) => out.push_str("&apos;"),
            ('\n', DigestForm::V2_1) => out.push_str("\\n"),
            ('\r', DigestForm::V2_1) => out.push_str("\\r"),
            ('\t', DigestForm::V2_1) => out.push_str("    "),
            (c, form) if c.is_ascii_control() => {
                let _ = match form {
                    DigestForm::V2_1 => write!(out, "\\{:03o}", c as u32),
                    DigestForm::V3_0 => write!(out, "&#x{:02X};", c as u32),
                };
            }
            (c, _) => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use xml::{Limits, parse};

    #[test]
    fn no_parameters_have_the_digest_known_from_the_field() {
        assert_eq!(operation_digest([], DigestForm::V2_1), "f2317cad3d54cec5d7d7aa7d0bf35cf8");
        assert_eq!(
            operation_digest([("b", "2"), ("a", "1")], DigestForm::V2_1),
            operation_digest([("a", "1"), ("b", "2")], DigestForm::V3_0)
        );
        assert_ne!(operation_digest([("a", "it's")], DigestForm::V2_1), operation_digest([("a", "it's")], DigestForm::V3_0));
    }

    #[test]
    fn digests_of_documents_equal_those_of_pacemaker() {
        let text = "<cib admin_epoch=\"0\" epoch=\"1\" num_updates=\"0\" validate-with=\"pacemaker-3.0\" crm_feature_set=\"3.16.1\">
  <!-- top -->
  <configuration>
    <crm_config><cluster_property_set id=\"cps\"><nvpair id=\"a\" name=\"n\" value=\"a&#10;b&#9;c&#13;d&#127; &lt; &gt; &amp; &quot; ' é \\ ~ %\"/></cluster_property_set></crm_config>
    <nodes/>
    <resources><primitive id=\"p1\" class=\"ocf\" provider=\"heartbeat\" type=\"Dummy\"/><!-- two --><primitive id=\"p2\" class=\"ocf\" provider=\"heartbeat\" type=\"Dummy\"/><primitive id=\"p3\" class=\"ocf\" provider=\"heartbeat\" type=\"Dummy\"/></resources>
    <constraints/>
  </configuration>
  <status/>
</cib>";
        let cib = parse(text.as_bytes(), &Limits::default()).unwrap();
        // As printed by cibadmin 2.1.5 with --md5-sum and --md5-sum-versioned.
        assert_eq!(file_digest(&cib, DigestForm::V2_1), "e40dbcb721e6228bd8b12a01e5324dd7");
        assert_eq!(content_digest(&cib, DigestForm::V2_1), "0a96b2a13d1b79cd5c5422310e92b30b");
        assert!(is_file_digest(&cib, "E40DBCB721E6228BD8B12A01E5324DD7\n"));
    }
}
