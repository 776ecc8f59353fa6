//! `systole config`: shows, checks, compares and applies configurations.

use admin::{Cluster, Exit, Refusal, edits};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use xml::Element;

/// Shows and changes the configuration as a whole
#[derive(Parser)]
#[command(name = "systole config")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Prints the configuration
    Show,
    /// Says what is wrong with a file, line by line; changes nothing
    Check {
        /// A CIB or a `<configuration>`
        file: PathBuf,
    },
    /// Shows what applying a file would change
    Diff {
        /// A CIB or a `<configuration>`
        file: PathBuf,
    },
    /// Checks a file and makes it the configuration, all of it or nothing
    Apply {
        /// A CIB or a `<configuration>`
        file: PathBuf,
    },
}

/// Runs `systole config`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    match super::tool::parse::<Arguments>(arguments) {
        Ok(arguments) => super::here::end("systole config", act(&arguments.what)),
        Err(code) => code,
    }
}

fn act(what: &What) -> Result<(), Refusal> {
    let cluster = Cluster::from_environment("systole config");
    match what {
        What::Show => {
            let cib = cluster.cib()?;
            let configuration = cib.child("configuration").ok_or_else(|| Refusal::new(Exit::NO_SUCH, "the CIB has no configuration"))?;
            println!("{}", configuration.to_text().trim_end());
            Ok(())
        }
        What::Check { file } => checked(file).map(|_| println!("{}: nothing is wrong", file.display())),
        What::Diff { file } => {
            let (old, configuration) = (cluster.cib()?, checked(file)?);
            let patch = cib::patch::diff(&old, &with_configuration(&old, configuration));
            match patch.is_empty() {
                true => println!("nothing would change"),
                false => println!("{}", patch.to_xml().to_text().trim_end()),
            }
            Ok(())
        }
        What::Apply { file } => {
            let configuration = checked(file)?;
            cluster.edit(edits::replace(Some("configuration"), &configuration))?;
            println!("{} is the configuration now", file.display());
            Ok(())
        }
    }
}

fn with_configuration(cib: &Element, configuration: Element) -> Element {
    let mut changed = cib.clone();
    *changed.child_or_new("configuration") = configuration;
    changed
}

/// Reads a file and returns its configuration when nothing is wrong with it; warnings are printed.
fn checked(file: &Path) -> Result<Element, Refusal> {
    let root = admin::read_file(file)?;
    let cib = match root.name.as_str() {
        "cib" => root,
        "configuration" => with_configuration(&cib::edit::empty_cib("pacemaker-3.9"), root),
        other => {
            let text = format!("{}: line {}: the root is <{other}>; a <cib> or a <configuration> is needed", file.display(), root.line);
            return Err(Refusal::new(Exit::CONFIG, text));
        }
    };
    let problems = cib::validate(&cib);
    let (errors, warnings): (Vec<_>, Vec<_>) = problems.iter().partition(|problem| problem.level == cib::Level::Error);
    let line = |problem: &cib::Problem| format!("{}: {problem}", file.display());
    warnings.iter().for_each(|problem| eprintln!("{}", line(problem)));
    if !errors.is_empty() {
        let lines: Vec<String> = errors.iter().map(|problem| line(problem)).collect();
        return Err(Refusal::new(Exit::CONFIG, format!("nothing was changed\n{}", lines.join("\n"))));
    }
    let configuration = cib.child("configuration").cloned();
    configuration.ok_or_else(|| Refusal::new(Exit::CONFIG, format!("{}: <cib> holds no <configuration>", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_two_equal_ids_is_refused_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("twice.xml");
        let text = "<configuration>\n<crm_config/>\n<nodes/>\n<resources>\n<primitive id='a' class='ocf' provider='systole' type='Dummy'/>\n\
            <primitive id='a' class='ocf' provider='systole' type='Dummy'/>\n</resources>\n<constraints/>\n</configuration>";
        std::fs::write(&file, text).unwrap();
        let refusal = checked(&file).unwrap_err();
        assert_eq!(refusal.exit, Exit::CONFIG);
        assert!(refusal.message.contains("twice.xml") && refusal.message.contains('6'), "{}", refusal.message);
        std::fs::write(&file, text.replacen("id='a'", "id='b'", 1)).unwrap();
        assert_eq!(checked(&file).unwrap().name, "configuration");
    }
}
