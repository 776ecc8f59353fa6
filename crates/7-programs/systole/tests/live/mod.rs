//! A sandbox of real processes under a test's hands: steps are told over its socket, commands run on its nodes.
//!
//! Decides nothing; a step that fails or an expectation that does not hold ends the test with all that the sandbox printed.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_systole");

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A sandbox that runs.
pub struct Sandbox {
    child: Child,
    /// What it has printed so far.
    printed: Arc<Mutex<String>>,
    reader: Option<std::thread::JoinHandle<()>>,
    folder: TempDir,
}

/// Looks again until it is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Sandbox {
    /// Starts one with this configuration and waits until its resources run.
    pub fn start(cib: &str, arguments: &[&str]) -> Self {
        Self::start_as(Command::new(PROGRAM), cib, arguments, |_, _| {})
    }

    /// The same, through another command (`unshare …`), after the folder was prepared.
    pub fn start_as(mut command: Command, cib: &str, arguments: &[&str], prepare: impl FnOnce(&Path, &mut Command)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A daemon of another user must get through.
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let file = folder.path().join("cib.xml");
        std::fs::write(&file, cib).unwrap();
        prepare(&folder.path().join("sandbox"), &mut command);
        let mut child = command
            .arg("sandbox")
            .arg("--cib")
            .arg(&file)
            .arg("--folder")
            .arg(folder.path().join("sandbox"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let printed = Arc::new(Mutex::new(String::new()));
        let heard = printed.clone();
        let reader = std::thread::spawn(move || {
            for line in std::io::BufReader::new(output).lines().map_while(Result::ok) {
                let mut text = heard.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
            }
        });
        let mut sandbox = Self { child, printed, reader: Some(reader), folder };
        let begun = Instant::now();
        while !sandbox.printed.lock().unwrap().contains("Type a step") {
            assert!(sandbox.child.try_wait().unwrap().is_none(), "the sandbox ended\n{}", sandbox.shown());
            assert!(begun.elapsed() < PATIENCE, "the sandbox does not start\n{}", sandbox.shown());
            std::thread::sleep(Duration::from_millis(20));
        }
        sandbox
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub fn root(&self, node: &str) -> PathBuf {
        self.folder.path().join("sandbox").join(node)
    }

    fn try_tell(&self, step: &str) -> Result<String, String> {
        let output = Command::new(PROGRAM)
            .args(["sandbox", "--tell"])
            .arg(self.folder.path().join("sandbox"))
            .args(step.split_whitespace())
            .output()
            .unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() { Ok(text) } else { Err(text) }
    }

    /// Tells it steps, one after another.
    pub fn tell(&mut self, steps: &[&str]) {
        for step in steps {
            if let Err(reason) = self.try_tell(step) {
                panic!("{step}: {reason}\n{}", self.shown());
            }
        }
    }

    /// Runs one of our commands on a node, as an administrator would there.
    pub fn run(&self, node: &str, words: &[&str]) -> Output {
        Command::new(PROGRAM).args(words).env("SYSTOLE_ROOT", self.root(node)).stdin(Stdio::null()).output().unwrap()
    }

    /// Returns what a command prints, on both channels, and whether it was content.
    pub fn says(&self, node: &str, words: &[&str]) -> (bool, String) {
        let output = self.run(node, words);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), text)
    }

    /// Asks a node's command again until what it prints contains the text.
    pub fn comes_to_say(&self, node: &str, words: &[&str], wanted: &str) {
        let begun = Instant::now();
        loop {
            let (_, text) = self.says(node, words);
            if text.contains(wanted) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "`{}` never says {wanted:?}:\n{text}", words.join(" "));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it; everything it noted as broken fails the test.
    pub fn end(mut self) {
        let _ = self.child.stdin.take().unwrap().write_all(b"quit\n");
        let status = self.child.wait().unwrap();
        let shown = self.shown();
        assert!(status.success(), "{status}\n{shown}");
        println!("{shown}");
    }

    /// Ends it, if it still runs, and returns what it printed.
    fn shown(&mut self) -> String {
        drop(self.child.stdin.take());
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        self.printed.lock().unwrap().clone()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shown();
    }
}

/// Says that a test lacks something; it counts as passed.
pub fn skipped(test: &str, reason: &str) {
    println!("skipped: {test}: {reason}");
}

pub fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").unwrap_or_default().lines().any(|line| line.starts_with("Uid:\t0\t0\t"))
}

/// Returns a configuration with a web server on this address, more resources, and more options.
pub fn configuration(address: &str, resources: &str, options: &str) -> String {
    format!(
        r#"<cib admin_epoch="0" epoch="1" num_updates="0" validate-with="pacemaker-3.9"><configuration>
<crm_config><cluster_property_set id="options"><nvpair id="o-name" name="cluster-name" value="weather"/>{options}</cluster_property_set></crm_config>
<nodes/>
<resources>
<primitive id="web" class="ocf" provider="systole" type="Web">
<instance_attributes id="web-a"><nvpair id="web-ip" name="address" value="{address}"/><nvpair id="web-port" name="port" value="8080"/></instance_attributes>
<operations><op id="web-m" name="monitor" interval="1s" timeout="20s"/></operations>
</primitive>
{resources}
</resources>
<constraints><rsc_location id="web-1" rsc="web" node="node3" score="50"/></constraints>
<acls/>
</configuration><status/></cib>
"#
    )
}

/// Returns a resource whose start and stop take so long; stopped until it is told to start.
pub fn slow_resource(id: &str, takes: &str) -> String {
    format!(
        r#"<primitive id="{id}" class="ocf" provider="systole" type="Dummy">
<instance_attributes id="{id}-a"><nvpair id="{id}-sleep" name="op_sleep" value="{takes}"/></instance_attributes>
<meta_attributes id="{id}-m"><nvpair id="{id}-role" name="target-role" value="Stopped"/><nvpair id="{id}-t" name="migration-threshold" value="1000"/></meta_attributes>
<operations><op id="{id}-start" name="start" interval="0" timeout="30s"/><op id="{id}-stop" name="stop" interval="0" timeout="30s"/></operations>
</primitive>"#
    )
}
