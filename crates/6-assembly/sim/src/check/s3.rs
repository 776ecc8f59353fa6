//! S3: the same input gives the same plan, also after the input was written and read.

use member::PlanRequest;
use transition::Plan;
use xml::{Limits, parse};

/// Returns whether a second calculation comes to something else. One plan in 32 is looked at: it costs several times as much as planning.
pub(crate) fn differs(request: &PlanRequest, plan: &Plan) -> Option<String> {
    if !request.number.is_multiple_of(32) {
        return None;
    }
    let text = request.input.to_text();
    let again = match parse(text.as_bytes(), &Limits::default()) {
        Ok(input) => scheduler::schedule(&status::Facts::deduce(&input, request.now)),
        Err(error) => return Some(format!("S3: the input of plan {} cannot be read again: {error}", request.number)),
    };
    (again != *plan).then(|| format!("S3: plan {} differs when it is made again", request.number))
}
