//! crmsh's own regression cases, which its package brings along: what crm prints is the same with Pacemaker's tools and with ours.
//!
//! All cases are run, also those that its own set leaves out. What needs containers or clusters (`features`) is not among them. Skipped
//! by name where crmsh is not installed or mount namespaces are not allowed.

mod swapped;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc;
use swapped::{Whose, missing, run};

const CASES: &str = "/usr/share/crmsh/tests";

/// Runs one of crmsh's cases as its own driver does, and filters what comes out as that does. Its two streams are kept apart, since
/// the order between them is chance.
const DRIVER: &str = r#"
cp -r /usr/share/crmsh/tests/{testcases,defaults,crm-interface,descriptions,evaltest.sh,history-test.tar.bz2} . || exit 1
export TESTDIR=testcases OUTDIR=out; mkdir out
bash ./evaltest.sh < testcases/$CASE 3> /dev/null > told 2> complained
filter() {
    sed -E 's/<cib[^>]*>/<cib>/g' $1 | testcases/common.filter | grep -Evf testcases/common.excl |
        if [ -x testcases/$CASE.filter ]; then testcases/$CASE.filter; else cat; fi |
        if [ -f testcases/$CASE.excl ]; then grep -Evf testcases/$CASE.excl; else cat; fi
}
filter told; filter complained >&2
"#;

/// The names of the cases, the longest ones first.
fn cases() -> Vec<String> {
    let files = std::fs::read_dir(Path::new(CASES).join("testcases")).into_iter().flatten().flatten();
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| !name.contains('.') && name != "basicset").collect();
    names.sort_by_key(|name| (!["resource", "node"].contains(&name.as_str()), name.clone()));
    names
}

/// Returns the text without what is different on purpose.
fn comparable(case: &str, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut is_left_out = false;
    for line in text.lines() {
        match case {
            // C-005: scores are printed in the form of 3.0.2.
            "resource" if line.starts_with(".EXT crm_simulate -sUL") => is_left_out = true,
            "resource" if line.starts_with('.') => is_left_out = false,
            // C-241: what parameters of fence devices are for is in our own words.
            "ra" if line.starts_with("pcmk_") => {
                lines.extend(line.split_once("):").map(|(name, _)| name.to_owned()));
                is_left_out = true;
                continue;
            }
            "ra" if !line.starts_with("    ") => is_left_out = false,
            _ => {}
        }
        if !is_left_out {
            lines.push(line.to_owned());
        }
    }
    lines
}

type Outcome = (Vec<String>, Vec<String>);

fn outcome(case: &str, whose: Whose) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let output = run(DRIVER, whose, folder.path(), &[("CASE", case)]);
    let text = |bytes: &[u8]| comparable(case, &String::from_utf8_lossy(bytes));
    (text(&output.stdout), text(&output.stderr))
}

/// Does each piece of work, as many at a time as the machine has processors; results come in the order of the work.
fn each<W: Sync, R: Send>(work: &[W], act: impl Fn(&W) -> R + Sync) -> Vec<R> {
    let next = Mutex::new(0..work.len());
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            let (sender, next, act) = (sender.clone(), &next, &act);
            scope.spawn(move || {
                while let Some(index) = next.lock().ok().and_then(|mut next| next.next()) {
                    let _ = sender.send((index, act(&work[index])));
                }
            });
        }
    });
    drop(sender);
    let mut results: Vec<(usize, R)> = receiver.iter().collect();
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[test]
fn crm_prints_the_same_in_all_its_own_cases() {
    let absent = (!Path::new(CASES).join("evaltest.sh").exists()).then(|| format!("{CASES} is not there"));
    if let Some(reason) = missing("/usr/sbin/crm").or(absent) {
        eprintln!("skipped: crm_prints_the_same_in_all_its_own_cases: {reason}");
        return;
    }
    let cases = cases();
    assert!(cases.len() >= 18, "{cases:?}");
    let runs: Vec<(&String, Whose)> = cases.iter().flat_map(|case| [(case, Whose::Pacemakers), (case, Whose::Ours)]).collect();
    let outcomes = each(&runs, |(case, whose)| outcome(case, *whose));
    let mut different = Vec::new();
    let mut commands = 0;
    for (case, pair) in cases.iter().zip(outcomes.chunks(2)) {
        let [theirs, ours] = pair else { unreachable!("each case was run twice") };
        let tried = theirs.0.iter().filter(|line| line.starts_with(".TRY") || line.starts_with(".INP")).count();
        assert!(tried > 0 || case.ends_with("xml"), "{case} did nothing: {theirs:?}");
        commands += tried;
        for (what, theirs, ours) in [("printed", &theirs.0, &ours.0), ("complained", &theirs.1, &ours.1)] {
            if theirs != ours {
                different.push(format!("{case}, {what}, with ours:\n{}\nwith Pacemaker's:\n{}", ours.join("\n"), theirs.join("\n")));
            }
        }
    }
    assert!(commands > 500, "{commands}");
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

/// Those that change a CIB file, and leave a file behind that can be compared whole.
#[test]
fn crm_makes_the_same_cib_of_its_own_inputs() {
    if let Some(reason) = missing("/usr/sbin/crm") {
        eprintln!("skipped: crm_makes_the_same_cib_of_its_own_inputs: {reason}");
        return;
    }
    let files = std::fs::read_dir(Path::new(CASES).join("cibtests")).into_iter().flatten().flatten().map(|file| file.path());
    let mut inputs: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|extension| extension == "input")).collect();
    inputs.sort();
    if inputs.is_empty() {
        eprintln!("skipped: crm_makes_the_same_cib_of_its_own_inputs: {CASES}/cibtests is not there");
        return;
    }
    for input in inputs {
        let input = input.display().to_string();
        let result = |whose| {
            let folder = tempfile::tempdir().expect("a folder can be made");
            let script =
                "cp $(dirname $INPUT)/shadow.base cib.xml; export CIB_file=$PWD/cib.xml; crm < $INPUT > printed 2>&1; echo $?; cat cib.xml";
            let output = run(script, whose, folder.path(), &[("INPUT", &input)]);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.lines().filter(|line| !line.starts_with("<cib ")).map(str::to_owned).collect::<Vec<_>>()
        };
        let (theirs, ours) = (result(Whose::Pacemakers), result(Whose::Ours));
        assert!(theirs.iter().any(|line| line.contains("<primitive")), "{input}: {theirs:?}");
        assert_eq!(ours, theirs, "{input}");
    }
}
