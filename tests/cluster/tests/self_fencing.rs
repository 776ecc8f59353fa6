//! Hosts that end themselves: by a watchdog where nobody else can, and by a message on a shared disk.
//!
//! The watchdog is a real one to the host: a pipe whose other end cuts the host's power when it is not petted in time. The disk is
//! a loop device, made by Debian's `sbd` and written to by Debian's `fence_sbd`.

use lab::{Host, Lab, Settings, Stack, cib, dummy, eventually, missing, skip};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(120);

/// The watchdogs of a lab's hosts, outside of them.
#[derive(Clone, Default)]
struct Watchdogs {
    /// Whose power was cut, and who was disarmed.
    told: Arc<Mutex<Vec<String>>>,
}

impl Watchdogs {
    /// Gives a host that is on a watchdog, and settings that name it.
    fn give(&self, lab: &Lab, host: &Host, settings: &str) -> anyhow::Result<()> {
        host.run("mkfifo", &["/run/watchdog"])?;
        let text = format!("SYSTOLE_WATCHDOG=yes\nSBD_WATCHDOG_DEV=/run/watchdog\n{settings}\n");
        std::fs::write(host.path("/etc/default/systole").expect("the host is on"), text)?;
        let pipe = host.path("/run/watchdog").expect("the host is on");
        let pipe = OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32).open(pipe)?;
        let (hosts, name, told) = (Arc::clone(&lab.hosts), host.name.clone(), Arc::clone(&self.told));
        std::thread::spawn(move || {
            let host = hosts.iter().find(|host| host.name == name).expect("a host of the lab");
            let end = watch(pipe, host);
            told.lock().expect("nobody panics with it").push(format!("{end} {name}"));
        });
        Ok(())
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().expect("nobody panics with it").clone()
    }
}

/// Reads a pipe as a watchdog does; returns how that ended.
fn watch(mut pipe: std::fs::File, host: &Host) -> &'static str {
    let (mut timeout, mut petted) = (None, Instant::now());
    let mut buffer = [0; 256];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => {}
            Ok(length) => {
                petted = Instant::now();
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if let Some(told) = text.lines().find_map(|line| line.strip_prefix("timeout ")) {
                    timeout = told.trim_end_matches('V').parse().ok().map(Duration::from_millis);
                }
                if text.ends_with('V') {
                    return "disarmed";
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("the watchdog's pipe: {error}"),
        }
        if timeout.is_some_and(|timeout| petted.elapsed() > timeout) {
            host.crash();
            return "cut";
        }
        if !host.is_on() {
            return "off";
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn expect(lab: &Lab, what: &str, holds: impl FnMut() -> bool) {
    if !eventually(LIMIT, holds) {
        panic!("not within {LIMIT:?}: {what}\n{}", lab.story());
    }
}

fn signal(host: &Host, process: &str, signal: Signal) -> anyhow::Result<()> {
    let pid = Pid::from_raw(host.processes(process)[0] as i32).expect("a process number");
    Ok(kill_process(pid, signal)?)
}

/// A CIB without any fence device.
fn without_devices(options: &[(&str, &str)], resources: &str, constraints: &str) -> String {
    cib(options, resources, constraints).replace("<primitive id=\"fencing\" class=\"stonith\" type=\"fence_lab\"/>", "")
}

#[test]
fn a_lost_host_ends_itself_by_its_watchdog_before_others_run_what_it_ran() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("a_lost_host_ends_itself_by_its_watchdog_before_others_run_what_it_ran", &reason);
        return Ok(());
    }
    let lab = Lab::new(&Settings::hosts(3), Stack::Systole)?;
    let dogs = Watchdogs::default();
    for host in lab.hosts.iter() {
        dogs.give(&lab, host, "SBD_WATCHDOG_TIMEOUT=5")?;
    }
    lab.start_all()?;
    // Frozen resources are never stopped: only the watchdog ends what a host without quorum runs.
    let options = [("stonith-enabled", "true"), ("stonith-watchdog-timeout", "11s"), ("no-quorum-policy", "freeze")];
    let prefers = "<rsc_location id=\"l\" rsc=\"one\" node=\"node2\" score=\"50\"/>";
    lab.load(lab.host("node1"), &without_devices(&options, &dummy("one", "10s"), prefers))?;
    expect(&lab, "the resource runs", || lab.active("one") == ["node2"]);
    let facts = lab.tool(lab.host("node1"), "crm_attribute", &["--query", "--name", "have-watchdog", "--quiet"])?;
    assert_eq!(facts.trim(), "true");
    // Cut off: no device, no power button; nobody but the host itself can end it.
    lab.host("node2").cut_off()?;
    let twice = std::cell::Cell::new(false);
    expect(&lab, "the resource runs on the side with quorum", || {
        let seen = lab.active("one");
        twice.set(twice.get() || (seen.len() > 1 && lab.active("one") == seen));
        seen.iter().any(|name| name != "node2")
    });
    assert!(!twice.get() && lab.presses().is_empty(), "{}", lab.story());
    assert_eq!(dogs.told(), ["cut node2"], "{}", lab.story());
    // A daemon that stands still lets its host live no longer.
    let leader = lab.active("one")[0].clone();
    signal(lab.host(&leader), "systole node", Signal::STOP)?;
    expect(&lab, "its watchdog has ended it", || dogs.told().contains(&format!("cut {leader}")));
    // The last one has no quorum and runs nothing: there is no need to end.
    let last = lab.hosts.iter().find(|host| host.is_on()).expect("one is left");
    assert!(lab.active("one").is_empty() && !last.processes("systole node").is_empty());
    Ok(())
}

