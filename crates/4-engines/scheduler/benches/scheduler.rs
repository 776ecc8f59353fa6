//! What each step to a plan costs, on the clusters that `SYSTOLE_BENCH_CIBS` names (`cargo xtask bench scheduler library`).
//!
//! Processor time of the thread is measured, not the clock: what else the machine does must not count.

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BatchSize, Criterion};
use model::Timestamp;
use status::Facts;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;
use xml::{Element, Limits};

/// The moment of the generated clusters' records.
const NOW: Timestamp = Timestamp(1_750_000_000);

/// The processor time of this thread, shown as a duration.
struct ProcessorTime(WallTime);

impl ProcessorTime {
    fn now() -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
}

impl Measurement for ProcessorTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }

    fn end(&self, start: Duration) -> Duration {
        Self::now() - start
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, time: &Duration) -> f64 {
        time.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self.0.formatter()
    }
}

fn main() {
    let files = std::env::var_os("SYSTOLE_BENCH_CIBS").unwrap_or_default();
    let criterion = Criterion::default().with_measurement(ProcessorTime(WallTime));
    let mut criterion = criterion.configure_from_args().sample_size(10).measurement_time(Duration::from_secs(3));
    for file in std::env::split_paths(&files).filter(|path| !path.as_os_str().is_empty()) {
        measure(&mut criterion, &file);
    }
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion<ProcessorTime>, file: &Path) {
    let text = std::fs::read(file).expect("a generated cluster is readable");
    let cib = xml::parse(&text, &Limits::default()).expect("a generated cluster is well-formed");
    let facts = Facts::deduce(&cib, NOW);
    let later = after_one_event(&cib);
    let mut group = criterion.benchmark_group(file.file_stem().unwrap_or_default().to_string_lossy());
    group.bench_function("parse", |b| b.iter_with_large_drop(|| xml::parse(black_box(&text), &Limits::default())));
    group.bench_function("configuration", |b| b.iter_with_large_drop(|| cib::Cib::new(black_box(&cib))));
    group.bench_function("facts", |b| b.iter_with_large_drop(|| Facts::deduce(black_box(&cib), NOW)));
    group.bench_function("schedule", |b| b.iter_with_large_drop(|| scheduler::schedule(black_box(&facts))));
    group.bench_function("again", |b| {
        b.iter_batched(
            || facts.clone(),
            |facts| {
                let facts = facts.deduce_again(black_box(&later), NOW);
                (scheduler::schedule(&facts), facts)
            },
            BatchSize::PerIteration,
        )
    });
    group.finish();
}

/// Returns the cluster as it is when the last monitor of the last resource has been run again.
fn after_one_event(cib: &Element) -> Element {
    let mut later = cib.clone();
    let monitor = later.child_mut("status").and_then(|status| {
        let is_running = |e: &Element| e.name == "lrm_rsc_op" && e.attribute("operation") == Some("monitor");
        let path = status.path_to(&mut |e| is_running(e) && e.attribute("interval") != Some("0"))?;
        status.at_path_mut(&path)
    });
    if let Some(monitor) = monitor {
        monitor.set("last-rc-change", NOW.seconds().to_string());
    }
    later
}
