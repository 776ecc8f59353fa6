//! `cibadmin`: reads and changes the CIB, element by element.

use super::show_access;
use super::tool::{self, Report};
use admin::codes::{call_words, says_all};
use admin::{Cluster, Exit, Refusal};
use cib::digest::{DigestForm, content_digest, file_digest};
use cib::edit::{Section, Target};
use clap::Args;
use messages::client::CibEdit;
use std::ffi::OsString;
use std::process::ExitCode;
use xml::{Element, XPath};

#[derive(Args, Debug)]
struct Arguments {
    /// Query the contents of the CIB
    #[arg(short = 'Q', long, group = "command")]
    query: bool,
    /// Create an object
    #[arg(short = 'C', long, group = "command")]
    create: bool,
    /// Find an object and merge the given one into it
    #[arg(short = 'M', long, group = "command")]
    modify: bool,
    /// Replace an object
    #[arg(short = 'R', long, group = "command")]
    replace: bool,
    /// Delete the first object that matches
    #[arg(short = 'D', long, group = "command")]
    delete: bool,
    /// With --xpath: delete every match
    #[arg(short = 'd', long)]
    delete_all: bool,
    /// Apply a patch made by crm_diff
    #[arg(short = 'P', long, group = "command")]
    patch: bool,
    /// Upgrade the configuration to the newest schema
    #[arg(short = 'u', long, group = "command")]
    upgrade: bool,
    /// Erase the contents of the CIB
    #[arg(short = 'E', long, group = "command")]
    erase: bool,
    /// Raise the epoch
    #[arg(short = 'B', long, group = "command")]
    bump: bool,
    /// Show an empty CIB (of this schema)
    #[arg(short = 'a', long, group = "command", value_name = "SCHEMA", num_args = 0..=1, default_missing_value = "pacemaker-3.9")]
    empty: Option<String>,
    /// Show the on-disk digest of the given CIB
    #[arg(short = '5', long, group = "command")]
    md5_sum: bool,
    /// Show the digest of the given CIB by which nodes compare theirs
    #[arg(short = '6', long, group = "command")]
    md5_sum_versioned: bool,
    /// Say whether a daemon answers
    #[arg(long, hide = true, group = "command")]
    ping: bool,
    /// Show what a user may see and change: color, text, namespace or auto (with --query and --user)
    #[arg(short = 'S', long, value_name = "HOW", num_args = 0..=1, default_missing_value = "auto")]
    show_access: Option<String>,
    /// Only this part of the CIB
    #[arg(short = 'o', long, alias = "obj_type")]
    scope: Option<String>,
    /// Only what this XPath expression selects
    #[arg(short = 'A', long)]
    xpath: Option<String>,
    /// Show the path of each match instead (with --xpath)
    #[arg(short = 'e', long)]
    node_path: bool,
    /// Without what is below
    #[arg(short = 'n', long)]
    no_children: bool,
    /// The XML is given here
    #[arg(short = 'X', long)]
    xml_text: Option<String>,
    /// The XML is in this file
    #[arg(short = 'x', long)]
    xml_file: Option<String>,
    /// The XML comes on standard input
    #[arg(short = 'p', long)]
    xml_pipe: bool,
    /// Create what does not exist (with --modify)
    #[arg(short = 'c', long)]
    allow_create: bool,
    /// (Accepted: values such as name++ and name+=2 are always read as increments)
    #[arg(long)]
    score: bool,
    /// Do it although it is dangerous, or the version is older
    #[arg(short = 'f', long)]
    force: bool,
    /// Ask the local daemon only (this is always so)
    #[arg(short = 'l', long)]
    local: bool,
    /// Wait for the answer (this is always so)
    #[arg(short = 's', long)]
    sync_call: bool,
    /// (Accepted, without effect: every member has the whole CIB)
    #[arg(short = 'N', long, alias = "host", short_alias = 'h', value_name = "NODE")]
    node: Option<String>,
    /// (Accepted, without effect)
    #[arg(short = 't', long)]
    timeout: Option<String>,
    /// With the permissions of this user
    #[arg(short = 'U', long)]
    user: Option<String>,
}

/// Runs `cibadmin`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<Arguments>("cibadmin", arguments, act)
}

