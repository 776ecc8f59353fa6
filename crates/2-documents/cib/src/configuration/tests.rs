//! How templates, references and the precedence of sets are read.

use crate::rules::{Input, Recheck};
use crate::{Cib, Constraint, FencingTarget, LocationSubject, NvSets};
use xml::{Element, Limits, parse};

fn tree(resources: &str, rest: &str) -> Element {
    let text = format!("<cib><configuration><crm_config/><nodes/><resources>{resources}</resources>{rest}</configuration><status/></cib>");
    parse(text.as_bytes(), &Limits::default()).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn shown(sets: &NvSets<'_>) -> String {
    let values = sets.values(&Input::default(), &mut Recheck::default());
    values.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_set_that_wins_is_told_by_score_then_by_place() {
    for (sets, expected) in [
        ("<meta_attributes id='m'><nvpair id='1' name='a' value='1'/><nvpair id='2' name='a' value='2'/></meta_attributes>", "a=1"),
        (
            "<meta_attributes id='m'><nvpair id='1' name='a' value='1'/></meta_attributes><meta_attributes id='n'><nvpair id='2' name='a' value='2'/></meta_attributes>",
            "a=2",
        ),
        (
            "<meta_attributes id='m' score='5'><nvpair id='1' name='a' value='1'/></meta_attributes><meta_attributes id='n'><nvpair id='2' name='a' value='2'/><nvpair id='3' name='b' value='3'/></meta_attributes>",
            "a=1 b=3",
        ),
        (
            "<meta_attributes id='m'><rule id='r'><expression id='e' attribute='x' operation='defined'/></rule><nvpair id='1' name='a' value='1'/></meta_attributes>",
            "",
        ),
        ("<meta_attributes id='m'><attributes><nvpair id='1' name='a' value='1'/></attributes></meta_attributes>", "a=1"),
        ("<meta_attributes id='m'><nvpair id='1' name='a' value='1'/><nvpair id='2' name='a' value='#DEFAULT'/></meta_attributes>", ""),
        ("<meta_attributes id='m'><nvpair id='1' name='a'/></meta_attributes>", ""),
        ("<meta_attributes id-ref='shared'/>", "s=7"),
        ("<meta_attributes id='m'><nvpair id-ref='pair'/><nvpair id-ref='pair' name='other'/></meta_attributes>", "other=7 s=7"),
        ("<meta_attributes id-ref='nowhere'/>", ""),
    ] {
        let shared = "<rsc_defaults><meta_attributes id='shared'><nvpair id='pair' name='s' value='7'/></meta_attributes></rsc_defaults>";
        let root = tree(&format!("<primitive id='p' class='lsb' type='x'>{sets}</primitive>"), shared);
        let cib = Cib::new(&root);
        assert_eq!(shown(cib.configuration.resources[0].meta()), expected, "{sets}");
        assert_eq!(cib.problems.len(), usize::from(sets.contains("nowhere")), "{:?}", cib.problems);
    }
}

#[test]
fn a_template_fills_what_the_resource_does_not_say() {
    let template = "<template id='t' class='ocf' provider='heartbeat' type='Dummy'><meta_attributes id='tm'><nvpair id='1' name='a' value='t'/><nvpair id='2' name='b' value='t'/></meta_attributes>
        <operations><op id='t1' name='monitor' interval='10s'/><op id='t2' name='monitor' interval='20s' role='Promoted'/><op id='t3' name='start' interval='0'/></operations></template>";
    for (own, agent, meta, operations) in [
        ("<primitive id='p' template='t'/>", "ocf:heartbeat:Dummy", "a=t b=t", "t1 t2 t3"),
        (
            "<primitive id='p' template='t'><meta_attributes id='m'><nvpair id='3' name='a' value='p'/></meta_attributes><operations><op id='p1' name='monitor' interval='5s'/></operations></primitive>",
            "ocf:heartbeat:Dummy",
            "a=p b=t",
            "p1 t2 t3",
        ),
        ("<primitive id='p' template='t'><operations/></primitive>", "ocf:heartbeat:Dummy", "a=t b=t", "t1 t2 t3"),
        ("<primitive id='p' template='t'><operations id-ref='o'/></primitive>", "ocf:heartbeat:Dummy", "a=t b=t", "q1"),
        ("<primitive id='p' class='systemd' type='nginx'/>", "systemd:nginx", "", ""),
    ] {
        let other =
            "<primitive id='q' class='lsb' type='x'><operations id='o'><op id='q1' name='monitor' interval='1s'/></operations></primitive>";
        let root = tree(&format!("{template}{own}{other}"), "");
        let cib = Cib::new(&root);
        let primitive = cib.configuration.resource("p").and_then(|r| r.as_primitive()).unwrap();
        assert_eq!(primitive.agent.to_string(), agent);
        assert_eq!(shown(&primitive.meta), meta);
        assert_eq!(primitive.operations.iter().map(|op| op.id).collect::<Vec<_>>().join(" "), operations, "{own}");
    }
    let root = tree("<primitive id='p' template='gone'/><group id='g'><primitive id='q' class='lsb' type='x'/></group>", "");
    let cib = Cib::new(&root);
    assert!(cib.configuration.resource("p").is_none() && cib.configuration.resource("q").is_some());
    assert_eq!(cib.problems[0].to_string(), "error: line 1, primitive \"p\": there is no template \"gone\"; the resource is ignored");
}

#[test]
fn constraints_and_levels_tell_their_subjects() {
    let root = tree(
        "<primitive id='p' class='lsb' type='x'/>",
        "<constraints><rsc_location id='a' rsc-pattern='!x' node='n' score='1'/><rsc_location id='b'><resource_set id='s' role='Master'><resource_ref id='p'/></resource_set><rule id='r' score='1'/></rsc_location>
         <rsc_order id='c' symmetrical='perhaps'><resource_set id-ref='s'/></rsc_order><odd id='d'/><rsc_ticket ticket='T' rsc='p'/></constraints>
         <fencing-topology><fencing-level id='l' target-attribute='rack' target-value='1' index='2' devices='d1, d2,'/></fencing-topology>",
    );
    let cib = Cib::new(&root);
    let constraints = &cib.configuration.constraints;
    assert_eq!(constraints.iter().map(Constraint::id).collect::<String>(), "abc");
    assert!(matches!(&constraints[0], Constraint::Location(l) if matches!(l.subject, LocationSubject::Pattern("!x"))));
    assert!(
        matches!(&constraints[1], Constraint::Location(l) if matches!(&l.subject, LocationSubject::Sets(s) if s[0].role == Some(model::Role::Promoted)) && l.rules.len() == 1)
    );
    assert!(matches!(&constraints[2], Constraint::Order(o) if o.symmetrical.is_none() && o.sets[0].resources == ["p"]));
    let level = &cib.configuration.fencing_levels[0];
    assert_eq!((level.target, level.devices.as_slice()), (Some(FencingTarget::Attribute("rack", "1")), ["d1", "d2"].as_slice()));
    // The empty rule, the odd boolean, the odd element and the ticket without an id.
    assert_eq!(cib.problems.len(), 4, "{:?}", cib.problems);
}
