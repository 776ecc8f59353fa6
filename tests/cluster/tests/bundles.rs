//! Bundles on real hosts: containers of Debian's podman under its unmodified agent, with a service inside each.

use anyhow::Context;
use lab::{Host, Lab, Settings, Stack, cib, dummy, eventually, missing, program, skip};
use std::path::PathBuf;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const OPTIONS: &[(&str, &str)] = &[("stonith-enabled", "true")];
/// What every container sees of its own below this folder of its host.
const STATES: &str = "/var/tmp/states";

/// Where `cargo xtask test` unpacks what must not be installed beside Pacemaker.
fn pacemaker_remoted() -> Option<PathBuf> {
    let target = program().ancestors().nth(2)?.to_owned();
    Some(target.join("debian/pacemaker-remote/usr/sbin/pacemaker-remoted")).filter(|path| path.exists())
}

/// Lets containers be made on a host, and makes the image: nearly empty, the programs are the host's.
///
/// The machine may itself be a sandbox without a container's usual rights: no control groups, and limits as they are.
const PREPARE: &str = r#"
set -e
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
mkdir -p /etc/containers /etc/pacemaker /run/containers
printf '[storage]\ndriver = "vfs"\nrunroot = "/run/containers/storage"\ngraphroot = "/tmp/containers"\n' >/etc/containers/storage.conf
printf '[containers]\ncgroups = "disabled"\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n' >/etc/containers/containers.conf
mkdir -p /tmp/image && cd /tmp/image
mkdir -p dev etc opt proc root run/crm run/resource-agents run/lock sys tmp usr var/lib/pacemaker/blackbox var/lib/pacemaker/cores var/log/pacemaker
ln -sf usr/bin usr/lib usr/lib64 usr/sbin .
ln -sf /run var/run
cp /etc/passwd /etc/group /etc/ld.so.cache /etc/nsswitch.conf etc/
tar -c . | podman import - localhost/base
printf lab-key >/etc/pacemaker/authkey && chgrp haclient /etc/pacemaker/authkey && chmod 640 /etc/pacemaker/authkey
"#;

fn lacks() -> Option<String> {
    let podman = || (!PathBuf::from("/usr/bin/podman").exists()).then(|| "podman is not installed".to_owned());
    let agent =
        || (!PathBuf::from("/usr/lib/ocf/resource.d/heartbeat/podman").exists()).then(|| "resource-agents is not installed".to_owned());
    missing().or_else(podman).or_else(agent)
}

fn expect(lab: &Lab, what: &str, holds: impl FnMut() -> bool) {
    if !eventually(LIMIT, holds) {
        let told = lab.nodes().iter().find(|host| host.is_on()).and_then(|host| lab.tool(host, "crm_mon", &["-1rf"]).ok());
        panic!("not within {LIMIT:?}: {what}\n{}\n{}", told.unwrap_or_default(), lab.story());
    }
}

/// A bundle of two replicas, on a host each and in its host's network, with this resource inside.
fn bundle(id: &str, network: &str, command: &str, folder: &str, inside: &str) -> String {
    let map = |name: &str, source: &str, target: &str, options: &str| {
        format!("<storage-mapping id=\"{id}-{name}\" {source} target-dir=\"{target}\" options=\"{options}\"/>")
    };
    let maps = map("usr", "source-dir=\"/usr\"", "/usr", "ro")
        + &map("program", &format!("source-dir=\"{folder}\""), folder, "ro")
        + &map("state", &format!("source-dir-root=\"{STATES}\""), "/srv", "rw");
    format!(
        "<bundle id=\"{id}\"><podman image=\"localhost/base\" replicas=\"2\" network=\"host\" run-command=\"{command}\"/>\
         <network {network}/><storage>{maps}</storage>{inside}</bundle>"
    )
}

/// Returns the hosts on which the service inside a bundle is active, as its traces on their disks say.
fn active(lab: &Lab, bundle: &str, service: &str) -> Vec<String> {
    let is_there = |host: &Host| (0..2).any(|number| host.has(&format!("{STATES}/{bundle}-{number}/{service}.state")));
    lab.nodes().iter().filter(|host| host.is_on() && is_there(host)).map(|host| host.name.clone()).collect()
}

/// Returns the hosts on which this replica's container runs.
fn contained(lab: &Lab, replica: &str) -> Vec<String> {
    let runs = |host: &Host| host.processes("conmon").iter().any(|pid| command_line(*pid).contains(replica));
    lab.nodes().iter().filter(|host| host.is_on() && runs(host)).map(|host| host.name.clone()).collect()
}

