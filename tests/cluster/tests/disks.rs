//! A file system on a disk that hosts share, for one of them at a time: a group of `sfex` (a lock on another disk), `Filesystem` and a
//! Redis that keeps its data there. The disks are loop devices, which every host sees; what is mounted is looked at from outside.

use lab::{Host, Lab, Settings, Stack, Trace, cib, missing, primitive, skip};
use std::path::Path;
use std::process::Command;

/// A loop device over a file; it ends with the test.
struct Disk(String, #[expect(dead_code, reason = "kept for as long as the device is over its file")] tempfile::TempDir);

impl Disk {
    /// Makes a disk of so many megabytes, and lets a command write on it that gets the device as its last argument.
    fn new(megabytes: u64, format: &[&str]) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let file = folder.path().join("disk");
        std::fs::File::create(&file).and_then(|file| file.set_len(megabytes << 20)).map_err(|error| error.to_string())?;
        let output = Command::new("losetup").args(["--find", "--show"]).arg(&file).output();
        let output = output.ok().filter(|output| output.status.success()).ok_or("needs a loop device")?;
        let disk = Self(String::from_utf8_lossy(&output.stdout).trim().to_owned(), folder);
        let formatted =
            Command::new(format[0]).args(&format[1..]).arg(&disk.0).output().map_err(|error| format!("{}: {error}", format[0]))?;
        formatted.status.success().then_some(disk).ok_or_else(|| String::from_utf8_lossy(&formatted.stderr).into_owned())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["-d", &self.0]).status();
    }
}

/// The disk of the lock, and that of the data.
fn disks() -> Result<(Disk, Disk), String> {
    for file in ["/usr/bin/redis-server", "/usr/sbin/sfex_init", "/usr/lib/ocf/resource.d/heartbeat/sfex"] {
        if !Path::new(file).exists() {
            return Err(format!("{file} is not installed"));
        }
    }
    Ok((Disk::new(1, &["/usr/sbin/sfex_init", "-n", "1"])?, Disk::new(32, &["mkfs.ext4", "-q"])?))
}

/// Each write is on the disk before it is acknowledged. `sfex_daemon` does not begin where it could not reset the host; on a kernel that has
/// no such file it is shown another one in the place of `/proc/sysrq-trigger`.
const CONFIGURATION: &str = "[ -e /proc/sysrq-trigger ] || {
    touch /run/lab/sysrq-trig
    sed -i 's|/proc/sysrq-trigger|/run/lab/sysrq-trig|' /usr/libexec/heartbeat/sfex_daemon
}
mkdir -p /run/redis /srv/shared
printf 'dir /srv/shared\nlogfile /var/log/redis.log\nsave \"\"\nappendonly yes\nappendfsync always\n' >/etc/redis/shared.conf
chown redis:redis /run/redis; touch /var/log/redis.log; chown redis:redis /var/log/redis.log";

fn group(lock: &Disk, data: &Disk) -> String {
    let watched = |more: &[&'static str]| {
        let once: Vec<_> = ["start", "stop"].iter().chain(more).map(|name| (*name, "0", None)).collect();
        [once, vec![("monitor", "3s", None)]].concat()
    };
    let timing = [("collision_timeout", "1"), ("monitor_interval", "1"), ("lock_timeout", "4")];
    let lock = primitive("lock", ("heartbeat", "sfex"), &[&[("device", lock.0.as_str())], &timing[..]].concat(), &watched(&[]));
    let values = [("device", data.0.as_str()), ("directory", "/srv/shared"), ("fstype", "ext4"), ("force_unmount", "safe")];
    let files = primitive("files", ("heartbeat", "Filesystem"), &values, &watched(&[]));
    let values = [("config", "/etc/redis/shared.conf"), ("rundir", "/run/redis"), ("user", "root")];
    let service = primitive("service", ("heartbeat", "redis"), &values, &watched(&[]));
    format!("<group id=\"shared\">{lock}{files}{service}</group>")
}

#[test]
fn a_shared_disk_is_mounted_on_one_host_at_a_time() -> anyhow::Result<()> {
    const NAME: &str = "a_shared_disk_is_mounted_on_one_host_at_a_time";
    let (lock, data) = match missing().map_or_else(disks, Err) {
        Ok(disks) => disks,
        Err(reason) => {
            skip(NAME, &reason);
            return Ok(());
        }
    };
    let lab = Lab::new(&Settings::hosts(3), Stack::Systole)?;
    for host in lab.hosts.iter() {
        host.install()?;
        host.script(CONFIGURATION, &[])?;
    }
    lab.start_all()?;
    let mounted = Trace::Text("/proc/1/mounts", "/srv/shared");
    let alone = [mounted, Trace::Process("redis-server"), Trace::Process("sfex_daemon")];
    let ask = |host: &Host, command: &str| {
        let line = format!("timeout 10 redis-cli -s /run/redis/redis.sock {command}");
        host.script(&line, &[]).ok().map(|text| text.trim().to_owned())
    };
    let serving =
        || mounted.seen(&lab).first().map(|name| lab.host(name)).filter(|host| ask(host, "ping").is_some_and(|text| text == "PONG"));
    lab.never_twice(&alone, || {
        lab.load(lab.host("node1"), &cib(&[("stonith-enabled", "true")], &group(&lock, &data), ""))?;
        lab.expect("a host has it", || serving().is_some());
        let first = serving().map(|host| host.name.clone()).expect("a host has it");
        for line in 1..=20 {
            assert_eq!(ask(lab.host(&first), &format!("sadd kept {line}")).as_deref(), Some("1"), "{}", lab.story());
        }
        lab.host(&first).crash();
        let count = || serving().filter(|host| host.name != first).and_then(|host| ask(host, "scard kept"));
        lab.expect("another host has all that was written", || count().as_deref() == Some("20"));
        // And back without a crash: what holds the mount ends first.
        let second = serving().map(|host| host.name.clone()).expect("a host has it");
        let asked = lab.nodes().iter().find(|host| host.is_on() && host.name != second).expect("one is left");
        lab.tool(asked, "crm_resource", &["--ban", "-r", "shared", "-N", &second])?;
        lab.expect("the last host has it all", || {
            serving().is_some_and(|host| host.name == asked.name) && count().as_deref() == Some("20")
        });
        Ok(())
    })?;
    Ok(())
}
