//! Each message once, and the incumbent's own cases without any error.

use super::*;
use xml::{Limits, parse};

/// Returns the problems of a configuration with these resources and constraints, one a line.
fn problems(resources: &str, constraints: &str) -> String {
    let text = format!(
        "<cib validate-with='pacemaker-3.9' admin_epoch='0' epoch='0' num_updates='0'><configuration><crm_config/>\
         <nodes><node id='1' uname='a'/></nodes><resources><primitive id='web' class='systemd' type='nginx'/>\n{resources}</resources>\
         \n<constraints>{constraints}</constraints></configuration><status><anything/></status></cib>"
    );
    let cib = parse(text.as_bytes(), &Limits::default()).unwrap_or_else(|e| panic!("{e}: {text}"));
    validate(&cib).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn problems_of_resources_are_told() {
    for (resources, expected) in [
        ("", ""),
        ("<primitive id='p' class='ocf' provider='heartbeat' type='IPaddr2'/>", ""),
        (
            "<primitive id='p' class='ocf' type='IPaddr2'/>",
            "error: line 2, primitive \"p\": an ocf agent needs a provider, such as provider=\"heartbeat\"",
        ),
        (
            "<primitive id='p'/>",
            "error: line 2, primitive \"p\": class and type of the agent are missing, such as class=\"ocf\" provider=\"heartbeat\" type=\"IPaddr2\"",
        ),
        ("<primitive class='lsb' type='x'/>", "error: line 2, <primitive>: the attribute id is missing"),
        (
            "<primitive id='web' class='lsb' type='x'/>",
            "error: line 2, primitive \"web\": the id \"web\" is taken by the <primitive> of line 1; ids must be unique",
        ),
        (
            "<primitive id='p' class='lbs' type='x'/>",
            "error: line 2, primitive \"p\": class=\"lbs\" must be ocf, lsb, heartbeat, stonith, service, systemd, upstart or nagios",
        ),
        (
            "<primitive id='p' class='lsb' tpye='x' type='x'/>",
            "error: line 2, primitive \"p\": the attribute tpye is not known here; did you mean type?",
        ),
        (
            "<primitive id='7up' class='lsb' type='x'/>",
            "error: line 2, primitive \"7up\": id=\"7up\" must be an id: a letter or _, then letters, digits, '_', '-' and '.'",
        ),
        (
            "<primitive id='p' template='t'/>",
            "error: line 2, primitive \"p\": template=\"t\" leads nowhere: there is no template with this id",
        ),
        (
            "<template id='tt' class='lsb' type='x'/><primitive id='p' template='t'/>",
            "error: line 2, primitive \"p\": template=\"t\" leads nowhere: there is no template with this id; did you mean tt?",
        ),
        ("<group id='g'/>", "error: line 2, group \"g\": a group needs at least one primitive"),
        ("<clone id='c'/>", "error: line 2, clone \"c\": a clone needs exactly one primitive or group"),
        ("<primtive id='p'/>", "error: line 2, primtive \"p\": the element is not known; did you mean primitive?"),
        (
            "<nvpair id='p' name='x' value='y'/>",
            "error: line 2, nvpair \"p\": the element does not belong into <resources>, but into <cluster_property_set>, <instance_attributes>, <meta_attributes>, <utilization>, <attributes>",
        ),
        ("text", "error: line 1, <resources>: text does not belong here: \"text\""),
        (
            "<primitive id='p' class='lsb' type='x'><operations><op id='o' name='monitor' interval='often'/></operations></primitive>",
            "warning: line 2, op \"o\": interval=\"often\" is no time, such as 10s, 500ms or 2min",
        ),
        (
            "<primitive id='p' class='lsb' type='x'><operations><op id='o' name='monitor' interval='0' on-fail='panic'/></operations></primitive>",
            "error: line 2, op \"o\": on-fail=\"panic\" must be ignore, block, demote, stop, restart, standby, fence or restart-container",
        ),
        (
            "<primitive id='p' class='lsb' type='x'><meta_attributes id-ref='gone'/></primitive>",
            "error: line 2, <meta_attributes>: id-ref=\"gone\" leads nowhere: there is no <meta_attributes> with this id",
        ),
        (
            "<primitive id='p' class='lsb' type='x'><meta_attributes id='m'><nvpair id='n' name='target-role' value='Stoped'/></meta_attributes></primitive>",
            "warning: line 2, nvpair \"n\": target-role=\"Stoped\" must be Stopped, Started, Unpromoted or Promoted",
        ),
        (
            "<primitive id='p' class='lsb' type='x'><meta_attributes id='m'><nvpair id='n' name='target_role' value='Stopped'/><nvpair id='o' name='note' value='x'/></meta_attributes></primitive>",
            "warning: line 2, nvpair \"n\": there is no option target_role; did you mean target-role?",
        ),
        ("<bundle id='b'><docker/></bundle>", "error: line 2, <docker>: the attribute image is missing"),
    ] {
        assert_eq!(problems(resources, ""), expected, "{resources}");
    }
}

#[test]
fn problems_of_constraints_are_told() {
    for (constraints, expected) in [
        ("<rsc_location id='l' rsc='web' node='a' score='5'/>", ""),
        (
            "<rsc_location id='l' rsc='web' score='5'><rule id='r' score='1'><expression id='e' attribute='#uname' operation='defined'/></rule></rsc_location>",
            "",
        ),
        (
            "<rsc_location id='l' rsc='wbe' node='a' score='5'/>",
            "error: line 3, rsc_location \"l\": rsc=\"wbe\" leads nowhere: there is no resource or tag with this id",
        ),
        (
            "<rsc_location id='l' rsc='webb' node='a' score='5'/>",
            "error: line 3, rsc_location \"l\": rsc=\"webb\" leads nowhere: there is no resource or tag with this id; did you mean web?",
        ),
        (
            "<rsc_location id='l' rsc='l' node='a' score='5'/>",
            "warning: line 3, rsc_location \"l\": rsc=\"l\" names a <rsc_location>, not a resource or tag; it is ignored",
        ),
        (
            "<rsc_location id='l' rsc='web' node='a' score='much'/>",
            "error: line 3, rsc_location \"l\": score=\"much\" must be a whole number, INFINITY or -INFINITY",
        ),
        ("<rsc_location id='l' rsc='web' node='a'/>", "error: line 3, rsc_location \"l\": the score is missing"),
        (
            "<rsc_location id='l' rsc='web'/>",
            "error: line 3, rsc_location \"l\": either node and score or a rule must say which nodes are meant",
        ),
        ("<rsc_order id='o' first='web'/>", "error: line 3, rsc_order \"o\": the attribute then is missing"),
        (
            "<rsc_order id='o' first='web' then='web' kind='mandatory'/>",
            "error: line 3, rsc_order \"o\": kind=\"mandatory\" must be Optional, Mandatory or Serialize",
        ),
        (
            "<rsc_order id='o' first='web' then='web' symmetrical='nope'/>",
            "error: line 3, rsc_order \"o\": symmetrical=\"nope\" must be true or false",
        ),
        ("<rsc_colocation id='c'/>", "error: line 3, rsc_colocation \"c\": either rsc and with-rsc or resource sets are needed"),
        (
            "<rsc_ticket id='t' ticket='T'><resource_set id='s'/></rsc_ticket>",
            "error: line 3, resource_set \"s\": a resource set needs at least one <resource_ref>",
        ),
        (
            "<rsc_location id='l' rsc='web'><rule id='r'><date_expression id='d' operation='gt' start='soon'/></rule></rsc_location>",
            "warning: line 3, date_expression \"d\": start=\"soon\" is no moment, such as 2024-02-29T12:00:00Z; the condition is never met",
        ),
        (
            "<rsc_location id='l' rsc-pattern='a(' node='a' score='1'/>",
            "warning: line 3, rsc_location \"l\": rsc-pattern is no regular expression: unclosed group",
        ),
    ] {
        assert_eq!(problems("", constraints), expected, "{constraints}");
    }
}

#[test]
fn the_root_is_checked_and_none_means_none() {
    let check = |text: &str| {
        validate(&parse(text.as_bytes(), &Limits::default()).unwrap()).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(check("<bic/>"), "error: line 1, <bic>: the root element must be <cib>");
    assert!(
        check("<cib validate-with='pacemaker-9.9' admin_epoch='0' epoch='0' num_updates='0'><configuration/></cib>")
            .contains("is no known schema")
    );
    let lenient = check("<cib validate-with='none' admin_epoch='0' epoch='x' num_updates='0'><configuration><odd/></configuration></cib>");
    assert!(!lenient.is_empty() && lenient.lines().all(|line| line.starts_with("warning")), "{lenient}");
}

#[test]
fn documents_that_schemas_accept_have_no_errors() {
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let corpus = std::env::var_os("SYSTOLE_CORPUS").map_or_else(|| repository.join("../shared/corpus"), std::path::PathBuf::from);
    let Ok(files) = std::fs::read_dir(corpus.join("scheduler/xml")) else {
        eprintln!("skipped: documents_that_schemas_accept_have_no_errors: there is no corpus in {}", corpus.display());
        return;
    };
    let mut wrong = Vec::new();
    for file in files.flatten() {
        let cib = parse(&std::fs::read(file.path()).unwrap(), &Limits::default()).unwrap();
        let errors = validate(&cib).into_iter().filter(|problem| problem.level == Level::Error);
        wrong.extend(errors.map(|problem| format!("{}: {problem}", file.file_name().to_string_lossy())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
