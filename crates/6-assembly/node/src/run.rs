//! The daemon's life: start from what the disk holds, one event after another, end.

use crate::NodeOptions;
use crate::edges::{Edges, Ending};
use anyhow::Context;
use member::{LogLevel, Member, MemberConfig, MemberEvent, StoredCib};
use messages::group::View;
use std::path::Path;
use storage::{CibFiles, InputFiles, Writer};

/// Asked to stay down.
const STAY_DOWN: i32 = 100;

/// Runs the daemon until its root role is gone or it was shut down. Blocks. Returns the exit code for the process:
/// 0 after a clean shutdown, 100 when it is of no use to start it again, others when it is to be started again.
///
/// # Errors
/// Why it could not start.
pub fn run(options: NodeOptions) -> anyhow::Result<i32> {
    allow_many_clients();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut edges = Edges::open(&options)?;
        let ending = match live(&mut edges, &options).await {
            Ok(ending) => ending,
            Err(error) => {
                edges.log.write(LogLevel::Error, &format!("{error:#}"));
                return Err(error);
            }
        };
        edges.log.write(LogLevel::Notice, &format!("this daemon ends: {}", ending.reason));
        edges.close().await;
        Ok(ending.code)
    })
}

async fn live(edges: &mut Edges, options: &NodeOptions) -> anyhow::Result<Ending> {
    let view = match edges.first_view().await {
        Ok(view) => view,
        Err(ending) => return Ok(ending),
    };
    let Some(config) = config(edges, options, &view)? else {
        return Ok(Ending { code: STAY_DOWN, reason: format!("{} is not a node of this cluster", options.node) });
    };
    let mut member = Member::new(config);
    edges.serve_clients()?;
    let mut event = MemberEvent::Started;
    loop {
        let now = edges.clock.now();
        if let Some(ending) = edges.carry_out_all(member.take(now, event)) {
            return Ok(ending);
        }
        if let Some(ending) = edges.carry_out_all(member.settle()) {
            return Ok(ending);
        }
        edges.worked_since(now.monotonic);
        event = match edges.next().await {
            Ok(event) => event,
            Err(ending) => return Ok(ending),
        };
    }
}

/// Returns what the member is told once; `None` when the group does not know this node.
fn config(edges: &Edges, options: &NodeOptions, view: &View) -> anyhow::Result<Option<MemberConfig>> {
    let Some(id) = view.configured.get(&options.node) else { return Ok(None) };
    let found = CibFiles::new(&options.root).read();
    for warning in &found.warnings {
        edges.log.write(LogLevel::Warning, warning);
    }
    let inputs = InputFiles::new(&options.root);
    let uuid = std::fs::read_to_string(Path::new("/proc/sys/kernel/random/uuid")).context("failed to make an id of this start")?;
    Ok(Some(MemberConfig {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cluster_name: edges.group.cluster_name(),
        uuid: uuid.trim().to_owned(),
        stored: found.cib.map(|cib| StoredCib { cib, lineage: found.lineage }),
        history: Writer::read_history(&options.root),
        message_version: message_version(),
        // Compat: twice the cores; agents mostly wait, so no fewer than on four of them.
        parallel_max: std::thread::available_parallelism().map_or(8, |cores| 2 * cores.get()).max(8),
        next_inputs: member::input_series().map(|series| (series.to_owned(), inputs.next_number(series))).collect(),
        ..MemberConfig::new(options.node.clone(), *id)
    }))
}

/// Returns the version of messages to speak: this program's, unless a test has this node stand for a later one.
fn message_version() -> u32 {
    std::env::var("SYSTOLE_TEST_MESSAGE_VERSION").ok().and_then(|text| text.parse().ok()).unwrap_or(messages::peer::VERSION)
}

/// A thousand clients need a thousand descriptors; what cannot be had is done without.
fn allow_many_clients() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let wanted = now.maximum.map_or(65_536, |most| most.min(65_536));
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: now.maximum });
}
