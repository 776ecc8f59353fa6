//! One host: switched on and off, cut off, looked into.

use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What a host needs to boot.
#[derive(Debug)]
pub(crate) struct Plan {
    pub number: usize,
    pub address: String,
    /// The lab's folder.
    pub folder: PathBuf,
    /// The folder of the program under test.
    pub program: PathBuf,
    /// The process in whose network the cables meet.
    pub switch: u32,
    /// Every host, as NAME=ADDRESS.
    pub names: Vec<String>,
}

/// A host that is on.
#[derive(Debug)]
struct Power {
    /// The process that holds the host's first process.
    holder: Child,
    first: u32,
}

/// One host of a lab.
#[derive(Debug)]
pub struct Host {
    pub name: String,
    plan: Plan,
    power: Mutex<Option<Power>>,
}

impl Host {
    pub(crate) fn new(name: String, plan: Plan) -> Self {
        Self { name, plan, power: Mutex::new(None) }
    }

    /// Returns the host's address.
    pub fn address(&self) -> &str {
        &self.plan.address
    }

    /// Returns the folder of the host's disks, which outlive a crash.
    pub fn disks(&self) -> PathBuf {
        self.plan.folder.join("disks").join(&self.name)
    }

    /// Switches the host on; nothing of a cluster runs on it yet.
    ///
    /// # Errors
    /// What could not be made.
    pub fn boot(&self) -> anyhow::Result<()> {
        let mut power = self.power.lock().expect("no boot panics");
        if power.is_some() {
            return Ok(());
        }
        let (base, disks) = (self.plan.folder.join("mounts").join(&self.name), self.disks());
        fs::create_dir_all(&base)?;
        fs::create_dir_all(&disks)?;
        let console = fs::File::create(self.plan.folder.join(format!("{}.console", self.name)))?;
        // The host ends with its holder, and the holder with this process.
        let mut holder = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--pid", "--mount", "--net", "--uts", "--ipc", "--fork", "--kill-child", "bash", "-c"])
            .arg(include_str!("host.sh"))
            .arg("host")
            .args([&self.name, &self.plan.number.to_string()])
            .args([&base, &disks, &self.plan.folder, &self.plan.program])
            .args(&self.plan.names)
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console)
            .spawn()
            .context("failed to start unshare")?;
        match self.come_up(&mut holder) {
            Ok(first) => {
                *power = Some(Power { holder, first });
                Ok(())
            }
            Err(error) => {
                let _ = holder.kill();
                let _ = holder.wait();
                let console = fs::read_to_string(self.plan.folder.join(format!("{}.console", self.name))).unwrap_or_default();
                Err(error.context(format!("{} did not boot: {}", self.name, console.trim())))
            }
        }
    }

    /// Waits for the host's first process to be ready, and connects its cable.
    fn come_up(&self, holder: &mut Child) -> anyhow::Result<u32> {
        let limit = Instant::now() + Duration::from_secs(60);
        let first = loop {
            anyhow::ensure!(holder.try_wait()?.is_none() && Instant::now() < limit, "its first process has ended");
            let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", holder.id())).unwrap_or_default();
            if let Some(first) = children.split_whitespace().next().and_then(|pid| pid.parse::<u32>().ok())
                && Path::new(&format!("/proc/{first}/root/run/lab/ready")).exists()
            {
                break first;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let (port, address) = (self.port(), format!("{}/24", self.plan.address));
        let pid = first.to_string();
        self.on_switch(&["ip", "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &pid])?;
        self.on_switch(&["ip", "link", "set", &port, "master", "bridge", "up"])?;
        let inside = |arguments: &[&str]| run(Command::new("nsenter").args(["-t", &pid, "-n", "ip"]).args(arguments)).map(drop);
        inside(&["addr", "add", &address, "brd", "+", "dev", "eth0"])?;
        inside(&["link", "set", "eth0", "up"])?;
        Ok(first)
    }

    fn port(&self) -> String {
        format!("port{}", self.plan.number)
    }

    fn on_switch(&self, arguments: &[&str]) -> anyhow::Result<()> {
        run(Command::new("nsenter").args(["-t", &self.plan.switch.to_string(), "-n"]).args(arguments)).map(drop)
    }

    /// Pulls the power cord: every process of the host is gone when this returns.
    pub fn crash(&self) {
        let Some(mut power) = self.power.lock().expect("no boot panics").take() else { return };
        if let Some(pid) = rustix::process::Pid::from_raw(power.first as i32) {
            // An error says that the host is dead already. The kernel ends all of its processes with the first.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        let _ = power.holder.wait();
        // The cable goes with the network namespace; that may take the kernel a moment longer than the processes.
        let _ = self.on_switch(&["ip", "link", "del", &self.port()]);
    }

    /// Returns whether the host is on. One that reset itself is found to be off.
    pub fn is_on(&self) -> bool {
        let has_ended = match &mut *self.power.lock().expect("no boot panics") {
            Some(power) => power.holder.try_wait().map_or(true, |ended| ended.is_some()),
            None => return false,
        };
        if has_ended {
            self.crash();
        }
        !has_ended
    }

    /// Cuts the host off: the switch drops its frames, the host itself sees its link up.
    ///
    /// # Errors
    /// What the switch said.
    pub fn cut_off(&self) -> anyhow::Result<()> {
        self.on_switch(&["ip", "link", "set", &self.port(), "nomaster"])
    }

    /// Takes the cut back.
    ///
    /// # Errors
    /// What the switch said.
    pub fn reconnect(&self) -> anyhow::Result<()> {
        self.on_switch(&["ip", "link", "set", &self.port(), "master", "bridge"])
    }

    /// Loses everything that this host sends to another, and nothing of what comes from there: what is sent goes to an address of the
    /// cable that nobody has.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn lose_towards(&self, other: &Host) -> anyhow::Result<()> {
        let nobody = ["neigh", "replace", other.address(), "lladdr", "02:00:00:00:00:99", "nud", "permanent", "dev", "eth0"];
        self.run("ip", &nobody).map(drop)
    }

    /// Takes that back.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn reach_again(&self, other: &Host) -> anyhow::Result<()> {
        self.run("ip", &["neigh", "del", other.address(), "dev", "eth0"]).map(drop)
    }

    /// Returns a path of the host as the machine sees it; `None` while the host is off.
    pub fn path(&self, path: &str) -> Option<PathBuf> {
        let first = self.power.lock().expect("no boot panics").as_ref()?.first;
        Some(PathBuf::from(format!("/proc/{first}/root{path}")))
    }

    /// Returns whether a file is there, seen from outside.
    pub fn has(&self, path: &str) -> bool {
        self.path(path).is_some_and(|path| path.exists())
    }

    /// Returns whether the host answers to an address.
    pub fn answers_to(&self, address: &str) -> bool {
        let Some(first) = self.power.lock().expect("no boot panics").as_ref().map(|power| power.first) else { return false };
        let table = fs::read_to_string(format!("/proc/{first}/net/fib_trie")).unwrap_or_default();
        table
            .lines()
            .zip(table.lines().skip(1))
            .any(|(line, next)| line.trim_end().ends_with(&format!("-- {address}")) && next.contains("host LOCAL"))
    }

    /// Returns a command that will run on the host.
    ///
    /// # Errors
    /// The host is off.
    pub fn command(&self, program: &str) -> anyhow::Result<Command> {
        let first = self
            .power
            .lock()
            .expect("no boot panics")
            .as_ref()
            .map(|power| power.first)
            .with_context(|| format!("{} is off", self.name))?;
        let mut command = Command::new("nsenter");
        command.args(["-t", &first.to_string(), "-p", "-m", "-n", "-u", "-i", program]).stdin(Stdio::null());
        Ok(command)
    }

    /// Puts the program under test where the field's tools, daemons and agents are looked for; until the host is switched off.
    ///
    /// # Errors
    /// What could not be done.
    pub fn install(&self) -> anyhow::Result<()> {
        let program = crate::lab::program().canonicalize()?.display().to_string();
        self.run("ln", &["-sf", &program, "/usr/sbin/systole"])?;
        self.run("/usr/sbin/systole", &["links", "/"]).map(drop)
    }

    /// Runs a script on the host with `sh`, what it is to know as variables first, and returns what it printed.
    ///
    /// # Errors
    /// The host is off, or the script failed; with what it said.
    pub fn script(&self, script: &str, variables: &[(&str, &str)]) -> anyhow::Result<String> {
        let mut command = self.command("sh")?;
        command.args(["-ec", script]).envs(variables.iter().copied());
        Ok(String::from_utf8_lossy(&run(&mut command)?.stdout).into_owned())
    }

    /// Runs a command on the host and returns what it printed.
    ///
    /// # Errors
    /// The host is off, or the command failed; with what it said.
    pub fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let output = run(self.command(program)?.args(arguments))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Starts a shell line on the host that goes on by itself; what it prints goes to a file of the host.
    ///
    /// # Errors
    /// The host is off.
    pub fn start(&self, line: &str, log: &str) -> anyhow::Result<()> {
        self.run("sh", &["-c", &format!("setsid {line} </dev/null >>{log} 2>&1 &")]).map(drop)
    }

    /// Returns the numbers, as the machine counts, of the host's processes whose program has this name.
    pub fn processes(&self, name: &str) -> Vec<u32> {
        let Some(first) = self.power.lock().expect("no boot panics").as_ref().map(|power| power.first) else { return Vec::new() };
        let Ok(own) = fs::read_link(format!("/proc/{first}/ns/pid")) else { return Vec::new() };
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        all.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok())
            .filter(|pid| fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|space| space == own))
            .filter(|pid| {
                let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                let text = String::from_utf8_lossy(&words).replace('\0', " ");
                let program = text.split(' ').next().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
                program == name || format!("{program} {}", text.split(' ').nth(1).unwrap_or_default()) == name
            })
            .collect()
    }

    /// Returns a log or another file of the host's disks, also while it is off.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.disks().join(path.trim_start_matches('/'))).unwrap_or_default()
    }
}

/// Runs a command to its end; one that fails is an error with what it said.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<Output> {
    let output = command.output().with_context(|| format!("failed to run {command:?}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        anyhow::bail!("{command:?} ended with {}: {}", output.status, said.trim());
    }
    Ok(output)
}