#[test]
fn a_host_that_cannot_keep_the_promised_time_does_not_take_part() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("a_host_that_cannot_keep_the_promised_time_does_not_take_part", &reason);
        return Ok(());
    }
    let lab = Lab::new(&Settings::hosts(3), Stack::Systole)?;
    let dogs = Watchdogs::default();
    dogs.give(&lab, lab.host("node1"), "SBD_WATCHDOG_TIMEOUT=5")?;
    dogs.give(&lab, lab.host("node2"), "SBD_WATCHDOG_TIMEOUT=15")?;
    lab.start_all()?;
    let prefers = "<rsc_location id=\"l\" rsc=\"one\" node=\"node2\" score=\"50\"/>";
    lab.load(lab.host("node1"), &cib(&[], &dummy("one", "10s"), prefers))?;
    expect(&lab, "the resource runs", || lab.active("one") == ["node2"]);
    lab.tool(lab.host("node1"), "crm_attribute", &["--name", "stonith-watchdog-timeout", "--update", "11s"])?;
    for (node, why) in [("node2", "too short for a watchdog of 15s"), ("node3", "this host has no watchdog")] {
        expect(&lab, "it has left", || lab.host(node).processes("systole agentd").is_empty());
        let log = lab.host(node).read("/var/log/systole.out");
        assert!(log.contains("does not take part") && log.contains(why), "{log}");
    }
    // In good order: what it ran has moved, nobody was fenced, and its watchdog sleeps.
    assert!(!lab.active("one").contains(&"node2".to_owned()));
    expect(&lab, "its watchdog is disarmed", || dogs.told().contains(&"disarmed node2".to_owned()));
    assert!(lab.presses().is_empty(), "{:?}", lab.presses());
    Ok(())
}

/// A loop device with sbd's layout; it ends with the test.
struct PoisonDisk(String, #[expect(dead_code, reason = "kept for as long as the device is over its file")] tempfile::TempDir);

impl PoisonDisk {
    fn new() -> Result<Self, String> {
        for file in ["/usr/sbin/sbd", "/usr/sbin/fence_sbd"] {
            if !std::path::Path::new(file).exists() {
                return Err(format!("needs {file}"));
            }
        }
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let file = folder.path().join("disk");
        std::fs::File::create(&file).and_then(|file| file.set_len(2 << 20)).map_err(|error| error.to_string())?;
        let output = std::process::Command::new("losetup").args(["--find", "--show"]).arg(&file).output();
        let output = output.ok().filter(|output| output.status.success()).ok_or("needs a loop device")?;
        let disk = Self(String::from_utf8_lossy(&output.stdout).trim().to_owned(), folder);
        disk.sbd(&["-1", "5", "-4", "11", "create"])?;
        Ok(disk)
    }

    fn sbd(&self, arguments: &[&str]) -> Result<String, String> {
        let output = std::process::Command::new("/usr/sbin/sbd").args(["-d", &self.0]).args(arguments).output();
        let output = output.map_err(|error| error.to_string())?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()).ok_or_else(|| format!("{output:?}"))
    }
}

impl Drop for PoisonDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("losetup").args(["-d", &self.0]).status();
    }
}

