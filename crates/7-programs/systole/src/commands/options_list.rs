//! `--list-options` of the tools, and what the daemons answer to `metadata`: the tables of [`super::option_table`] in words
//! and as agents' meta-data.

use super::option_table::{CLUSTER_OPTIONS, ClusterOption, FENCING_OPTIONS, Owner, PRIMITIVE_OPTIONS};
use super::tool::{self, Report};
use admin::{Exit, Refusal};
use std::ffi::OsString;
use std::process::ExitCode;
use xml::Element;

/// Lists options: of the cluster, of primitives or of fence devices.
pub fn list(kind: &str, with_advanced: bool, report: &mut Report) -> Result<Exit, Refusal> {
    let (name, title, options) = match kind {
        "cluster" => ("cluster-options", "Pacemaker cluster options", CLUSTER_OPTIONS),
        "primitive" => ("primitive-meta", "Primitive meta-attributes", PRIMITIVE_OPTIONS),
        "fencing" => ("fencing-attributes", "Fencing resource common parameters", FENCING_OPTIONS),
        other => {
            let text = format!("Invalid --list-options value '{other}'. Allowed values: cluster, primitive, fencing");
            return Err(Refusal::new(Exit::USAGE, text));
        }
    };
    let shown: Vec<ClusterOption> = options.iter().filter(|option| with_advanced || !option.is_advanced).copied().collect();
    report.line(format!("{title}\n"));
    for option in &shown {
        report.line(format!("  * {}: {}", option.name, option.about));
        let mut values = match option.values {
            [] => option.kind.to_owned(),
            values => values.join(", "),
        };
        if let Some(default) = option.default.filter(|default| !default.is_empty()) {
            values.push_str(&format!(" (default: {default})"));
        }
        report.line(format!("    * Possible values: {values}"));
    }
    report.element(described(name, title, &shown));
    Ok(Exit::OK)
}

/// Returns options as an agent's meta-data.
fn described(name: &str, title: &str, options: &[ClusterOption]) -> Element {
    let text = |name: &str, text: &str| Element::new(name).with("lang", "en").with_text(text);
    let parameters = options.iter().map(|option| {
        let values = match option.values {
            [] => String::new(),
            values => format!("  Allowed values: {}", values.join(", ")),
        };
        let mut content = Element::new("content").with("type", option.kind);
        if let Some(default) = option.default {
            content.set("default", default);
        }
        let content = content.with_children(option.values.iter().map(|value| Element::new("option").with("value", value)));
        let mut parameter = Element::new("parameter").with("name", option.name);
        if option.is_advanced {
            parameter.set("advanced", "1");
        }
        parameter
            .with_child(text("longdesc", &format!("{}{values}", option.about)))
            .with_child(text("shortdesc", option.about))
            .with_child(content)
    });
    Element::new("resource-agent")
        .with("name", name)
        .with("version", super::COMPATIBLE_VERSION)
        .with_child(Element::new("version").with_text("1.1"))
        .with_child(text("longdesc", title))
        .with_child(text("shortdesc", title))
        .with_child(Element::new("parameters").with_children(parameters))
}

/// Runs a daemon's name: crmsh and pcs ask daemons for `metadata` and `version`. They are started by `systole agentd`.
pub fn daemon(arguments: Vec<OsString>) -> ExitCode {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let name = words.first().map_or("", |word| word.rsplit('/').next().unwrap_or_default());
    let owner = match name {
        "pacemaker-based" => Some(Owner::Based),
        "pacemaker-controld" => Some(Owner::Controld),
        "pacemaker-schedulerd" => Some(Owner::Schedulerd),
        "pacemaker-fenced" => Some(Owner::Fenced),
        _ => None,
    };
    match (words.get(1).map(String::as_str), owner) {
        (Some("metadata"), Some(owner)) => {
            let all = CLUSTER_OPTIONS.iter().chain(FENCING_OPTIONS);
            let own: Vec<ClusterOption> = all
                .filter(|option| option.owners.contains(&owner))
                // An administrator's tools show these by name; that they are advanced is told there by what they are.
                .map(|option| ClusterOption { is_advanced: false, ..*option })
                .collect();
            let title = format!("Options that {name} reads");
            tool::print(&format!("<?xml version=\"1.0\"?>\n{}", described(name, &title, &own).to_text()));
            ExitCode::SUCCESS
        }
        (Some("version" | "--version" | "-$"), _) => {
            println!("CRM Version: {} (systole-{})", super::COMPATIBLE_VERSION, env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{name}: `metadata` and `version` are answered here; the daemons of a node are started by `systole agentd`");
            ExitCode::from(Exit::USAGE.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_of_the_cluster_belongs_to_somebody_and_is_listed_once() {
        let mut names: Vec<&str> = CLUSTER_OPTIONS.iter().map(|option| option.name).collect();
        assert!(CLUSTER_OPTIONS.iter().all(|option| !option.owners.is_empty()));
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        let element = described("x", "y", CLUSTER_OPTIONS);
        assert_eq!(element.child("parameters").map(|list| list.elements().count()), Some(count));
    }
}
