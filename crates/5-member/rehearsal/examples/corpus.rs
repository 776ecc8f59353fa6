//! `cargo xtask corpus`: runs the incumbent's cases, shows how many agree, and keeps the numbers on request.

#[path = "../tests/corpus/mod.rs"]
mod corpus;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask corpus [NAME...]        runs all cases, or those whose names contain one of these
  --bless            keeps the numbers in the tally file, and those by category in docs/scheduler-cases.md
  --by-category      shows numbers by category
  --failed LEVEL     names the cases that do not reach a level
  --notes            shows what differs
";

fn main() -> ExitCode {
    let mut names = Vec::new();
    let (mut bless, mut by_category, mut notes, mut failed) = (false, false, false, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bless" => bless = true,
            "--by-category" => by_category = true,
            "--notes" => notes = true,
            "--failed" => failed = arguments.next(),
            other if other.starts_with('-') => {
                print!("{HELP}");
                return ExitCode::from(64);
            }
            name => names.push(name.to_owned()),
        }
    }
    let Some(folder) = corpus::folder() else {
        eprintln!("there is no ../shared/corpus and SYSTOLE_CORPUS names none");
        return ExitCode::FAILURE;
    };
    let mut cases = corpus::cases(&folder);
    cases.retain(|case| names.is_empty() || names.iter().any(|name| case.name.contains(name.as_str())));
    let start = std::time::Instant::now();
    let verdicts = corpus::run(&folder, &cases);
    let elapsed = start.elapsed();
    for (case, verdict) in cases.iter().zip(&verdicts) {
        let misses = |level: &String| !verdict.reached.get(level.as_str()).copied().unwrap_or(false);
        if failed.as_ref().is_some_and(misses) || (failed.is_none() && notes && !verdict.notes.is_empty()) {
            println!("{} ({})", case.name, case.category);
            let shown =
                |note: &&String| failed.as_ref().is_none_or(|level| note.starts_with(level.as_str()) || note.as_str() == "panicked");
            if notes {
                verdict.notes.iter().filter(shown).for_each(|note| println!("  {note}"));
            }
        }
    }
    let total = corpus::tally(&verdicts);
    let groups = by_category_of(&cases, &verdicts);
    if by_category {
        for (category, verdicts) in &groups {
            show(category, verdicts.len(), &corpus::tally(verdicts.iter().copied()));
        }
    }
    show("all", cases.len(), &total);
    println!("{} cases in {:.1} s", cases.len(), elapsed.as_secs_f64());
    if names.is_empty() {
        let kept = corpus::read_tally(&std::fs::read_to_string(corpus::tally_file()).unwrap_or_default());
        for (level, before) in kept.iter().filter(|(level, before)| total.get(*level).copied().unwrap_or(0) < **before) {
            println!("{level} has fallen: it was {before}");
        }
    }
    if bless && names.is_empty() {
        if let Err(error) = std::fs::write(corpus::tally_file(), corpus::write_tally(&total, cases.len())) {
            eprintln!("failed to write {}: {error}", corpus::tally_file().display());
            return ExitCode::FAILURE;
        }
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/scheduler-cases.md");
        if let Err(error) = std::fs::write(&page, page_of(&groups, &cases, &verdicts)) {
            eprintln!("failed to write {}: {error}", page.display());
            return ExitCode::FAILURE;
        }
        println!("kept in {} and {}", corpus::tally_file().display(), page.display());
    }
    ExitCode::SUCCESS
}

fn by_category_of<'v>(cases: &'v [corpus::Case], verdicts: &'v [corpus::Verdict]) -> BTreeMap<&'v str, Vec<&'v corpus::Verdict>> {
    let mut groups: BTreeMap<&str, Vec<&corpus::Verdict>> = BTreeMap::new();
    for (case, verdict) in cases.iter().zip(verdicts) {
        groups.entry(&case.category).or_default().push(verdict);
    }
    groups
}

/// Returns the page that keeps the tally by category, and the cases that differ.
fn page_of(groups: &BTreeMap<&str, Vec<&corpus::Verdict>>, cases: &[corpus::Case], verdicts: &[corpus::Verdict]) -> String {
    let row = |name: &str, count: usize, tally: &corpus::Tally| {
        let numbers = corpus::LEVELS.iter().map(|level| tally.get(*level).copied().unwrap_or(0).to_string());
        format!("| {name} | {count} | {} |\n", numbers.collect::<Vec<_>>().join(" | "))
    };
    let mut page = format!(
        "# The incumbent's scheduler cases, by category\n\nWritten by `cargo xtask corpus --bless`. Each number says how many cases are equal at a level: L1 the same\n\
         actions, L2 the same order, L3 the same attributes, L4 the graph file byte for byte, S scores, D picture, M the whole text;\n\
         C is the text's first part, X its second where the expected graph is carried out.\n\n| category | cases | {} |\n|---|---|{}\n",
        corpus::LEVELS.join(" | "),
        "---|".repeat(corpus::LEVELS.len())
    );
    for (category, verdicts) in groups {
        page.push_str(&row(category, verdicts.len(), &corpus::tally(verdicts.iter().copied())));
    }
    page.push_str(&row("**all**", cases.len(), &corpus::tally(verdicts)));
    page.push_str("\n## Cases that differ\n\n");
    let differs = |verdict: &corpus::Verdict| corpus::LEVELS.iter().any(|level| !verdict.reached.get(level).copied().unwrap_or(false));
    let different: Vec<String> =
        cases.iter().zip(verdicts).filter(|(_, verdict)| differs(verdict)).map(|(case, _)| format!("- {}\n", case.name)).collect();
    page.push_str(&if different.is_empty() { "None.\n".to_owned() } else { different.concat() });
    page
}

fn show(name: &str, cases: usize, tally: &corpus::Tally) {
    let numbers: Vec<String> =
        corpus::LEVELS.iter().map(|level| format!("{level} {:>3}", tally.get(*level).copied().unwrap_or(0))).collect();
    println!("{name:<22} {cases:>3}  {}", numbers.join("  "));
}
