//! Units as resources against a real systemd: one of its own, as process 1 of namespaces made here, with its own bus.
//!
//! Needs root (or the right to make namespaces), systemd, dbus-daemon and nsenter; skipped by name where it does not start.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const SYSTOLE: &str = env!("CARGO_BIN_EXE_systole");
const PATIENCE: Duration = Duration::from_secs(60);

/// The units of the machine; none has a dependency on what a real machine has.
const UNITS: &[(&str, &str)] = &[
    ("test.target", "[Unit]\nDefaultDependencies=no\nWants=dbus.service\n"),
    ("dbus.socket", "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/dbus/system_bus_socket\n"),
    (
        "dbus.service",
        "[Unit]\nDefaultDependencies=no\nRequires=dbus.socket\n[Service]\nType=notify\n\
         ExecStart=dbus-daemon --config-file=/run/bus.conf --address=systemd: --nofork --nopidfile --systemd-activation\n",
    ),
    ("plain.service", "[Unit]\nDescription=A plain <service>\nDefaultDependencies=no\n[Service]\nRestart=always\nExecStart=sleep 1000\n"),
    ("slow.service", "[Unit]\nDefaultDependencies=no\n[Service]\nExecStartPre=sleep 1.5\nExecStart=sleep 1000\n"),
    ("endless.service", "[Unit]\nDefaultDependencies=no\n[Service]\nTimeoutStartSec=1000\nExecStartPre=sleep 900\nExecStart=sleep 1000\n"),
    ("broken.service", "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=false\n"),
    ("data.mount", "[Unit]\nDefaultDependencies=no\n[Mount]\nWhat=none\nType=tmpfs\nWhere=/data\n"),
];

const BUS: &str = "<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>\
    <policy context='default'><allow user='*'/><allow own='*'/><allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/></policy></busconfig>";

