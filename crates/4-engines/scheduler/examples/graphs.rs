//! Writes the graph of every case of a scheduler corpus: `graphs CORPUS OUTPUT [NAME …]`, for comparing them elsewhere.
//!
//! Each case is a thread of its own, so that a case that panics is named and the others go on.

use std::path::Path;

fn moment(arguments: &str, cib: &cib::Cib<'_>) -> model::Timestamp {
    let argued = match arguments.trim() {
        "-t 2005-020" => Some(1_106_179_200),
        "-t 2005-020T12:30" => Some(1_106_224_200),
        "-t 2005-020T11:30" => Some(1_106_220_600),
        "-t \"2014-05-07 00:28:00\"" => Some(1_399_422_480),
        _ => None,
    };
    model::Timestamp::from_seconds(argued.or(cib.execution_date()).unwrap_or(1_782_900_000))
}

fn graph(path: &Path, arguments: &str) -> String {
    let text = std::fs::read(path).expect("a case has an input");
    let tree = xml::parse(&text, &xml::Limits::default()).expect("the corpus is well-formed");
    let now = moment(arguments, &cib::Cib::new(&tree));
    let facts = status::Facts::deduce(&tree, now);
    scheduler::schedule(&facts).graph.to_xml().to_text()
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [corpus, output, names @ ..] = words.as_slice() else {
        eprintln!("usage: graphs CORPUS OUTPUT [NAME …]");
        std::process::exit(64);
    };
    let cases = std::fs::read_to_string(Path::new(corpus).join("tests.tsv")).expect("a corpus has tests.tsv");
    std::fs::create_dir_all(output).expect("the output directory can be made");
    for line in cases.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (name, arguments) = (columns[0], columns.get(3).copied().unwrap_or_default().to_owned());
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        let path = Path::new(corpus).join("xml").join(format!("{name}.xml"));
        match std::thread::spawn(move || graph(&path, &arguments)).join() {
            Ok(text) => std::fs::write(Path::new(output).join(format!("{name}.exp")), text).expect("the graph can be written"),
            Err(_) => eprintln!("panic: {name}"),
        }
    }
}
