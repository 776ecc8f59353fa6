//! Lives through histories of whole clusters, several at a time, and says what was found: `cargo xtask sim --help`.

use sim::{Options, Report, Sabotage, Size, Stage, run, shrink, thousand};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELP: &str = "\
cargo xtask sim [--seed N] [--seeds COUNT] [--jobs J]    histories from seed N on (default: one, seed 1)
  --minutes M                                            as long as this, five minutes for each episode (default: 30)
  --nodes N --resources N --deeds N                      of this size instead of one drawn from the seed; deeds are those of an episode
  --remotes N --guests N                                 so many remote and guest nodes beside the members; without either, one seed in four
                                                         has one to three, and perhaps a guest
  --only A,B,...                                         only these deeds of the story happen
  --sabotage NAME                                        with something broken on purpose
  --replicas N                                           and a bundle of so many replicas, with something inside; without any of the three, one
                                                         seed in eight has one of one to three
  --trace                                                shows everything that happens
  --inputs FOLDER                                        writes there what each plan was made from, for crm_simulate
  --world thousand                                       instead: 12 members, 988 remote nodes and 10,000 resources, and what decisions cost;
                                                         --nodes, --remotes and --resources change its size
  --shrink                                               leaves out of a failed history what is not needed for it to fail
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let word = |name: &str| arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1));
    let number = |name: &str| word(name).and_then(|word| word.parse::<u64>().ok());
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if has("--help") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    if word("--world").is_some() {
        return large(&number, has("--trace"));
    }
    let first = number("--seed").unwrap_or(1);
    let count = number("--seeds").or(number("--histories")).unwrap_or(1);
    let sabotage = word("--sabotage").and_then(|name| Sabotage::ALL.into_iter().find(|(kind, ..)| format!("{kind:?}") == **name));
    let options = Options {
        trace: has("--trace"),
        inputs: word("--inputs").is_some(),
        nodes: number("--nodes").map(|n| n as usize),
        resources: number("--resources").map(|n| n as usize),
        remotes: number("--remotes").map(|n| n as usize),
        guests: number("--guests").map(|n| n as usize),
        replicas: number("--replicas").map(|n| n as usize),
        deeds: number("--deeds").map(|n| n as usize),
        episodes: number("--minutes").unwrap_or(30).div_ceil(5).max(1) as usize,
        only: word("--only").map(|list| list.split(',').filter_map(|number| number.parse().ok()).collect()),
        sabotage: sabotage.map(|(kind, ..)| kind),
        ..Options::default()
    };
    let jobs = number("--jobs").unwrap_or(1).max(1);
    let (begun, next) = (Instant::now(), AtomicU64::new(first));
    let mut summary = Summary::default();
    let (tell, told) = channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (tell, options, next) = (tell.clone(), &options, &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || tell.send(run(seed, options)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(tell);
        for report in told {
            print!("{}", report.trace);
            for (name, text) in &report.inputs {
                let path = std::path::Path::new(word("--inputs").map_or(".", String::as_str)).join(name);
                if let Err(error) = std::fs::write(&path, text) {
                    println!("{}: {error}", path.display());
                }
            }
            for violation in &report.violations {
                println!("seed {}: {violation}\n    see it again: {}", report.seed, report.replay(&options));
            }
            summary.add(&report);
        }
    });
    if has("--shrink") {
        for seed in summary.broken.clone() {
            if let Some((report, needed)) = shrink(seed, &options) {
                let numbers: Vec<String> = needed.iter().map(ToString::to_string).collect();
                println!("seed {seed} needs the deeds {}:\n  {}\n{}", numbers.join(","), report.story.join("\n  "), report.trace);
                println!("to be kept in crates/6-assembly/sim/tests/stories:\n{}", report.transcript.to_text());
            }
        }
    }
    summary.print(begun.elapsed());
    if summary.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How long a decision takes in the world of a thousand nodes.
const DECISION: Duration = Duration::from_secs(2);

/// Lives through the world of a thousand nodes, and tells what its decisions cost as rows of a table.
fn large(number: &impl Fn(&str) -> Option<u64>, is_traced: bool) -> ExitCode {
    let size = |name: &str, default: u64| number(name).unwrap_or(default) as usize;
    let size = Size { members: size("--nodes", 12), remotes: size("--remotes", 988), resources: size("--resources", 10_000) };
    println!(
        "{} members, {} remote nodes, {} resources; a decision takes {DECISION:?} of the world's time",
        size.members, size.remotes, size.resources
    );
    println!(
        "\n| what happened | decisions | in the middle, s | at worst, s | all well again after, s of the world |\n|---|---:|---:|---:|---:|"
    );
    let mut is_well = true;
    thousand(size, DECISION, processor_time, is_traced, |stage: &Stage| {
        print!("{}", stage.trace);
        stage.violations.iter().for_each(|violation| println!("{violation}"));
        let mut costs = stage.decisions.clone();
        costs.sort_unstable();
        let seconds = |cost: Option<&Duration>| cost.map_or("-".to_owned(), |cost| format!("{:.2}", cost.as_secs_f64()));
        let took = stage.took.map_or("never".to_owned(), |took| format!("{:.0}", took.as_secs_f64()));
        println!("| {} | {} | {} | {} | {took} |", stage.what, costs.len(), seconds(costs.get(costs.len() / 2)), seconds(costs.last()));
        is_well &= stage.violations.is_empty();
    });
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns the processor time of this thread: a machine is never idle.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0))
}

#[derive(Default)]
struct Summary {
    histories: u64,
    nodes: Vec<usize>,
    with_others: u64,
    lived: Duration,
    plans: u64,
    slowest: Duration,
    told: BTreeMap<String, u64>,
    broken: Vec<u64>,
}

impl Summary {
    fn add(&mut self, report: &Report) {
        self.histories += 1;
        self.nodes.push(report.nodes);
        self.with_others += u64::from(report.others > 0);
        self.lived += report.lived;
        self.plans += report.plans;
        self.slowest = self.slowest.max(report.recovered.unwrap_or_default());
        for (kind, count) in &report.told {
            *self.told.entry(kind.clone()).or_default() += count;
        }
        if !report.violations.is_empty() {
            self.broken.push(report.seed);
        }
    }

    fn print(&mut self, took: Duration) {
        self.nodes.sort_unstable();
        let middle = self.nodes.get(self.nodes.len() / 2).copied().unwrap_or_default();
        println!(
            "{} histories in {:.1} s, {} with broken promises {:?}",
            self.histories,
            took.as_secs_f64(),
            self.broken.len(),
            self.broken
        );
        println!(
            "{:.1} hours lived, {} plans; nodes: {} to {}, {middle} in the middle, {} times with remote nodes; the slowest recovery took {:.1} s",
            self.lived.as_secs_f64() / 3600.0,
            self.plans,
            self.nodes.first().copied().unwrap_or_default(),
            self.nodes.last().copied().unwrap_or_default(),
            self.with_others,
            self.slowest.as_secs_f64()
        );
        let told: Vec<String> = self.told.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        println!("what happened: {}", told.join(", "));
    }
}
