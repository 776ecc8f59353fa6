//! `cibadmin`: reads and changes the CIB, element by element.

use super::here;
use admin::{Cluster, Exit, Refusal};
use clap::Parser;
use messages::client::CibEdit;
use std::ffi::OsString;
use std::process::ExitCode;
use xml::Element;

/// Query and edit the cluster configuration
#[derive(Parser, Debug)]
#[command(name = "cibadmin", version, disable_version_flag = true)]
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
    /// Erase the contents of the CIB
    #[arg(short = 'E', long, group = "command")]
    erase: bool,
    /// Raise the epoch
    #[arg(short = 'B', long, group = "command")]
    bump: bool,
    /// Show an empty CIB
    #[arg(short = 'a', long, group = "command")]
    empty: bool,
    /// Show the on-disk digest of the given CIB
    #[arg(short = '5', long, group = "command")]
    md5_sum: bool,
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
    /// Read values such as name++ as increments
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
    /// (Accepted, without effect)
    #[arg(short = 't', long)]
    timeout: Option<String>,
    /// (Accepted, without effect)
    #[arg(short = 'U', long)]
    user: Option<String>,
    /// Say more (accepted, without effect)
    #[arg(short = 'V', long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Display the version
    #[arg(short = '$', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// Runs `cibadmin`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    match super::parse::<Arguments>(arguments) {
        Ok(arguments) => here::end("cibadmin", act(&arguments)),
        Err(code) => code,
    }
}

fn act(arguments: &Arguments) -> Result<(), Refusal> {
    if arguments.empty {
        print_element(&cib::edit::empty_cib("pacemaker-3.9"));
        return Ok(());
    }
    if arguments.md5_sum {
        println!("{}", cib::digest::file_digest(&input(arguments)?, cib::digest::DigestForm::default()));
        return Ok(());
    }
    let cluster = Cluster::from_environment("cibadmin");
    if arguments.query {
        return query(arguments, &cluster);
    }
    let edit = edit(arguments)?;
    match cluster.edit(edit) {
        Ok(Some(answer)) => print_element(&answer),
        Ok(None) => {}
        Err(refusal) => return Err(Refusal::new(refusal.exit, format!("Call failed: {}", refusal.message))),
    }
    Ok(())
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
    ];
    let operation = commands.into_iter().find(|(given, _)| *given).map(|(_, name)| name);
    let operation = operation.ok_or_else(|| Refusal::new(Exit::USAGE, "Must specify a command such as --query, --create or --delete"))?;
    let is_dangerous = matches!(operation, "erase") || (operation == "delete-all" && arguments.xpath.is_some());
    if is_dangerous && !arguments.force {
        return Err(Refusal::new(
            Exit::UNSAFE,
            "The supplied command is considered dangerous. To prevent accidental destruction of the cluster, the --force flag is required in order to proceed.",
        ));
    }
    let says_it_all = matches!(operation, "erase" | "bump") || (operation.starts_with("delete") && arguments.xpath.is_some());
    let input = if says_it_all { None } else { Some(input(arguments)?) };
    Ok(CibEdit {
        operation: operation.to_owned(),
        section: arguments.scope.clone(),
        xpath: arguments.xpath.clone(),
        xml: input.map(|element| element.to_compact()),
        allow_create: arguments.allow_create,
        expand_increments: arguments.score,
        force: arguments.force,
        dry_run: false,
    })
}

fn query(arguments: &Arguments, cluster: &Cluster) -> Result<(), Refusal> {
    let cib = cluster.cib()?;
    let target = match (&arguments.xpath, &arguments.scope) {
        (Some(text), _) => {
            let xpath =
                xml::XPath::parse(text).map_err(|error| Refusal::new(Exit::USAGE, format!("{text:?} is no XPath expression: {error}")))?;
            cib::edit::Target::XPath(xpath)
        }
        (None, Some(name)) => cib::edit::Section::named(name)
            .map(cib::edit::Target::Section)
            .ok_or_else(|| Refusal::new(Exit::USAGE, format!("Invalid scope: {name}")))?,
        (None, None) => cib::edit::Target::Section(cib::edit::Section::Cib),
    };
    let found = cib::edit::query(&cib, &target, !arguments.no_children)
        .map_err(|_| Refusal::new(Exit::NO_SUCH, "Call cib_query failed: No such device or address"))?;
    print_element(&found);
    Ok(())
}

fn print_element(element: &Element) {
    println!("{}", element.to_text().trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Arguments {
        Arguments::try_parse_from(std::iter::once("cibadmin").chain(words.iter().copied())).unwrap()
    }

    #[test]
    fn options_become_one_change() {
        let change = edit(&read(&["-M", "-c", "-o", "resources", "-X", "<primitive id='a'/>"])).unwrap();
        assert_eq!((change.operation.as_str(), change.section.as_deref(), change.allow_create), ("modify", Some("resources"), true));
        let change = edit(&read(&["--delete-all", "--force", "--xpath", "//primitive"])).unwrap();
        assert_eq!((change.operation.as_str(), change.xml), ("delete-all", None));
        assert_eq!(edit(&read(&["--delete-all", "--xpath", "//primitive"])).unwrap_err().exit, Exit::UNSAFE);
        assert_eq!(edit(&read(&["-C"])).unwrap_err().exit, Exit::USAGE);
        assert_eq!(edit(&read(&["-C", "-X", "<a"])).unwrap_err().exit, Exit::CONFIG);
    }
}