fn act(arguments: &Arguments, report: &mut Report) -> Result<Exit, Refusal> {
    if let Some(schema) = &arguments.empty {
        let mut empty = cib::edit::empty_cib(schema);
        empty.set("epoch", "1");
        show(&empty, report);
        return Ok(Exit::OK);
    }
    if arguments.md5_sum || arguments.md5_sum_versioned {
        let input = input(arguments)?;
        let form = DigestForm::default();
        // Compat: the words go to standard error, so that the digest alone can be read.
        match arguments.md5_sum {
            true => {
                eprint!("Digest: ");
                report.line(file_digest(&input, form));
            }
            false => {
                let version = input.attribute("crm_feature_set").unwrap_or("(null)");
                eprint!("Versioned ({version}) digest: ");
                report.line(content_digest(&input, form));
            }
        }
        return Ok(Exit::OK);
    }
    let cluster = Cluster::from_environment("cibadmin").as_user(arguments.user.as_deref());
    if arguments.ping {
        let info = cluster.info()?;
        report.element(Element::new("ping").with("crmd_state", &info.state).with("sys_from", "cib"));
        report.line(format!("{} answers: {}", info.node, info.state));
        return Ok(Exit::OK);
    }
    let schema = || cluster.cib().ok().and_then(|cib| cib.attribute("validate-with").map(str::to_owned));
    let old_schema = if arguments.upgrade { schema() } else { None };
    let outcome = if arguments.query { query(arguments, &cluster, report) } else { edit(arguments).and_then(|edit| cluster.edit(edit)) };
    match outcome {
        Ok(()) => {
            // Compat: of a file nothing is said.
            if old_schema.is_some() && cluster.file().is_none() && schema() == old_schema {
                report.line("Upgrade unnecessary: Schema is already the latest available");
            }
            Ok(Exit::OK)
        }
        Err(refusal) if matches!(refusal.exit, Exit::USAGE | Exit::UNSAFE) => {
            report.error(refusal.message);
            Ok(refusal.exit)
        }
        Err(refusal) => {
            failed(arguments, &cluster, &refusal, report);
            Ok(refusal.exit)
        }
    }
}

/// Compat: the words of the tool first; why, in a line of its own where it says more.
fn failed(arguments: &Arguments, cluster: &Cluster, refusal: &Refusal, report: &mut Report) {
    let is_told_by_words = says_all(refusal.exit.0) || matches!(refusal.exit, Exit::DISCONNECT | Exit::PROTOCOL);
    if !is_told_by_words || refusal.is_told || (report.verbose > 0 && refusal.exit != Exit::INSUFFICIENT_PRIVILEGES) {
        report.error(refusal.message.clone());
    }
    report.error(match refusal.exit {
        Exit::DISCONNECT | Exit::PROTOCOL => format!("Init failed: {}", refusal.message),
        exit => format!("Call failed: {}", call_words(exit.0)),
    });
    if arguments.create
        && matches!(refusal.exit, Exit::EXISTS | Exit::SOFTWARE)
        && let (Ok(given), Ok(cib)) = (input(arguments), cluster.cib())
    {
        let is_section = arguments.scope.as_deref() == Some(given.name.as_str());
        let objects: Vec<&Element> = if is_section { given.elements().collect() } else { vec![&given] };
        let exists =
            |object: &Element| cib.descendants().any(|e| e.name == object.name && (object.id().is_none() || e.id() == object.id()));
        if let Some(object) = objects.iter().find(|object| refusal.exit == Exit::SOFTWARE || exists(object)) {
            let mut update = Element::new("failed_update");
            object.id().into_iter().for_each(|id| update.set("id", id));
            let update =
                update.with("object_type", &object.name).with("operation", "cib_create").with("reason", call_words(refusal.exit.0));
            show(&Element::new("failed").with_child(update.with_child((*object).clone())), report);
        }
    }
}

fn input(arguments: &Arguments) -> Result<Element, Refusal> {
    match (&arguments.xml_text, &arguments.xml_file, arguments.xml_pipe) {
        (Some(text), ..) => admin::parse(text.as_bytes(), "--xml-text"),
        (None, Some(path), _) => admin::read_file(path.as_ref()),
        (None, None, true) => admin::read_file("-".as_ref()),
        (None, None, false) => Err(Refusal::new(Exit::USAGE, "Input is needed: --xml-text, --xml-file or --xml-pipe")),
    }
}

