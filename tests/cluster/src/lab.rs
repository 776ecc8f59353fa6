//! A lab: the switch, the hosts, and how long to wait for what.

use crate::host::{Host, Plan, run};
use crate::power::{self, Presses};
use crate::stack::Stack;
use anyhow::Context;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// One lab at a time: two would starve each other's clusters on a small machine.
static TURN: Mutex<()> = Mutex::new(());

/// How the hosts' Corosync is configured.
#[derive(Clone, Debug)]
pub struct Settings {
    pub hosts: usize,
    /// Corosync's `token` in milliseconds.
    pub token: u32,
    /// Further lines of the section `totem`.
    pub totem: String,
    /// Further lines of the section `quorum`.
    pub quorum: String,
    /// One more host, the last one, which is no node: its address is `10.77.0.N` with the number after the last node's.
    pub witness: bool,
}

impl Settings {
    /// Returns the settings of that many hosts: a token of a second; two hosts with `two_node`.
    pub fn hosts(hosts: usize) -> Self {
        let quorum = if hosts == 2 { "two_node: 1\n" } else { "" };
        Self { hosts, token: 1000, totem: String::new(), quorum: quorum.to_owned(), witness: false }
    }
}

/// Hosts that are connected by a switch. Everything ends with it.
pub struct Lab {
    pub hosts: Arc<Vec<Host>>,
    presses: Presses,
    switch: Child,
    stack: Stack,
    /// Further variables of the cluster manager and what it starts, as `env` takes them.
    environment: Mutex<String>,
    /// How many of the hosts are nodes.
    nodes: usize,
    _folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// Returns what a lab lacks here: root, a tool, a package.
pub fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("needs root, for namespaces".to_owned());
    }
    let has = |tool: &str| ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().any(|folder| Path::new(folder).join(tool).exists());
    let tools = ["unshare", "nsenter", "setpriv", "pivot_root", "ip", "corosync", "corosync-cfgtool", "python3"];
    if let Some(tool) = tools.into_iter().find(|tool| !has(tool)) {
        return Some(format!("needs {tool}"));
    }
    if !program().exists() {
        return Some(format!("{} is not built: cargo build --package systole", program().display()));
    }
    let probe = Command::new("unshare").args(["--pid", "--mount", "--net", "--uts", "--ipc", "--fork", "true"]).output();
    match probe {
        Ok(output) if output.status.success() => None,
        _ => Some("the kernel gives no namespaces here".to_owned()),
    }
}

/// Returns the program under test: `SYSTOLE_PROGRAM`, else the one built beside this test.
pub fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("SYSTOLE_PROGRAM") {
        return program.into();
    }
    let here = std::env::current_exe().unwrap_or_default();
    here.ancestors().nth(2).unwrap_or(Path::new("/")).join("systole")
}