#[test]
fn debian_s_fence_sbd_ends_hosts_by_a_shared_disk() -> anyhow::Result<()> {
    const NAME: &str = "debian_s_fence_sbd_ends_hosts_by_a_shared_disk";
    let disk = match missing().map_or_else(PoisonDisk::new, Err) {
        Ok(disk) => disk,
        Err(reason) => {
            skip(NAME, &reason);
            return Ok(());
        }
    };
    let lab = Lab::new(&Settings::hosts(2), Stack::Systole)?;
    let dogs = Watchdogs::default();
    for host in lab.hosts.iter() {
        // The watchdog's time is read from the disk.
        dogs.give(&lab, host, &format!("SBD_DEVICE={}", disk.0))?;
    }
    lab.start_all()?;
    let device = format!(
        "<primitive id=\"pill\" class=\"stonith\" type=\"fence_sbd\"><instance_attributes id=\"pill-i\">\
         <nvpair id=\"pill-d\" name=\"devices\" value=\"{}\"/></instance_attributes></primitive>",
        disk.0
    );
    let prefers = "<rsc_location id=\"l\" rsc=\"one\" node=\"node2\" score=\"50\"/>";
    // Who runs the resource shoots at once, the other much later: else each would end the other.
    let options = [("stonith-enabled", "true"), ("stonith-timeout", "60s"), ("priority-fencing-delay", "30s")];
    let resource = dummy("one", "10s").replace(
        "<operations>",
        "<meta_attributes id=\"m\"><nvpair id=\"m-p\" name=\"priority\" value=\"10\"/></meta_attributes><operations>",
    );
    lab.load(lab.host("node1"), &without_devices(&options, &(device + &resource), prefers))?;
    expect(&lab, "the resource runs", || lab.active("one") == ["node2"]);
    let list = disk.sbd(&["list"]).map_err(anyhow::Error::msg)?;
    assert!(list.contains("node1\tclear") && list.contains("node2\tclear"), "{list}");
    disk.sbd(&["message", "node2", "test"]).map_err(anyhow::Error::msg)?;
    expect(&lab, "the test message is heard", || lab.host("node2").read("/var/log/systole.out").contains("received test from"));
    // A split of two nodes, both with quorum: whoever is shot obeys the disk, for nothing else reaches it.
    lab.host("node2").cut_off()?;
    expect(&lab, "the other has ended itself", || !lab.host("node1").is_on());
    assert!(lab.active("one") == ["node2"] && lab.presses().is_empty(), "{}", lab.story());
    expect(&lab, "the message counts as obeyed", || {
        let log = lab.host("node2").read("/var/log/systole.out");
        log.lines().any(|line| line.contains("targeting node1 by node2") && line.contains("OK"))
    });
    let list = disk.sbd(&["list"]).map_err(anyhow::Error::msg)?;
    assert!(list.contains("\treset\t"), "{list}\n{}", lab.story());
    // It comes back, and is to start clean: not while the message that ended it lies in its mailbox.
    let (first, second) = (lab.host("node1"), lab.host("node2"));
    second.reconnect()?;
    first.boot()?;
    dogs.give(&lab, first, &format!("SBD_DEVICE={}\nSBD_STARTMODE=clean", disk.0))?;
    lab.start(first)?;
    expect(&lab, "it does not start", || {
        first.read("/var/log/systole.out").contains("SBD_STARTMODE=clean") && first.processes("systole agentd").is_empty()
    });
    disk.sbd(&["message", "node1", "clear"]).map_err(anyhow::Error::msg)?;
    lab.start_daemon(first)?;
    lab.expect_online(&["node1", "node2"]);
    // `exit`: it leaves in good order, and its host stays on. `off`: the host ends.
    disk.sbd(&["message", "node1", "exit"]).map_err(anyhow::Error::msg)?;
    expect(&lab, "it has left", || first.processes("systole agentd").is_empty());
    expect(&lab, "its watchdog is disarmed", || dogs.told().contains(&"disarmed node1".to_owned()));
    assert!(first.is_on() && lab.active("one") == ["node2"], "{}", lab.story());
    disk.sbd(&["message", "node2", "off"]).map_err(anyhow::Error::msg)?;
    expect(&lab, "it has ended", || !second.is_on());
    assert!(second.read("/var/log/systole.out").contains("received off from"), "{}", lab.story());
    assert!(lab.presses().is_empty(), "{:?}", lab.presses());
    Ok(())
}
