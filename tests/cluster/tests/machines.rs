//! A virtual machine under `VirtualDomain`, with libvirt and QEMU (which emulates, so that no privilege of the machine below is needed):
//! it moves while it runs, and is started again where its host crashes. What runs is told by QEMU's processes.

use lab::{Host, Lab, Settings, Stack, Trace, cib, missing, primitive, skip};
use std::path::Path;

const GUEST: Trace = Trace::Process("qemu-system-x86_64");

fn prepare(host: &Host, number: usize) -> anyhow::Result<()> {
    host.install()?;
    host.script(include_str!("machines/libvirt.sh"), &[("UUID", &format!("6f1a0f2e-5d0c-4c2b-8f6e-00000000000{number}"))]).map(drop)
}

#[test]
fn a_virtual_machine_moves_while_it_runs_and_outlives_its_host() -> anyhow::Result<()> {
    const NAME: &str = "a_virtual_machine_moves_while_it_runs_and_outlives_its_host";
    let needed = ["/usr/sbin/libvirtd", "/usr/bin/virsh", "/usr/bin/qemu-system-x86_64", "/usr/lib/ocf/resource.d/heartbeat/VirtualDomain"];
    let absent = needed.into_iter().find(|file| !Path::new(file).exists()).map(|file| format!("{file} is not installed"));
    if let Some(reason) = missing().or(absent) {
        skip(NAME, &reason);
        return Ok(());
    }
    let lab = Lab::new(&Settings::hosts(3), Stack::Systole)?;
    for (host, number) in lab.hosts.iter().zip(1..) {
        prepare(host, number)?;
    }
    let operations =
        [("start", "0", None), ("stop", "0", None), ("migrate_to", "0", None), ("migrate_from", "0", None), ("monitor", "3s", None)];
    let values = [
        ("config", "/srv/guest.xml"),
        ("hypervisor", "qemu:///system"),
        ("migration_transport", "tcp"),
        ("force_stop", "true"),
        ("autoset_utilization_cpu", "true"),
        ("autoset_utilization_host_memory", "true"),
    ];
    let guest = primitive("guest", ("heartbeat", "VirtualDomain"), &values, &operations);
    let meta = "<meta_attributes id=\"guest-m\"><nvpair id=\"guest-a\" name=\"allow-migrate\" value=\"true\"/></meta_attributes>";
    let guest = guest.replacen("<operations>", &format!("{meta}<operations>"), 1);
    lab.start_all()?;
    lab.load(lab.host("node1"), &cib(&[("stonith-enabled", "true")], &guest, ""))?;
    lab.expect("the machine runs", || GUEST.seen(&lab).len() == 1);
    let node1 = lab.host("node1");
    lab.expect("the agent has told what it needs", || {
        ["cpu", "host_memory"].iter().zip(["1", "24"]).all(|(name, value)| {
            let told = lab.tool(node1, "crm_resource", &["-Q", "-r", "guest", "-z", "-g", name]);
            told.is_ok_and(|text| text.trim() == value)
        })
    });
    lab.tool(node1, "crm_resource", &["--wait", "--timeout", "60s"])?;
    let first = GUEST.seen(&lab).pop().expect("it runs");
    let target = lab.hosts.iter().find(|host| host.name != first).expect("there are others");
    // What it has counted since it was started goes with it; one that is started anew has a younger process and nothing of the kind.
    lab.tool(node1, "crm_resource", &["--move", "-r", "guest", "-N", &target.name])?;
    lab.expect("it runs there", || GUEST.seen(&lab) == [target.name.clone()]);
    lab.tool(node1, "crm_resource", &["--wait", "--timeout", "60s"])?;
    let console = target.read("/var/log/libvirt/qemu/guest.log");
    assert!(console.contains("-incoming"), "it was started, not received: {console}\n{}", lab.story());
    target.crash();
    lab.expect("it runs again elsewhere", || GUEST.seen(&lab).first().is_some_and(|name| *name != target.name));
    Ok(())
}
