//! Old forms, and what becomes of them.

use super::*;
use crate::{Cib, Constraint, ResourceDefinition};
use xml::{Limits, parse};

/// Returns the configuration after an upgrade, on one line, and the notes.
fn upgraded(version: &str, sections: &str) -> (String, String) {
    let text = format!("<cib validate-with='pacemaker-{version}'><configuration>{sections}</configuration><status/></cib>");
    let result = upgrade(&parse(text.as_bytes(), &Limits::default()).unwrap());
    assert_eq!(result.cib.attribute("validate-with"), Some("pacemaker-4.0"));
    let configuration = result.cib.child("configuration").unwrap().elements().map(Element::to_compact).collect();
    (
        configuration,
        result.notes.iter().map(|note| format!("{} {}", note.element, note.id.as_deref().unwrap_or("-"))).collect::<Vec<_>>().join(", "),
    )
}

#[test]
fn old_forms_become_new_ones() {
    for (version, old, new, notes) in [
        ("3.9", "<resources/>", "<resources/>", ""),
        (
            "2.10",
            "<crm_config><cluster_property_set id='s'><nvpair id='a' name='stonith_enabled' value='1'/><nvpair id='b' name='default-resource-stickiness' value='5'/><nvpair id='c' name='expected-quorum-votes' value='2'/></cluster_property_set></crm_config>",
            "<crm_config><cluster_property_set id=\"s\"><nvpair id=\"a\" name=\"stonith-enabled\" value=\"1\"/></cluster_property_set></crm_config><rsc_defaults><meta_attributes id=\"rsc_defaults-of-s\"><nvpair id=\"b\" name=\"resource-stickiness\" value=\"5\"/></meta_attributes></rsc_defaults>",
            "nvpair c",
        ),
        (
            "2.3",
            "<resources><primitive id='p'><instance_attributes id='i'><nvpair id='n' name='pcmk_off_cmd' value='x'/></instance_attributes><operations><op id='o' name='start' requires='nothing'><instance_attributes id='j'><nvpair id='m' name='timeout' value='5s'/></instance_attributes></op></operations></primitive></resources>",
            "<resources><primitive id=\"p\"><meta_attributes id=\"p-requires\"><nvpair id=\"p-requires-option\" name=\"requires\" value=\"nothing\"/></meta_attributes><instance_attributes id=\"i\"><nvpair id=\"n\" name=\"pcmk_off_action\" value=\"x\"/></instance_attributes><operations><op id=\"o\" name=\"start\"><meta_attributes id=\"o-options\"><nvpair id=\"m\" name=\"timeout\" value=\"5s\"/></meta_attributes></op></operations></primitive></resources>",
            "",
        ),
        (
            "2.10",
            "<resources><primitive id='p'><operations><op id='o' name='monitor'><instance_attributes id='j'><nvpair id='m' name='requires' value='x'/></instance_attributes></op></operations><instance_attributes id-ref='j'/></primitive></resources>",
            "<resources><primitive id=\"p\"><operations><op id=\"o\" name=\"monitor\"/></operations><instance_attributes id=\"_cibtr-2_j\"><nvpair id=\"__cibtr-2_j__m\" name=\"requires\" value=\"x\"/></instance_attributes></primitive></resources>",
            "",
        ),
        (
            "1.2",
            "<acls><acl_user id='u'><read id='r' xpath='/cib' attribute='a'/></acl_user><acl_user id='v'><role_ref id='w'/></acl_user></acls>",
            "<acls><acl_target id=\"u\"><role id=\"auto-u\"/></acl_target><acl_role id=\"auto-u\"><acl_permission id=\"r\" kind=\"read\" xpath=\"/cib[@a]\"/></acl_role><acl_target id=\"v\"><role id=\"w\"/></acl_target></acls>",
            "",
        ),
        (
            "3.5",
            "<crm_config><cluster_property_set id='s'><nvpair id='a' name='crmd-transition-delay' value='1'/><nvpair id='b' name='stonith-action' value='poweroff'/><nvpair id='c' name='remove-after-stop' value='1'/></cluster_property_set></crm_config>",
            "<crm_config><cluster_property_set id=\"s\"><nvpair id=\"a\" name=\"transition-delay\" value=\"1\"/><nvpair id=\"b\" name=\"stonith-action\" value=\"off\"/></cluster_property_set></crm_config>",
            "nvpair c",
        ),
        (
            "3.0",
            "<nodes><node id='1' uname='n' type='ping'/></nodes><constraints/>",
            "<nodes><node id=\"1\" uname=\"n\" type=\"member\"/></nodes><constraints><rsc_location id=\"ping-node-ban-n\" rsc-pattern=\".*\" node=\"n\" score=\"-INFINITY\" resource-discovery=\"never\"/></constraints>",
            "",
        ),
        (
            "3.0",
            "<resources><group id='g'><primitive id='a' class='upstart' type='x'/></group><primitive id='b' class='lsb' type='x'/><bundle id='k'><rkt/></bundle></resources><constraints><rsc_order id='o' first='g' then='b'/><rsc_ticket id='t' ticket='T'><resource_set id='s'><resource_ref id='a'/></resource_set></rsc_ticket><rsc_colocation id='c'><resource_set id='u'><resource_ref id='a'/><resource_ref id='b'/></resource_set></rsc_colocation></constraints>",
            "<resources><primitive id=\"b\" class=\"lsb\" type=\"x\"/></resources><constraints><rsc_colocation id=\"c\"><resource_set id=\"u\"><resource_ref id=\"b\"/></resource_set></rsc_colocation></constraints>",
            "group g, bundle k",
        ),
        (
            "3.0",
            "<constraints><rsc_location id='l' rsc='r'><rule id='a' score='1'/><rule id='b' score='2'/></rsc_location></constraints>",
            "<constraints><rsc_location id=\"l-1\" rsc=\"r\"><rule id=\"a\" score=\"1\"/></rsc_location><rsc_location id=\"l-2\" rsc=\"r\"><rule id=\"b\" score=\"2\"/></rsc_location></constraints>",
            "",
        ),
        (
            "3.0",
            "<constraints><rsc_location id='l' rsc='r' node='n' score='5'><lifetime><rule id='a'/></lifetime></rsc_location><rsc_order id='o' first='x' then='y'><lifetime><rule id='b'/></lifetime></rsc_order></constraints>",
            "<constraints><rsc_location id=\"l\" rsc=\"r\"><rule id=\"l-lifetime-and\" boolean-op=\"and\" score=\"5\"><rule id=\"l-lifetime-node\" score=\"5\"><expression id=\"l-lifetime-node-expression\" attribute=\"#uname\" operation=\"eq\" value=\"n\"/></rule><rule id=\"a\"/></rule></rsc_location><rsc_order id=\"o\" first=\"x\" then=\"y\"/></constraints>",
            "rsc_order o",
        ),
        (
            "3.0",
            "<fencing-topology><fencing-level id='f' index='10'/><fencing-level id='e' index='9'/></fencing-topology>",
            "<fencing-topology><fencing-level id=\"e\" index=\"9\"/></fencing-topology>",
            "fencing-level f",
        ),
    ] {
        assert_eq!(upgraded(version, old), (new.to_owned(), notes.to_owned()), "{old}");
    }
}

