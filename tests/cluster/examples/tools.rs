//! What the commands cost: the incumbent's and Systole's in turn, on the same hosts with the same Corosync and configuration.
//! Prints the table of `docs/performance.md`. Commands are started, counted and timed on a host by a small program, as agents
//! start them; a write counts when the command that asked for it has ended well.
//!
//! Arguments: --rounds N (3), --seconds N of writing (10), --systole-only

use lab::{Host, Lab, Settings, Stack, cib, dummy, eventually, missing};
use std::time::Duration;

/// How often each command is called in a round.
const CALLS: usize = 100;
/// Agents call these at every monitor.
const COMMANDS: [(&str, &[&str]); 6] = [
    ("`crm_attribute`, an update", &["crm_attribute", "-l", "reboot", "-n", "pingd", "-v", "@"]),
    ("`crm_attribute`, a query", &["crm_attribute", "-l", "reboot", "-n", "pingd", "-G", "-q"]),
    ("`cibadmin -Q`", &["cibadmin", "-Q"]),
    ("`crm_mon -1`", &["crm_mon", "-1"]),
    ("`crm_resource -W`", &["crm_resource", "-r", "r1", "-W"]),
    ("`/bin/true`, for comparison", &["/bin/true"]),
];
/// Calls a command COUNT times, `@` in it being the number of the call; prints the milliseconds of each.
const TIMED: &str = "
import os, sys, time
count, command = int(sys.argv[1]), sys.argv[2:]
quiet = [(os.POSIX_SPAWN_OPEN, 1, '/dev/null', os.O_WRONLY, 0)]
for number in range(count):
    begin = time.perf_counter()
    child = os.posix_spawnp(command[0], [word.replace('@', str(number)) for word in command], os.environ, file_actions=quiet)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print((time.perf_counter() - begin) * 1000)
    if code != 0:
        sys.exit(f'{command} ended with {code}')
";
/// One client that writes for SECONDS; prints how many writes were acknowledged.
const WRITES: &str = "
import os, sys, time
seconds, client = float(sys.argv[1]), sys.argv[2]
quiet = [(os.POSIX_SPAWN_OPEN, 1, '/dev/null', os.O_WRONLY, 0), (os.POSIX_SPAWN_OPEN, 2, '/dev/null', os.O_WRONLY, 0)]
end, asked, done = time.perf_counter() + seconds, 0, 0
while time.perf_counter() < end:
    asked += 1
    xml = f'<cluster_property_set id=\"bench\"><nvpair id=\"bench-{client}\" name=\"bench-{client}\" value=\"{asked}\"/></cluster_property_set>'
    command = ['cibadmin', '--modify', '--allow-create', '--scope', 'crm_config', '--xml-text', xml]
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)
    done += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print(done, asked)
";

/// The same over one connection to Systole's daemon: what is left when no process is started for each write.
const CONNECTED: &str = "
import json, socket, struct, sys, time
seconds, client = float(sys.argv[1]), sys.argv[2]
link = socket.socket(socket.AF_UNIX)
link.connect('/run/systole/systole.sock')
def read(count):
    data = b''
    while len(data) < count:
        data += link.recv(count - len(data))
    return data
end, asked, done = time.perf_counter() + seconds, 0, 0
while time.perf_counter() < end:
    asked += 1
    xml = f'<cluster_property_set id=\"bench\"><nvpair id=\"bench-{client}\" name=\"bench-{client}\" value=\"c{asked}\"/></cluster_property_set>'
    edit = dict(operation='modify', section='crm_config', xml=xml, allow_create=True)
    body = json.dumps(dict(id=asked, client='bench', body=dict(CibEdit=dict(request='', edit=edit)))).encode()
    link.sendall(struct.pack('<I', len(body)) + body)
    done += 'Ok' in json.loads(read(struct.unpack('<I', read(4))[0]))['result']
print(done, asked)
";

fn main() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        println!("skipped: bench tools: {reason}");
        return Ok(());
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |word: &str| arguments.iter().position(|argument| argument == word).and_then(|at| arguments.get(at + 1)).cloned();
    let number = |word: &str, default: usize| after(word).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (rounds, seconds) = (number("--rounds", 3), number("--seconds", 10));
    let is_alone = arguments.iter().any(|argument| argument == "--systole-only");
    let mut found = [Found::default(), Found::default()];
    for round in 0..rounds {
        // In turn, so that a busy moment of the machine meets both.
        for (stack, found) in [Stack::Pacemaker, Stack::Systole].into_iter().zip(&mut found) {
            if !is_alone || stack == Stack::Systole {
                measure(stack, round, seconds, found)?;
                measure_restful(stack, round, seconds, found)?;
                eprintln!("round {round}, {}: {found:.1?}", stack.name());
            }
        }
    }
    let [theirs, ours] = found;
    println!("| call, or writes (median of {rounds} rounds) | Pacemaker 2.1.5 | Systole | ratio | goal |\n|---|---:|---:|---:|---|");
    for (index, (name, _)) in COMMANDS.iter().enumerate() {
        let goal = if *name == COMMANDS[5].0 { "" } else { "≤ a third" };
        println!("{}", row(&format!("{name}, ms"), &theirs.calls[index], &ours.calls[index], goal));
    }
    for (index, name) in ["from one client", "from eight clients"].into_iter().enumerate() {
        println!("{}", row(&format!("acknowledged writes a second {name}"), &theirs.writes[index], &ours.writes[index], "≥ ten times"));
    }
    for (index, name) in ["from one client", "from eight clients"].into_iter().enumerate() {
        println!("{}", row(&format!("the same {name} that stay connected"), &[], &ours.writes[2 + index], ""));
    }
    for (index, name) in ["from one client", "from eight clients"].into_iter().enumerate() {
        let name = format!("writes a second {name}, `seqno_unchanged_const: 3`");
        println!("{}", row(&name, &theirs.restful[index], &ours.restful[index], "≥ ten times"));
    }
    Ok(())
}