fn command_line(pid: u32) -> String {
    std::fs::read(format!("/proc/{pid}/cmdline")).map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).unwrap_or_default()
}

fn operations(id: &str) -> String {
    format!("<operations><op id=\"{id}-monitor\" name=\"monitor\" interval=\"1s\" timeout=\"20s\"/></operations>")
}

fn state(id: &str) -> String {
    format!("<instance_attributes id=\"{id}-i\"><nvpair id=\"{id}-state\" name=\"state\" value=\"/srv/{id}.state\"/></instance_attributes>")
}

/// Three hosts that can make containers, the cluster not started yet.
fn hosts() -> anyhow::Result<Lab> {
    let lab = Lab::new(&Settings::hosts(3), Stack::Systole)?;
    lab.nodes().iter().try_for_each(|host| host.script(PREPARE, &[]).map(drop))?;
    Ok(lab)
}

#[test]
fn a_bundle_with_the_field_s_remote_side_runs_recovers_and_moves() -> anyhow::Result<()> {
    const NAME: &str = "a_bundle_with_the_field_s_remote_side_runs_recovers_and_moves";
    let remoted = pacemaker_remoted();
    if let Some(reason) = lacks().or_else(|| remoted.is_none().then(|| "pacemaker-remote is not unpacked: cargo xtask test".to_owned())) {
        skip(NAME, &reason);
        return Ok(());
    }
    let lab = hosts()?;
    for host in lab.nodes() {
        std::fs::create_dir_all(host.path("/opt/remote").context("the host is on")?)?;
        std::fs::copy(
            remoted.as_ref().context("it was looked for")?,
            host.path("/opt/remote/pacemaker-remoted").context("the host is on")?,
        )?;
    }
    lab.start_all()?;
    let inside = format!(
        "<primitive id=\"one\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\">{}{}</primitive>",
        state("one"),
        operations("one")
    );
    let web = bundle(
        "web",
        "ip-range-start=\"10.77.0.100\" host-interface=\"eth0\" host-netmask=\"24\"",
        "/opt/remote/pacemaker-remoted",
        "/opt/remote",
        &inside,
    );
    lab.load(lab.host("node1"), &cib(OPTIONS, &(web + &dummy("beside", "10s")), ""))?;
    expect(&lab, "both replicas run, on a host each", || active(&lab, "web", "one").len() == 2);
    lab.tool(lab.host("node1"), "crm_resource", &["--wait"])?;
    let shown =
        || lab.nodes().iter().find(|host| host.is_on()).and_then(|host| lab.tool(host, "crm_mon", &["-1rf"]).ok()).unwrap_or_default();
    let line = "Container bundle set: web [localhost/base]";
    assert!(shown().contains(line) && shown().contains("web-0 (10.77.0.100)"), "{}", shown());

    // What fails inside is recovered inside: the container stays.
    let homes = contained(&lab, "web-podman-0");
    assert_eq!(homes.len(), 1, "{}", lab.story());
    let home = lab.host(&homes[0]);
    let keepers = home.processes("conmon");
    let trace = home.path(&format!("{STATES}/web-0/one.state")).context("the host is on")?;
    std::fs::remove_file(&trace)?;
    expect(&lab, "the service is recovered", || trace.exists());
    expect(&lab, "the failure is counted inside", || shown().contains("fail-count=1"));
    assert_eq!(home.processes("conmon"), keepers, "the container was restarted\n{}", lab.story());

    // Pacemaker's tools in the container reach the cluster, and know where they are.
    let within = |call: &[&str]| home.run("podman", &[&["exec", "web-podman-0"], call].concat());
    assert_eq!(within(&["crm_node", "-n"])?.trim(), "web-0", "{}", lab.story());
    within(&["attrd_updater", "-n", "colour", "-U", "green"])?;
    let told = lab.tool(lab.host("node1"), "attrd_updater", &["-n", "colour", "-Q", "-N", "web-0"])?;
    assert!(told.contains("green"), "{told}\n{}", lab.story());

    // The container ends by itself: it is started anew, and the service in it. Nobody is fenced.
    std::fs::remove_file(&trace)?;
    home.run("podman", &["kill", "web-podman-0"])?;
    expect(&lab, "container and service are recovered", || {
        contained(&lab, "web-podman-0").len() == 1 && active(&lab, "web", "one").len() == 2
    });
    assert!(lab.presses().is_empty(), "{:?}\n{}", lab.presses(), lab.story());

    // Its failures are forgotten by the bundle's name, and by that name it is started anew as a whole.
    lab.tool(lab.host("node1"), "crm_resource", &["--cleanup", "--resource", "web"])?;
    expect(&lab, "no failure is known", || !shown().contains("fail-count"));
    let before: Vec<Vec<u32>> = lab.nodes().iter().map(|host| host.processes("conmon")).collect();
    lab.tool(lab.host("node1"), "crm_resource", &["--restart", "--resource", "web"])?;
    expect(&lab, "both run again", || active(&lab, "web", "one").len() == 2);
    let after: Vec<Vec<u32>> = lab.nodes().iter().map(|host| host.processes("conmon")).collect();
    assert!(before.iter().zip(&after).all(|(before, after)| before.iter().all(|pid| !after.contains(pid))), "{before:?} {after:?}");

    // The host of a container dies: it is fenced, and the replica runs on the host that has none.
    lab.tool(lab.host("node1"), "crm_resource", &["--wait"])?;
    let lost = contained(&lab, "web-podman-1").remove(0);
    let other = contained(&lab, "web-podman-0").remove(0);
    lab.host(&lost).crash();
    expect(&lab, "the replica runs elsewhere", || {
        let homes = contained(&lab, "web-podman-1");
        homes.len() == 1 && homes[0] != lost && homes[0] != other && active(&lab, "web", "one").len() == 2
    });
    let pressed: Vec<String> = lab.presses().into_iter().map(|(_, press)| press).collect();
    assert_eq!(pressed, [format!("reboot {lost}")], "{}", lab.story());

    // Disabled, it ends with everything in it.
    let tool = lab.host(&other);
    lab.tool(tool, "crm_resource", &["--resource", "web", "--meta", "--set-parameter", "target-role", "--parameter-value", "Stopped"])?;
    expect(&lab, "nothing of it is left", || contained(&lab, "web-podman").is_empty() && active(&lab, "web", "one").is_empty());
    Ok(())
}

