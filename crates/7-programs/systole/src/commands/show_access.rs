//! `cibadmin --show-access`: the CIB with what a user may see and change of it, in colours, in text or as namespaces.
//!
//! Compat: colours, banners and namespaces are those of Pacemaker 2.1.5.

use super::tool::Report;
use admin::{Cluster, Exit, Refusal};
use cib::acl::{Access, Permissions};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use xml::{Element, Node};

/// How access is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Style {
    Color,
    Text,
    Namespace,
}

/// Shows the CIB as a user has access to it.
pub fn show(user: Option<&str>, is_forced: bool, how: &str, report: &mut Report) -> Result<(), Refusal> {
    let Some(user) = user else { return Err(Refusal::new(Exit::USAGE, "--show-access needs --user")) };
    let style = match how {
        "auto" if std::io::stdout().is_terminal() => Style::Color,
        "color" => Style::Color,
        "auto" | "text" => Style::Text,
        "namespace" => Style::Namespace,
        other => return Err(Refusal::new(Exit::USAGE, format!("{other:?} shows no access; color, text, namespace and auto do"))),
    };
    let cib = Cluster::from_environment("cibadmin").cib()?;
    if !is_forced && std::env::var("CIB_user").is_ok_and(|own| !own.is_empty() && cib::acl::applies(&cib, &own)) {
        return Err(Refusal::new(Exit::UNSAFE, "you do not see the whole configuration yourself; --force shows what there is for you"));
    }
    let groups = admin::groups_of(user);
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let accesses = Permissions::of(&cib, user, &groups).accesses(&cib);
    let mut text = format!("<!-- ACLs as evaluated for user {user} -->\n");
    Rendering { style, accesses: &accesses }.element(&cib, &mut Vec::new(), None, &mut text);
    report.text(text);
    Ok(())
}

struct Rendering<'r> {
    style: Style,
    accesses: &'r BTreeMap<Vec<usize>, Access>,
}

fn word(access: Access) -> &'static str {
    match access {
        Access::Writable => "writable",
        Access::Readable => "readable",
        Access::Denied => "denied",
    }
}

impl Rendering<'_> {
    fn element(&self, element: &Element, path: &mut Vec<usize>, outer: Option<Access>, out: &mut String) {
        let access = self.accesses.get(path).copied().unwrap_or(Access::Denied);
        let indent = "  ".repeat(path.len());
        let is_new = outer != Some(access);
        if self.style == Style::Text && is_new {
            if outer.is_some() {
                out.push_str(&format!("{indent}\n"));
            }
            let banner = if access == Access::Denied { "~DENIED~".to_owned() } else { word(access).to_uppercase() };
            out.push_str(&format!("{indent}vvv---[ {banner} ]---vvv\n"));
        }
        let (color, end) = match (self.style, access) {
            (Style::Color, Access::Writable) => ("\x1b[32m", "\x1b[0m"),
            (Style::Color, Access::Readable) => ("\x1b[34m", "\x1b[0m"),
            (Style::Color, Access::Denied) => ("\x1b[31m", "\x1b[0m"),
            _ => ("", ""),
        };
        let name = match self.style {
            Style::Namespace if is_new => format!("pcmk-access-{}:{}", word(access), element.name),
            _ => element.name.to_string(),
        };
        let mut attributes: String =
            element.attributes.iter().map(|(name, value)| format!(" {name}=\"{}\"", xml::escape_attribute(value))).collect();
        if self.style == Style::Namespace && path.is_empty() {
            attributes.push_str(&self.namespaces());
        }
        if element.children.is_empty() {
            out.push_str(&format!("{indent}{color}<{name}{attributes}/>{end}\n"));
            return;
        }
        out.push_str(&format!("{indent}{color}<{name}{attributes}>\n"));
        for (at, child) in element.children.iter().enumerate() {
            path.push(at);
            match child {
                Node::Element(child) => self.element(child, path, Some(access), out),
                Node::Comment(text) => out.push_str(&format!("{indent}  <!--{text}-->\n")),
                Node::Text(text) => out.push_str(&format!("{indent}  {}\n", text.trim())),
            }
            path.pop();
        }
        out.push_str(&format!("{indent}{color}</{name}>{end}\n"));
    }

    /// Declares the namespaces that occur, in the order in which they do.
    fn namespaces(&self) -> String {
        let mut used: Vec<&str> = Vec::new();
        for access in self.accesses.values().copied().map(word) {
            if !used.contains(&access) {
                used.push(access);
            }
        }
        let declare = |word: &str| format!(" xmlns:pcmk-access-{word}=\"http://clusterlabs.org/ns/pacemaker/access/{word}\"");
        used.into_iter().map(declare).collect()
    }
}
