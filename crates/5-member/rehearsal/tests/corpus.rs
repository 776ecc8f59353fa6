//! The ratchet: as many of the incumbent's scheduler cases as before, or more, come out the same.

#[path = "corpus/mod.rs"]
mod corpus;

#[test]
fn no_level_of_the_corpus_falls() {
    let Some(folder) = corpus::folder() else {
        eprintln!("skipped: no_level_of_the_corpus_falls: there is no ../shared/corpus and SYSTOLE_CORPUS names none");
        return;
    };
    let cases = corpus::cases(&folder);
    assert!(cases.iter().all(|case| !case.category.is_empty()), "the table of cases has another form than expected");
    let verdicts = corpus::run(&folder, &cases);
    let now = corpus::tally(&verdicts);
    let before = corpus::read_tally(&std::fs::read_to_string(corpus::tally_file()).unwrap_or_default());
    let fallen: Vec<String> = before
        .iter()
        .filter(|(level, count)| now.get(*level).copied().unwrap_or(0) < **count)
        .map(|(level, count)| format!("{level} was {count}, is {}", now.get(level).copied().unwrap_or(0)))
        .collect();
    assert!(fallen.is_empty(), "{}; `cargo xtask corpus --failed LEVEL` names the cases", fallen.join(", "));
    let risen = before.iter().filter(|(level, count)| now.get(*level).copied().unwrap_or(0) > **count).count();
    if risen > 0 {
        eprintln!("{risen} levels have risen: `cargo xtask corpus --bless` keeps them");
    }
}

#[test]
fn a_tally_is_read_as_it_was_written() {
    let tally: corpus::Tally = corpus::LEVELS.iter().enumerate().map(|(at, level)| ((*level).to_owned(), at)).collect();
    assert_eq!(corpus::read_tally(&corpus::write_tally(&tally, 9)), tally);
}

#[test]
fn the_comparison_catches_faults() {
    let graph = |text: &str| xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
    let two = r#"<transition_graph cluster-delay="60s"><synapse id="0"><action_set><pseudo_event id="1" operation="a" operation_key="a"><attributes x="1"/></pseudo_event></action_set><inputs/></synapse>
<synapse id="1"><action_set><pseudo_event id="2" operation="b" operation_key="b"/></action_set><inputs><trigger><pseudo_event id="1" operation="a" operation_key="a"/></trigger></inputs></synapse></transition_graph>"#;
    let agree = |changed: String| {
        let agreement = corpus::graphs::compare(&graph(two), &graph(&changed), &mut Vec::new());
        (agreement.actions, agreement.order, agreement.details)
    };
    assert_eq!(agree(two.replace("id=\"1\"", "id=\"9\"").replace("id=\"2\"", "id=\"5\"")), (true, true, true));
    assert_eq!(agree(two.replace("operation_key=\"b\"", "operation_key=\"c\"")), (false, false, false));
    assert_eq!(
        agree(two.replace("<trigger><pseudo_event id=\"1\" operation=\"a\" operation_key=\"a\"/></trigger>", "")),
        (true, false, false)
    );
    assert_eq!(agree(two.replace("x=\"1\"", "x=\"2\"")), (true, true, false));
    assert_eq!(agree(two.replace("60s", "61s")), (true, true, false));
    assert_eq!(agree(two.replace("<trigger><pseudo_event id=\"1\"", "<trigger><pseudo_event id=\"7\"")), (true, false, false));
}