#[test]
fn a_bundle_with_our_remote_side_promotes_one_of_its_replicas() -> anyhow::Result<()> {
    if let Some(reason) = lacks() {
        skip("a_bundle_with_our_remote_side_promotes_one_of_its_replicas", &reason);
        return Ok(());
    }
    let lab = hosts()?;
    // Agents in containers are to find our tools where they look for Pacemaker's.
    lab.nodes().iter().try_for_each(Host::install)?;
    lab.start_all()?;
    let inside = format!(
        "<primitive id=\"db\" class=\"ocf\" provider=\"pacemaker\" type=\"Stateful\">{}<operations>\
         <op id=\"db-m1\" name=\"monitor\" interval=\"1s\" timeout=\"20s\" role=\"Promoted\"/>\
         <op id=\"db-m2\" name=\"monitor\" interval=\"2s\" timeout=\"20s\" role=\"Unpromoted\"/></operations></primitive>",
        state("db")
    );
    let folder = program().parent().context("it is in a folder")?.to_string_lossy().into_owned();
    let data = bundle("data", "control-port=\"3122\"", &format!("{} remote --port 3122", program().display()), &folder, &inside)
        .replace("replicas=", "promoted-max=\"1\" replicas=");
    lab.load(lab.host("node1"), &cib(OPTIONS, &data, ""))?;
    let promoted = || -> Vec<String> {
        let role = |host: &Host, number: usize| {
            host.path(&format!("{STATES}/data-{number}/db.state")).and_then(|path| std::fs::read_to_string(path).ok())
        };
        let is_promoted = |host: &Host| (0..2).any(|number| role(host, number).is_some_and(|role| role.trim() == "Promoted"));
        lab.nodes().iter().filter(|host| host.is_on() && is_promoted(host)).map(|host| host.name.clone()).collect()
    };
    expect(&lab, "both run, and one is promoted", || active(&lab, "data", "db").len() == 2 && promoted().len() == 1);
    lab.tool(lab.host("node1"), "crm_resource", &["--wait"])?;
    let first = promoted().remove(0);
    let told = lab.tool(lab.host("node1"), "crm_mon", &["-1"])?;
    assert!(told.contains(&format!("Promoted {first}")) && told.contains("GuestOnline: [ data-0 data-1 ]"), "{told}");

    // Its host dies: the other replica is promoted, once that is certain.
    lab.host(&first).crash();
    expect(&lab, "the other is promoted", || promoted().len() == 1 && promoted()[0] != first);
    let pressed: Vec<String> = lab.presses().into_iter().map(|(_, press)| press).collect();
    assert_eq!(pressed, [format!("reboot {first}")], "{}", lab.story());
    Ok(())
}