/// What the rounds found.
#[derive(Default, Debug)]
struct Found {
    /// Milliseconds of a call.
    calls: [Vec<f64>; 6],
    /// Writes a second: from one client, from eight; from one that stays connected, from eight of them.
    writes: [Vec<f64>; 4],
    /// The first two of these where the token rests soon after the last message, as `systole cluster setup` has it.
    restful: [Vec<f64>; 2],
}

fn row(name: &str, theirs: &[f64], ours: &[f64], goal: &str) -> String {
    let (theirs, ours) = (median(theirs), median(ours));
    let shown = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.1}"));
    let ratio = theirs.zip(ours).map_or("–".to_owned(), |(theirs, ours)| format!("{:.2}", ours / theirs));
    format!("| {name} | {} | {} | {ratio} | {goal} |", shown(theirs), shown(ours))
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// Returns a cluster of ten resources that has come to rest.
fn cluster(settings: &Settings, stack: Stack) -> anyhow::Result<Lab> {
    let lab = Lab::new(settings, stack)?;
    let names: Vec<String> = (1..=10).map(|number| format!("r{number}")).collect();
    let resources: String = names.iter().map(|name| dummy(name, "10s")).collect();
    lab.preload(&cib(&[("stonith-enabled", "true"), ("dc-deadtime", "2s")], &resources, ""))?;
    lab.start_all()?;
    let limit = Duration::from_secs(180);
    anyhow::ensure!(eventually(limit, || names.iter().all(|name| lab.active(name).len() == 1)), "not all resources run");
    let _ = lab.tool(&lab.hosts[0], "crm_resource", &["--wait", "--timeout", "60s"]);
    for host in lab.nodes().iter().filter(|_| stack == Stack::Systole) {
        host.install()?;
    }
    Ok(lab)
}

fn measure_restful(stack: Stack, round: usize, seconds: usize, found: &mut Found) -> anyhow::Result<()> {
    let settings = Settings { totem: "seqno_unchanged_const: 3\n  ".to_owned(), ..Settings::hosts(3) };
    let lab = cluster(&settings, stack)?;
    for (clients, rates) in [1, 8].into_iter().zip(&mut found.restful) {
        rates.push(writes(&lab, WRITES, round, clients, seconds)? as f64 / seconds as f64);
    }
    Ok(())
}

fn measure(stack: Stack, round: usize, seconds: usize, found: &mut Found) -> anyhow::Result<()> {
    let lab = cluster(&Settings::hosts(3), stack)?;
    // Each round on another host: one of them coordinates.
    let host = &lab.nodes()[round % lab.nodes().len()];
    for ((_, command), times) in COMMANDS.iter().zip(&mut found.calls) {
        let count = CALLS.to_string();
        let words: Vec<&str> = ["-c", TIMED, &count].iter().chain(*command).copied().collect();
        let text = host.run("python3", &words)?;
        let values: Vec<f64> = text.lines().filter_map(|line| line.parse().ok()).collect();
        times.extend(median(&values));
    }
    for ((program, clients), rates) in [(WRITES, 1), (WRITES, 8), (CONNECTED, 1), (CONNECTED, 8)].into_iter().zip(&mut found.writes) {
        // The incumbent's daemon is spoken to by its library alone.
        if program == WRITES || stack == Stack::Systole {
            rates.push(writes(&lab, program, round, clients, seconds)? as f64 / seconds as f64);
        }
    }
    Ok(())
}

/// Lets so many clients write at once, from the hosts in turn; returns how many writes were acknowledged.
fn writes(lab: &Lab, program: &str, round: usize, clients: usize, seconds: usize) -> anyhow::Result<u64> {
    let nodes = lab.nodes();
    let client = |number: usize, host: &Host| -> anyhow::Result<u64> {
        let text = host.run("python3", &["-c", program, &seconds.to_string(), &number.to_string()])?;
        let (done, asked) = text.trim().split_once(' ').ok_or_else(|| anyhow::anyhow!("a client said {text:?}"))?;
        anyhow::ensure!(done == asked, "of {asked} writes {done} were acknowledged");
        Ok(done.parse()?)
    };
    let client = &client;
    std::thread::scope(|scope| {
        let hosts = (0..clients).map(|number| (number, &nodes[(round + number) % nodes.len()]));
        let running: Vec<_> = hosts.map(|(number, host)| scope.spawn(move || client(number, host))).collect();
        running.into_iter().map(|one| one.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a client panicked")))).sum()
    })
}