#[test]
fn a_master_is_read_as_a_promotable_clone() {
    let text = "<cib validate-with='pacemaker-3.9'><configuration><resources><master id='m'><meta_attributes id='x'><nvpair id='y' name='promotable' value='false'/></meta_attributes><primitive id='p' class='lsb' type='x'/></master><bundle id='b'><docker image='i' masters='1'/></bundle></resources></configuration></cib>";
    let upgraded = upgrade(&parse(text.as_bytes(), &Limits::default()).unwrap());
    let cib = Cib::new(&upgraded.cib);
    let ResourceDefinition::Clone(clone) = &cib.configuration.resources[0] else { panic!("a clone is expected") };
    assert!(!clone.is_master);
    assert_eq!(clone.meta.get_unconditional("promotable"), Some("true"));
    assert!(upgraded.cib.to_compact().contains("promoted-max=\"1\""));
}

#[test]
fn what_is_new_or_of_no_schema_stays_as_it_is() {
    for version in ["pacemaker-4.0", "none", "pacemaker-next"] {
        let cib = Element::new("cib")
            .with("validate-with", version)
            .with_child(Element::new("configuration").with_child(Element::new("resources").with_child(Element::new("master"))));
        let result = upgrade(&cib);
        assert_eq!(result.cib, cib);
    }
    // Nothing is copied that does not change.
    let cib = parse(
        b"<cib validate-with='pacemaker-3.9'><configuration><resources><primitive id='p'/></resources><constraints/></configuration></cib>",
        &Limits::default(),
    )
    .unwrap();
    let result = upgrade(&cib);
    let same = |name| std::ptr::eq(cib.descend(&["configuration", name]).unwrap(), result.cib.descend(&["configuration", name]).unwrap());
    assert!(same("resources") && same("constraints"));
    assert!(Cib::new(&result.cib).configuration.constraints.iter().all(|c| !matches!(c, Constraint::Ticket(_))));
}
