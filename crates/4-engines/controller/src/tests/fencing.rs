//! What a fencing ends, and what follows when it fails.

use super::*;

#[test]
fn fencing_supersedes_what_is_under_way_on_its_target() {
    let mut rig = Rig::new();
    rig.plan(&["1 do stop web node2", "2 do start db node3"]);
    assert_eq!(
        rig.event(Event::NodeLost { node: "node2".into() }),
        ["write node2 in=Some(false) join=down expected=-, node2 drop attributes", "calculate"]
    );
    let lines = rig.plan(&["1 cluster stonith - node2", "2 do start web node1 after 1"]);
    assert_eq!(lines, ["fence node2 reboot"]);
    assert_eq!(
        rig.event(node2_fenced()),
        [
            "write node2 in=Some(false) join=down expected=down, node2 drop history, node2 drop attributes, node1 web_start_0 pending",
            "node1: web_start_0 [2]"
        ]
    );
    assert_eq!(rig.ends((1, 1), "stop web node2", 0), Vec::<String>::new(), "what the dead host says is void");
    assert_eq!(rig.ends((1, 2), "start db node3", 0), ["write node3 db_start_0=0", "calculate"], "what an earlier plan began still counts");
}

#[test]
fn a_failed_fencing_starts_nothing_elsewhere() {
    let mut rig = Rig::new();
    rig.plan(&["1 cluster stonith - node2", "2 do start web node1 after 1"]);
    let end = FencingEnd {
        target: "node2".into(),
        action: "reboot".into(),
        incarnation: None,
        error: Some("no device".into()),
        adrift: vec![],
        by: None,
    };
    assert_eq!(rig.event(Event::FencingEnded(end)), ["ended false", "calculate"]);
}

#[test]
fn a_fence_device_that_keeps_failing_is_not_stormed() {
    let mut rig = Rig::new();
    let failed = || {
        Event::FencingEnded(FencingEnd {
            target: "node2".into(),
            action: "reboot".into(),
            incarnation: None,
            error: Some("broken".into()),
            adrift: vec![],
            by: None,
        })
    };
    let asks = |lines: &[String]| lines.iter().any(|line| line.contains("fence"));
    assert!(asks(&rig.plan(&["1 cluster stonith - node2"])));
    let _ = rig.event(failed());
    assert!(asks(&rig.plan(&["1 cluster stonith - node2"])), "the first retry is at once");
    let _ = rig.event(failed());
    assert!(!asks(&rig.plan(&["1 cluster stonith - node2"])), "the second waits");
    assert!(asks(&rig.at(1)), "for a second");
    let _ = rig.event(failed());
    assert!(!asks(&rig.plan(&["1 cluster stonith - node2"])));
    assert!(!asks(&rig.at(2)));
    assert!(asks(&rig.at(3)), "then for two");
}
