//! A sandbox under random faults. It watches itself from outside: a client that asks the service all the time, and a look at what
//! is really active on each host.

use crate::{Random, Tally};
use anyhow::Context;
use lab::program;
use std::io::{BufRead, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long the sandbox may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Faults, each with what mends it, in the sandbox's own words.
const FAULTS: [(&str, &str); 12] = [
    ("crash host-of web", "boot all"),
    ("crash coordinator", "boot all"),
    ("kill-daemon all", ""),
    ("kill-daemon coordinator", ""),
    ("kill-root host-of web", ""),
    ("kill-root all", ""),
    ("kill-hub", ""),
    ("kill-resource web", ""),
    ("freeze coordinator", "thaw all"),
    ("cut host-of web", "heal"),
    ("standby host-of web", "online all"),
    ("shutdown host-of web", "boot all"),
];

fn configuration() -> String {
    let operations = |id: &str| format!("<operations><op id=\"{id}-m\" name=\"monitor\" interval=\"2s\" timeout=\"20s\"/></operations>");
    let dummy =
        |id: &str| format!("<primitive id=\"{id}\" class=\"ocf\" provider=\"systole\" type=\"Dummy\">{}</primitive>", operations(id));
    let options: String = ["site-a", "site-b"].iter().map(|id| dummy(id)).collect();
    format!(
        r#"<cib admin_epoch="0" epoch="1" num_updates="0" validate-with="pacemaker-3.9"><configuration>
<crm_config><cluster_property_set id="options"><nvpair id="o-name" name="cluster-name" value="soak"/></cluster_property_set></crm_config><nodes/>
<resources><primitive id="web" class="ocf" provider="systole" type="Web"><instance_attributes id="web-a"><nvpair id="web-ip" name="address" value="127.0.83.1"/><nvpair id="web-port" name="port" value="8080"/></instance_attributes>{}</primitive>
<group id="site">{options}</group><clone id="everywhere">{}</clone></resources>
<constraints><rsc_colocation id="c" rsc="site" with-rsc="web" score="-100"/></constraints></configuration><status/></cib>
"#,
        operations("web"),
        dummy("each")
    )
}

struct Sandbox<'a> {
    folder: &'a Path,
    child: Child,
}

impl Sandbox<'_> {
    /// Tells one step; a refusal is not a problem: what a fault is to meet may not be there any more.
    fn tell(&self, step: &str) -> anyhow::Result<bool> {
        let mut command = Command::new(program());
        command.args(["sandbox", "--tell"]).arg(self.folder).args(step.split_whitespace());
        Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?.success())
    }

    /// Returns its daemons and root roles.
    fn processes(&self) -> Vec<u32> {
        let is_ours = |pid: u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
            words.get(1).is_some_and(|word| [&b"node"[..], b"agentd", b"hub"].contains(word))
                && String::from_utf8_lossy(&line).contains(&self.folder.display().to_string())
        };
        let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|pid| is_ours(*pid)).collect()
    }
}

impl Drop for Sandbox<'_> {
    fn drop(&mut self) {
        if let Some(mut input) = self.child.stdin.take() {
            let _ = input.write_all(b"quit\n");
        }
        let _ = self.child.wait();
    }
}

pub fn soak(random: &mut Random, until: Instant, tally: &mut Tally) -> anyhow::Result<()> {
    let place = tempfile::Builder::new().prefix("systole-soak-").tempdir()?;
    let (cib, folder) = (place.path().join("cib.xml"), place.path().join("sandbox"));
    std::fs::write(&cib, configuration())?;
    let mut command = Command::new(program());
    command.args(["sandbox", "--nodes", "5", "--cib"]).arg(&cib).arg("--folder").arg(&folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("failed to start the sandbox")?;
    let output = child.stdout.take().context("the sandbox has no output")?;
    let printed: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = printed.clone();
    let reader = std::thread::spawn(move || {
        for line in std::io::BufReader::new(output).lines().map_while(Result::ok) {
            heard.lock().expect("nobody panics with it").push(line);
        }
    });
    let sandbox = Sandbox { folder: &folder, child };
    let has_begun = || printed.lock().expect("nobody panics with it").iter().any(|line| line.contains("Type a step"));
    anyhow::ensure!(lab::eventually(PATIENCE, has_begun), "the sandbox does not start");
    let begun = Instant::now();
    while Instant::now() < until {
        tally.measure(begun, sandbox.processes());
        let (fault, mends) = FAULTS[random.below(FAULTS.len())];
        // Most come alone; some while another is being recovered from.
        let second = (random.below(3) == 0).then(|| FAULTS[random.below(FAULTS.len())]);
        if sandbox.tell(fault)? {
            tally.fault(fault);
        }
        if let Some((second, _)) = second {
            std::thread::sleep(Duration::from_millis(random.below(1500) as u64));
            if sandbox.tell(second)? {
                tally.fault(second);
            }
        }
        std::thread::sleep(Duration::from_millis(random.below(3000) as u64));
        for step in [mends, second.map_or("", |(_, mends)| mends), "heal", "thaw all", "boot all", "online all", "wait", "expect web"] {
            if !step.is_empty() {
                sandbox.tell(step)?;
            }
        }
        let has_problem = printed.lock().expect("nobody panics with it").iter().any(|line| is_problem(line));
        if has_problem {
            break;
        }
    }
    tally.measure(begun, sandbox.processes());
    drop(sandbox);
    let _ = reader.join();
    let lines = printed.lock().expect("nobody panics with it");
    tally.away.extend(lines.iter().filter_map(|line| {
        let seconds: f64 = line.split_once("service away ")?.1.trim_end_matches(" s").parse().ok()?;
        Some(Duration::from_secs_f64(seconds))
    }));
    if lines.iter().any(|line| is_problem(line)) {
        let story = lines[lines.len().saturating_sub(150)..].join("\n");
        tally.problems.extend(lines.iter().filter(|line| is_problem(line)).cloned());
        let kept = place.keep();
        tally.problems.push(format!("{story}\nits files are kept in {}", kept.display()));
    }
    Ok(())
}

fn is_problem(line: &str) -> bool {
    ["SAFETY:", "NOT WELL:", "NOT AS EXPECTED:"].iter().any(|word| line.contains(word))
}
