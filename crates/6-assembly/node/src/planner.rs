//! The thread that calculates plans, so that a large cluster never holds up the event loop.

use member::{PlanOutcome, PlanRequest};
use status::Facts;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use transition::Plan;

/// Large enough for the recursion of deeply coloured configurations; untouched pages cost nothing.
const STACK: usize = 32 << 20;

/// The planning thread.
#[derive(Debug)]
pub(crate) struct Planner {
    requests: Sender<PlanRequest>,
}

impl Planner {
    /// Starts the thread. `tell` is called on it.
    pub fn start(tell: impl Fn(PlanOutcome) + Send + 'static) -> std::io::Result<Self> {
        let (requests, waiting) = channel();
        std::thread::Builder::new().name("planner".into()).stack_size(STACK).spawn(move || plan_all(&waiting, &tell))?;
        Ok(Self { requests })
    }

    /// Asks for a plan. Never waits.
    pub fn plan(&self, request: PlanRequest) {
        // Fails only when the thread is gone, which the daemon's end alone brings about.
        let _ = self.requests.send(request);
    }
}

fn plan_all(waiting: &Receiver<PlanRequest>, tell: &dyn Fn(PlanOutcome)) {
    // Most of the next input is the same elements as this one; what was read of them is kept, see decision 5.
    let mut known: Option<Facts> = None;
    for request in waiting {
        let earlier = known.take();
        // A fault of the scheduler costs one plan, not the daemon: resources keep running and the next change is planned for again.
        let plan = || plan(earlier, &request);
        let result = catch_unwind(AssertUnwindSafe(plan)).map_err(|fault| describe(&*fault));
        let result = result.map(|(facts, plan)| {
            known = Some(facts);
            plan
        });
        tell(PlanOutcome { number: request.number, result });
    }
}

fn plan(earlier: Option<Facts>, request: &PlanRequest) -> (Facts, Plan) {
    let mut facts = match earlier {
        Some(earlier) => earlier.deduce_again(&request.input, request.now),
        None => Facts::deduce(&request.input, request.now),
    };
    facts.has_private_values = true;
    let plan = scheduler::schedule(&facts);
    (facts, plan)
}

fn describe(fault: &(dyn std::any::Any + Send)) -> String {
    let text = fault.downcast_ref::<String>().map(String::as_str).or_else(|| fault.downcast_ref::<&str>().copied());
    format!("the scheduler failed: {}", text.unwrap_or("no reason is known"))
}