/// What the shell does before systemd takes its place; `$1` is the folder with units and the bus's configuration.
const BOOT: &str = "set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/dbus /run/lock
cp $1/units/* /run/systemd/system/
cp $1/bus.conf /run/
if [ -d /sys/fs/cgroup/systemd ]; then
    mount -t tmpfs tmpfs /sys/fs/cgroup
    mkdir /sys/fs/cgroup/systemd /sys/fs/cgroup/unified
    mount -t cgroup -o none,name=systemd,xattr cgroup /sys/fs/cgroup/systemd
    mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
else
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
export container=test SYSTEMD_LOG_TARGET=console SYSTEMD_UNIT_PATH=/run/systemd/system
exec /lib/systemd/systemd --system --unit=test.target --show-status=no";

/// A machine in namespaces.
struct Machine {
    shell: Child,
    /// Process 1 of the machine, by its number outside.
    init: String,
    folder: tempfile::TempDir,
    cgroups: Vec<PathBuf>,
}

impl Machine {
    /// Boots it, or says why it does not boot here.
    fn boot() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("it needs root".to_owned());
        }
        for program in ["/lib/systemd/systemd", "/usr/bin/dbus-daemon", "/usr/bin/nsenter", "/usr/bin/unshare"] {
            if !Path::new(program).exists() {
                return Err(format!("there is no {program}"));
            }
        }
        let folder = tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir().unwrap();
        std::fs::create_dir(folder.path().join("units")).unwrap();
        for (name, text) in UNITS {
            std::fs::write(folder.path().join("units").join(name), text).unwrap();
        }
        std::fs::write(folder.path().join("bus.conf"), BUS).unwrap();
        // A control group of its own, so that what systemd makes there can be removed afterwards.
        let name = format!("systole-test-{}", std::process::id());
        let holders = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(PathBuf::from);
        let holders = holders.into_iter().filter(|path| path.join("cgroup.procs").exists());
        let cgroups: Vec<PathBuf> = holders.map(|path| path.join(&name)).filter(|path| std::fs::create_dir(path).is_ok()).collect();
        if cgroups.is_empty() {
            return Err("no control group can be made".to_owned());
        }
        let enter: String = cgroups.iter().map(|path| format!("echo $$ > {}/cgroup.procs; ", path.display())).collect();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let shell = Command::new("sh")
            .arg("-c")
            .arg(format!(
                "{enter} exec unshare --pid --fork --mount --mount-proc --uts --ipc --net --cgroup --kill-child sh -c \"$0\" sh \"$1\""
            ))
            .arg(BOOT)
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut machine = Self { shell, init: String::new(), folder, cgroups };
        let begun = Instant::now();
        loop {
            if let Ok(Some(status)) = machine.shell.try_wait() {
                return Err(format!("it ended with {status}: {}", machine.log()));
            }
            let children = format!("/proc/{0}/task/{0}/children", machine.shell.id());
            machine.init = std::fs::read_to_string(children).unwrap_or_default().trim().to_owned();
            if !machine.init.is_empty() && machine.unit("monitor", "dbus.service").status.code() == Some(0) {
                return Ok(machine);
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("its bus did not answer: {}", machine.log()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Returns a command that runs inside.
    fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.init, "-m", "-p", "-n", "--", program]).stdin(Stdio::null());
        command
    }

    fn unit_of(&self, class: &str, action: &str, unit: &str) -> Command {
        // The root role bounds the time of each call; here somebody else has to.
        let mut command = self.inside("timeout");
        command.args(["60", SYSTOLE, "systemd-unit", class, action, unit]);
        command
    }

    fn unit(&self, action: &str, unit: &str) -> Output {
        self.unit_of("systemd", action, unit).output().unwrap()
    }

    /// Checks the exit code of an action, and what its reason contains.
    fn expect(&self, action: &str, unit: &str, code: i32, reason: &str) {
        let output = self.unit(action, unit);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{action} {unit}: {said}{}", self.log());
        assert!(said.contains(reason), "{action} {unit}: {said}");
    }

    fn systemctl(&self, arguments: &[&str]) -> String {
        String::from_utf8_lossy(&self.inside("systemctl").args(arguments).output().unwrap().stdout).into_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The machine ends with the program that made its namespaces.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        let begun = Instant::now();
        for cgroup in &self.cgroups {
            while remove(cgroup).is_err() && begun.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Removes a control group with all below it; fails while a process of it is still ending.
fn remove(cgroup: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(cgroup)?.flatten().filter(|entry| entry.path().is_dir()) {
        remove(&entry.path())?;
    }
    std::fs::remove_dir(cgroup)
}

#[test]
fn units_of_a_real_systemd_are_started_watched_and_stopped() {
    let machine = match Machine::boot() {
        Ok(machine) => machine,
        Err(reason) => {
            println!("skipped: units_of_a_real_systemd_are_started_watched_and_stopped: {reason}");
            return;
        }
    };
    const DROP_IN: &str = "/run/systemd/system/plain.service.d/50-pacemaker.conf";
    let drop_in = || machine.inside("cat").arg(DROP_IN).output().unwrap().stdout;

    // A whole life; while the cluster runs it, systemd does not restart it.
    machine.expect("monitor", "plain", 7, "inactive");
    machine.expect("start", "plain", 0, "");
    machine.expect("start", "plain", 0, "");
    machine.expect("monitor", "plain.service", 0, "");
    assert!(String::from_utf8_lossy(&drop_in()).contains("Restart=no"));
    let shown = machine.systemctl(&["show", "-p", "Restart", "-p", "Description", "plain.service"]);
    assert!(shown.contains("Restart=no") && shown.contains("Cluster Controlled plain.service"), "{shown}");
    machine.systemctl(&["kill", "--signal=KILL", "plain.service"]);
    let begun = Instant::now();
    while machine.unit("monitor", "plain").status.code() != Some(7) {
        assert!(begun.elapsed() < PATIENCE, "the killed unit still counts as running");
    }
    machine.expect("monitor", "plain", 7, "failed");
    machine.expect("start", "plain", 0, "");
    machine.expect("stop", "plain", 0, "");
    machine.expect("stop", "plain", 0, "");
    machine.expect("monitor", "plain", 7, "inactive");
    assert!(drop_in().is_empty(), "the drop-in is gone");
    assert!(machine.systemctl(&["show", "-p", "Restart", "plain.service"]).contains("Restart=always"));

    // What cannot be started says so; what does not exist counts as stopped.
    machine.expect("start", "broken", 1, "failed with result 'failed'");
    machine.expect("start", "no-such-unit", 5, "not found");
    machine.expect("stop", "no-such-unit", 0, "");
    machine.expect("monitor", "no-such-unit", 7, "inactive");
    assert_eq!(machine.unit_of("service", "monitor", "no-such-unit").status().unwrap().code(), Some(5));
    machine.expect("promote", "plain", 3, "knows no action");
    machine.expect("start", "../plain", 6, "no name of a unit");

    // A mount is a unit like another, without a word on restarts.
    machine.expect("start", "data.mount", 0, "");
    machine.expect("monitor", "data.mount", 0, "");
    machine.expect("stop", "data.mount", 0, "");

    // Between two states a monitor waits for the unit to arrive.
    let mut start = machine.unit_of("systemd", "start", "slow").spawn().unwrap();
    let begun = Instant::now();
    while !machine.systemctl(&["is-active", "slow.service"]).contains("activating") {
        assert!(begun.elapsed() < PATIENCE, "the slow unit never began to start");
    }
    assert!(start.try_wait().unwrap().is_none(), "a start waits for its job");
    machine.expect("monitor", "slow", 0, "");
    assert_eq!(start.wait().unwrap().code(), Some(0));

    // A start whose time is up is killed; the stop that follows ends the job it left.
    let mut endless = machine.unit_of("systemd", "start", "endless").spawn().unwrap();
    while !machine.systemctl(&["is-active", "endless.service"]).contains("activating") {
        assert!(begun.elapsed() < PATIENCE, "the endless unit never began to start");
    }
    endless.kill().unwrap();
    endless.wait().unwrap();
    machine.expect("stop", "endless", 0, "");
    machine.expect("monitor", "endless", 7, "");

    let metadata = machine.unit("meta-data", "plain").stdout;
    assert!(String::from_utf8_lossy(&metadata).contains("A plain &lt;service&gt;"));
    let output = machine.unit_of("systemd", "monitor", "plain").env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no D-Bus connection"));
}
