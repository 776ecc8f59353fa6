//! `cargo xtask variants`: writes random variants of the incumbent's cases into a folder of the corpus' form.
//!
//! With the incumbent's own answers to them beside it (`exp`, `dot`, `scores`, `summary`), `SYSTOLE_CORPUS=FOLDER cargo
//! xtask corpus` compares. A variant follows from its case and seed alone.

#[path = "../tests/corpus/mod.rs"]
#[allow(dead_code, reason = "an example uses a part of it")]
mod corpus;
#[path = "../tests/variants/mod.rs"]
#[allow(dead_code, reason = "an example uses a part of it")]
mod variants;

use std::path::Path;
use std::process::ExitCode;
use variants::dice::Dice;
use xml::Limits;

const HELP: &str = "cargo xtask variants FOLDER SEED COUNT   writes COUNT variants of each case into FOLDER/scheduler/xml\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, seed, count] = arguments.as_slice() else {
        print!("{HELP}");
        return ExitCode::from(64);
    };
    let (Ok(seed), Ok(count)) = (seed.parse::<u64>(), count.parse::<u64>()) else {
        print!("{HELP}");
        return ExitCode::from(64);
    };
    let Some(cases) = corpus::folder() else {
        eprintln!("there is no ../shared/corpus and SYSTOLE_CORPUS names none");
        return ExitCode::FAILURE;
    };
    match write(&cases, Path::new(folder), seed, count) {
        Ok(number) => {
            println!("{number} variants in {folder}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{folder}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(cases: &Path, to: &Path, seed: u64, count: u64) -> std::io::Result<usize> {
    let to = to.join("scheduler");
    for kind in ["xml", "exp", "dot", "scores", "summary"] {
        std::fs::create_dir_all(to.join(kind))?;
    }
    let mut table = "name\tcategory\tfeatures\targs\n".to_owned();
    let mut number = 0;
    for (position, case) in corpus::cases(cases).iter().enumerate() {
        let bytes = std::fs::read(cases.join("xml").join(format!("{}.xml", case.name)))?;
        let Ok(original) = xml::parse(&bytes, &Limits::default()) else { continue };
        for copy in 0..count {
            let mut cib = original.clone();
            if !cib.has("execution-date") {
                cib.set("execution-date", "1782864000");
            }
            let mut dice = Dice::new(seed.wrapping_mul(1_000).wrapping_add(copy), position as u64);
            let changes = variants::vary(&mut cib, &mut dice);
            let name = format!("{}-{seed}-{copy}", case.name);
            std::fs::write(to.join("xml").join(format!("{name}.xml")), cib.to_text())?;
            table.push_str(&format!("{name}\t{}\t{}\t\n", case.category, changes.join(" ")));
            number += 1;
        }
    }
    std::fs::write(to.join("tests.tsv"), table)?;
    Ok(number)
}