/// Waits until something holds; false when it does not within the limit.
pub fn eventually(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Lab {
    /// Makes a lab whose hosts are on, with Corosync configured and nothing started.
    ///
    /// # Errors
    /// What could not be made.
    pub fn new(settings: &Settings, stack: Stack) -> anyhow::Result<Self> {
        let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let folder = tempfile::Builder::new().prefix("systole-lab-").tempdir_in("/var/tmp")?;
        let agent = folder.path().join("fence_lab");
        fs::write(&agent, include_str!("fence_lab.py"))?;
        fs::set_permissions(&agent, fs::Permissions::from_mode(0o755))?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let switch = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"])
            .stdin(Stdio::null())
            .spawn()
            .context("failed to start the switch")?;
        let id = switch.id();
        anyhow::ensure!(eventually(Duration::from_secs(20), || is_apart(id)), "the switch did not come up");
        let on_switch = |arguments: &[&str]| run(Command::new("nsenter").args(["-t", &id.to_string(), "-n", "ip", "link"]).args(arguments));
        on_switch(&["add", "bridge", "type", "bridge", "forward_delay", "0", "stp_state", "0", "mcast_snooping", "0"])?;
        on_switch(&["set", "bridge", "up"])?;
        let address = |number: usize| format!("10.77.0.{number}");
        let all = settings.hosts + usize::from(settings.witness);
        let name = |number: usize| if number > settings.hosts { "witness".to_owned() } else { format!("node{number}") };
        let names: Vec<String> = (1..=all).map(|number| format!("{}={}", name(number), address(number))).collect();
        let program = program().canonicalize().context("the program under test is not there")?;
        let host = |number| {
            let plan = Plan {
                number,
                address: address(number),
                folder: folder.path().to_owned(),
                program: program.parent().unwrap_or(Path::new("/")).to_owned(),
                switch: id,
                names: names.clone(),
            };
            Host::new(name(number), plan)
        };
        let hosts: Arc<Vec<Host>> = Arc::new((1..=all).map(host).collect());
        let presses = Presses::default();
        power::serve(&folder.path().join("power"), Arc::clone(&hosts), Arc::clone(&presses))?;
        let environment = Mutex::new(String::new());
        let lab = Self { hosts, presses, switch, stack, environment, nodes: settings.hosts, _folder: folder, _turn: turn };
        for host in lab.hosts.iter() {
            let configuration = host.disks().join("etc/corosync");
            fs::create_dir_all(&configuration)?;
            fs::write(configuration.join("corosync.conf"), lab.corosync_conf(settings))?;
            host.boot()?;
        }
        Ok(lab)
    }

    fn corosync_conf(&self, settings: &Settings) -> String {
        let nodes: String = self
            .nodes()
            .iter()
            .zip(1..)
            .map(|(host, number)| {
                format!("  node {{\n    name: {}\n    nodeid: {number}\n    ring0_addr: {}\n  }}\n", host.name, host.address())
            })
            .collect();
        format!(
            "totem {{\n  version: 2\n  cluster_name: lab\n  transport: knet\n  crypto_cipher: none\n  crypto_hash: none\n  token: {}\n  {}}}\n\
             logging {{\n  to_stderr: no\n  to_syslog: no\n  to_logfile: yes\n  logfile: /var/log/corosync/corosync.log\n  timestamp: hires\n}}\n\
             quorum {{\n  provider: corosync_votequorum\n  {}}}\nnodelist {{\n{nodes}}}\n",
            settings.token, settings.totem, settings.quorum
        )
    }

    /// Returns the hosts that are nodes of the cluster.
    pub fn nodes(&self) -> &[Host] {
        &self.hosts[..self.nodes]
    }

    /// Sets further variables of the cluster manager and what it starts, from its next start on (`NAME=value NAME=value`).
    pub fn set_environment(&self, variables: &str) {
        variables.clone_into(&mut self.environment.lock().expect("no start panics"));
    }

    /// Puts a configuration on every host's disk, for the first start.
    ///
    /// # Errors
    /// It could not be written.
    pub fn preload(&self, cib: &str) -> anyhow::Result<()> {
        for host in self.nodes() {
            let path = host.disks().join("var/lib/pacemaker/cib/cib.xml");
            fs::write(&path, cib)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            // As the field's daemons leave it: they do not read one that is another user's.
            host.run("chown", &["hacluster:haclient", "/var/lib/pacemaker/cib/cib.xml"])?;
        }
        Ok(())
    }

    /// Starts Corosync and the cluster manager on a host.
    ///
    /// # Errors
    /// What could not be started.
    pub fn start(&self, host: &Host) -> anyhow::Result<()> {
        self.start_corosync(host)?;
        self.start_daemon(host)
    }

    /// Starts the cluster manager alone.
    ///
    /// # Errors
    /// It could not be started.
    pub fn start_daemon(&self, host: &Host) -> anyhow::Result<()> {
        let environment = self.environment.lock().expect("no start panics").clone();
        self.stack.start(host, &environment)
    }

    /// Puts another cluster manager in the place of the one that was; Corosync and what the resources run stay.
    ///
    /// # Errors
    /// The old one did not end, or the new one could not be started.
    pub fn change_to(&mut self, stack: Stack) -> anyhow::Result<()> {
        let processes = |stack: Stack| -> Vec<u32> {
            self.hosts.iter().flat_map(|host| stack.daemons().iter().flat_map(|name| host.processes(name)).collect::<Vec<_>>()).collect()
        };
        for head in self.hosts.iter().flat_map(|host| host.processes(self.stack.daemons()[0])) {
            if let Some(pid) = rustix::process::Pid::from_raw(head as i32) {
                rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
            }
        }
        let has_ended = eventually(Duration::from_secs(60), || processes(self.stack).is_empty());
        anyhow::ensure!(has_ended, "{} did not end", self.stack.name());
        self.replace_stack(stack)
    }

    /// Starts another cluster manager on every host, where the one that was has ended.
    ///
    /// # Errors
    /// It could not be started.
    pub fn replace_stack(&mut self, stack: Stack) -> anyhow::Result<()> {
        self.stack = stack;
        self.nodes().iter().try_for_each(|host| self.start_daemon(host))
    }

    /// Starts Corosync alone.
    ///
    /// # Errors
    /// It could not be started.
    pub fn start_corosync(&self, host: &Host) -> anyhow::Result<()> {
        host.start("corosync -f", "/var/log/corosync.out")
    }

    /// Starts everything on every host, at once.
    ///
    /// # Errors
    /// What could not be started.
    pub fn start_all(&self) -> anyhow::Result<()> {
        std::thread::scope(|scope| {
            let starts: Vec<_> = self.nodes().iter().map(|host| scope.spawn(|| self.start(host))).collect();
            starts.into_iter().try_for_each(|start| start.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a start panicked"))))
        })
    }

    /// Returns the host of this name.
    ///
    /// # Panics
    /// There is none.
    pub fn host(&self, name: &str) -> &Host {
        self.hosts.iter().find(|host| host.name == name).expect("a host of the lab")
    }

    /// Returns the hosts on which the Dummy resource of this name is really active.
    pub fn active(&self, resource: &str) -> Vec<String> {
        let file = format!("/run/Dummy-{resource}.state");
        self.hosts.iter().filter(|host| host.has(&file)).map(|host| host.name.clone()).collect()
    }

    /// Returns what the power button was asked for.
    pub fn presses(&self) -> Vec<(Instant, String)> {
        self.presses.lock().expect("no press panics").clone()
    }

    /// Loads a configuration through a host that is up, as soon as its cluster takes one.
    ///
    /// # Errors
    /// No host took it within the limit; with what was said last.
    pub fn load(&self, host: &Host, cib: &str) -> anyhow::Result<()> {
        let path = host.path("/tmp/cib.xml").context("the host is off")?;
        let (begin, end) = (cib.find("<configuration>"), cib.find("<status/>"));
        // The configuration alone: the status is the cluster's own.
        fs::write(path, &cib[begin.context("no configuration")?..end.context("no status")?])?;
        let mut last = None;
        let took = eventually(Duration::from_secs(60), || {
            last = self.stack.tool(host, "cibadmin", &["--replace", "--scope", "configuration", "--xml-file", "/tmp/cib.xml"]).err();
            if last.is_some() {
                std::thread::sleep(Duration::from_millis(50));
            }
            last.is_none()
        });
        anyhow::ensure!(took, "the configuration was not taken: {last:?}");
        Ok(())
    }

    /// Runs one of Pacemaker's tools, the stack's own.
    ///
    /// # Errors
    /// It failed; with what it said.
    pub fn tool(&self, host: &Host, tool: &str, arguments: &[&str]) -> anyhow::Result<String> {
        self.stack.tool(host, tool, arguments)
    }

    /// Returns what the cluster says of itself and what the hosts' daemons wrote last, for a test that fails.
    pub fn story(&self) -> String {
        let logs = [
            "/var/log/systole.out",
            "/var/log/pacemaker/pacemaker.log",
            "/var/log/corosync.out",
            "/var/log/corosync/corosync.log",
            "/var/log/qnetd.out",
            "/var/log/qdevice.out",
        ];
        let mut text = self.nodes().iter().find_map(|host| self.tool(host, "crm_mon", &["-1rAf"]).ok()).unwrap_or_default();
        for host in self.hosts.iter() {
            for log in logs {
                let lines: Vec<String> = host.read(log).lines().map(str::to_owned).collect();
                let last = &lines[lines.len().saturating_sub(60)..];
                text += &format!("--- {} {log}\n{}\n", host.name, last.join("\n"));
            }
        }
        text
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.hosts.iter().for_each(Host::crash);
        let _ = self.switch.kill();
        let _ = self.switch.wait();
    }
}

/// Whether a process has a network of its own already.
fn is_apart(pid: u32) -> bool {
    let network = |of: &str| fs::read_link(format!("/proc/{of}/ns/net")).ok();
    network(&pid.to_string()).is_some_and(|own| Some(own) != network("self"))
}