/// Returns the change that the options ask for.
fn edit(arguments: &Arguments) -> Result<CibEdit, Refusal> {
    let commands = [
        (arguments.create, "create"),
        (arguments.modify, "modify"),
        (arguments.replace, "replace"),
        (arguments.delete_all, "delete-all"),
        (arguments.delete, "delete"),
        (arguments.patch, "patch"),
        (arguments.erase, "erase"),
        (arguments.bump, "bump"),
        (arguments.upgrade, "upgrade"),
    ];
    let operation = commands.into_iter().find(|(given, _)| *given).map(|(_, name)| name);
    let operation = operation.ok_or_else(|| Refusal::new(Exit::USAGE, "Must specify a command such as --query, --create or --delete"))?;
    let is_dangerous = matches!(operation, "erase" | "upgrade" | "delete-all");
    if is_dangerous && !arguments.force {
        return Err(Refusal::new(
            Exit::UNSAFE,
            "The supplied command is considered dangerous.  To prevent accidental destruction of the cluster, the --force flag is required in order to proceed.",
        ));
    }
    let says_it_all = matches!(operation, "erase" | "bump" | "upgrade") || (operation.starts_with("delete") && arguments.xpath.is_some());
    let input = if says_it_all { None } else { Some(input(arguments)?) };
    Ok(CibEdit {
        operation: operation.to_owned(),
        section: arguments.scope.clone(),
        xpath: arguments.xpath.clone(),
        xml: input.map(|element| element.to_compact()),
        allow_create: arguments.allow_create,
        // Compat: 2.1.5 always computes them; its help shows it (`<cib admin_epoch="admin_epoch++"/>`).
        expand_increments: true,
        force: arguments.force,
        dry_run: false,
    })
}

fn query(arguments: &Arguments, cluster: &Cluster, report: &mut Report) -> Result<(), Refusal> {
    if let Some(how) = &arguments.show_access {
        return show_access::show(arguments.user.as_deref(), arguments.force, how, report);
    }
    // Compat: what is given is read, although a query needs none of it, and what cannot be read is told.
    if arguments.xml_text.is_some() || arguments.xml_file.is_some() || arguments.xml_pipe {
        input(arguments)?;
    }
    let cib = cluster.cib()?;
    let target = match (&arguments.xpath, &arguments.scope) {
        (Some(text), _) => {
            let xpath =
                XPath::parse(text).map_err(|error| Refusal::new(Exit::USAGE, format!("{text:?} is no XPath expression: {error}")))?;
            if arguments.node_path {
                let paths: Vec<String> = xpath.select(&cib).iter().filter_map(|place| path_of(&cib, place)).collect();
                if paths.is_empty() {
                    return Err(Refusal::new(Exit::NO_SUCH, format!("nothing matches {text}")));
                }
                paths.iter().for_each(|path| report.line(path));
                return Ok(());
            }
            Target::XPath(xpath)
        }
        (None, Some(name)) => {
            let section = Section::named(name).ok_or_else(|| Refusal::new(Exit::NO_SUCH, format!("there is no section {name:?}")))?;
            Target::Section(section)
        }
        (None, None) => Target::Section(Section::Cib),
    };
    show(&cib::edit::query(&cib, &target, !arguments.no_children)?, report);
    Ok(())
}

/// Returns the path of an element, with the id of each step that has one.
fn path_of(cib: &Element, place: &xml::Place) -> Option<String> {
    let xml::Place::Node(path) = place else { return None };
    let steps = (0..=path.len()).filter_map(|depth| cib.at_path(&path[..depth]));
    let named = steps.map(|e| match e.id() {
        Some(id) => format!("/{}[@id='{id}']", e.name),
        None => format!("/{}", e.name),
    });
    Some(named.collect())
}

fn show(element: &Element, report: &mut Report) {
    report.line(element.to_text_as(xml::Layout::Quoted).trim_end());
    report.element(element.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Arguments {
        let words = std::iter::once("cibadmin").chain(words.iter().copied()).map(OsString::from).collect();
        tool::parse_tool::<Arguments>("cibadmin", words).unwrap().0
    }

    #[test]
    fn options_become_one_change() {
        let change = edit(&read(&["-M", "-c", "-o", "resources", "-X", "<primitive id='a'/>"])).unwrap();
        assert_eq!((change.operation.as_str(), change.section.as_deref(), change.allow_create), ("modify", Some("resources"), true));
        let change = edit(&read(&["--delete-all", "--force", "--xpath", "//primitive"])).unwrap();
        assert_eq!((change.operation.as_str(), change.xml), ("delete-all", None));
        assert_eq!(edit(&read(&["--delete-all", "--xpath", "//primitive"])).unwrap_err().exit, Exit::UNSAFE);
        assert!(edit(&read(&["-M", "-X", "<cib epoch='epoch++'/>"])).unwrap().expand_increments);
        assert_eq!(edit(&read(&["-C"])).unwrap_err().exit, Exit::USAGE);
        assert_eq!(edit(&read(&["-C", "-X", "<a"])).unwrap_err().exit, Exit::CONFIG);
    }
}
