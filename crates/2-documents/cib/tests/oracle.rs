//! Our patches and digests against those of Pacemaker's own tools, where they are installed.

use cib::digest::{DigestForm, content_digest, file_digest};
use cib::patch::{Patch, apply, diff};
use std::path::{Path, PathBuf};
use std::process::Command;
use xml::{Element, Limits, Node, parse};

/// Returns scheduler inputs to work on, or says why the test is skipped.
fn documents(test: &str, tool: &str, every: usize) -> Vec<(PathBuf, Element)> {
    if !Path::new(tool).exists() {
        eprintln!("skipped: {test}: {tool} is not installed");
        return Vec::new();
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let corpus = std::env::var_os("SYSTOLE_CORPUS").map_or_else(|| repository.join("../shared/corpus"), PathBuf::from);
    let Ok(files) = std::fs::read_dir(corpus.join("scheduler/xml")) else {
        eprintln!("skipped: {test}: there is no corpus in {}", corpus.display());
        return Vec::new();
    };
    let mut paths: Vec<_> = files.flatten().map(|file| file.path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let mut tree = parse(&std::fs::read(&path).unwrap(), &Limits::default()).unwrap();
        // Without it the tools fall back to formats of long ago.
        tree.set("crm_feature_set", "3.16.1");
        (path, tree)
    };
    paths.into_iter().step_by(every).map(read).collect()
}

/// The older tools write apostrophes, tabs and newlines so that they are not read back; leave such values out.
fn is_written_alike(element: &Element) -> bool {
    element.descendants().all(|e| e.attributes.iter().all(|(_, value)| !value.contains(['\'', '\n', '\t', '\r'])))
}

fn run(tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Changes a document here and there, the same way each time.
fn edited(original: &Element, salt: usize) -> Element {
    let mut tree = original.clone();
    tree.set("epoch", (salt + 1000).to_string());
    let mut count = salt;
    edit(&mut tree, &mut count);
    tree
}

fn edit(element: &mut Element, count: &mut usize) {
    let has_ids = element.elements().all(|e| e.id().is_some());
    *count += 1;
    match *count % 17 {
        0 if has_ids && element.children.len() > 1 => element.children.reverse(),
        3 if has_ids && element.children.len() > 2 => drop(element.children.remove(1)),
        5 if has_ids && !element.children.is_empty() => {
            element
                .children
                .insert(1, Node::from(Element::new("extra").with("id", format!("extra-{count}")).with_child(Element::new("inner"))));
        }
        7 => element.set("description", format!("edit {count}")),
        9 => element.children.insert(0, Node::Comment(format!(" edit {count} ").into())),
        11 if element.attributes.len() > 1 && element.name != "cib" => element.attributes.reverse(),
        _ => {}
    }
    element.elements_mut().for_each(|child| edit(child, count));
}

#[test]
fn patches_are_understood_both_ways() {
    const TOOL: &str = "/usr/sbin/crm_diff";
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (old_file, new_file, patch_file) = (file("old.xml"), file("new.xml"), file("patch.xml"));
    let mut compared = 0;
    for (salt, (path, old)) in documents("patches_are_understood_both_ways", TOOL, 16).into_iter().enumerate() {
        let new = edited(&old, salt);
        if !is_written_alike(&new) {
            continue;
        }
        std::fs::write(&old_file, old.to_text()).unwrap();
        std::fs::write(&new_file, new.to_text()).unwrap();
        let theirs = run(TOOL, &["-o", &old_file, "-n", &new_file]);
        let theirs = Patch::from_xml(&parse(theirs.as_bytes(), &Limits::default()).unwrap()).unwrap();
        assert_eq!(apply(&theirs, &old, false).as_ref(), Ok(&new), "their patch of {}", path.display());
        let ours = diff(&old, &new);
        std::fs::write(&patch_file, ours.to_xml().to_text()).unwrap();
        let result = run(TOOL, &["-o", &old_file, "-p", &patch_file]);
        assert!(parse(result.as_bytes(), &Limits::default()).unwrap() == new, "our patch of {}", path.display());
        compared += 1;
    }
    eprintln!("{compared} pairs compared");
}

#[test]
fn digests_of_whole_documents_are_equal() {
    const TOOL: &str = "/usr/sbin/cibadmin";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cib.xml");
    let mut compared = 0;
    for (path, tree) in documents("digests_of_whole_documents_are_equal", TOOL, 40) {
        std::fs::write(&file, tree.to_text()).unwrap();
        let (file, path) = (file.to_str().unwrap(), path.display());
        assert_eq!(run(TOOL, &["--md5-sum", "-x", file]).trim(), file_digest(&tree, DigestForm::V2_1), "{path}");
        assert_eq!(run(TOOL, &["--md5-sum-versioned", "-x", file]).trim(), content_digest(&tree, DigestForm::V2_1), "{path}");
        compared += 1;
    }
    eprintln!("{compared} documents compared");
}
