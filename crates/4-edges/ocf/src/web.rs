//! `Web`: a small real HTTP server that says which node serves it.

use crate::{Action, Agent, Call, Failure, Parameter, holder};
use model::AgentExit;
use std::net::SocketAddr;

pub(crate) const AGENT: Agent = Agent {
    name: "Web",
    short: "A small HTTP server that says which node serves it",
    long: "Serves one page on an address of this machine. It binds the address, so two of them can never serve it at once.",
    parameters: &[
        Parameter {
            name: "address",
            kind: "string",
            default: Some("127.0.0.80"),
            required: false,
            unique: false,
            reloadable: false,
            short: "Address to serve on",
            long: "An IP address that this machine can bind.",
        },
        Parameter {
            name: "port",
            kind: "integer",
            default: Some("8080"),
            required: false,
            unique: false,
            reloadable: false,
            short: "Port to serve on",
            long: "A TCP port.",
        },
    ],
    actions: &[
        Action::once("start", "20s"),
        Action::once("stop", "20s"),
        Action::every("monitor", "20s", "10s"),
        Action::once("validate-all", "5s"),
        Action::once("meta-data", "5s"),
    ],
    run,
};

/// Returns `ADDRESS:PORT`, or what is wrong with the parameters.
pub(crate) fn listen_address(call: &Call) -> Result<String, Failure> {
    let text = format!("{}:{}", call.required("address")?, call.required("port")?);
    text.parse::<SocketAddr>()
        .map(|_| text.clone())
        .map_err(|_| Failure::new(AgentExit::NOT_CONFIGURED, format!("{text:?} is not an IP address with a port")))
}

fn run(call: &Call) -> Result<(), Failure> {
    let address = listen_address(call)?;
    serve_as(call, "web", &address)
}

/// Carries out the actions of an agent whose service is one of our own servers.
pub(crate) fn serve_as(call: &Call, kind: &str, address: &str) -> Result<(), Failure> {
    let state = call.state_file(kind);
    match call.action.as_str() {
        "start" if holder::running(&state).is_some() => Ok(()),
        "start" => holder::start_server(&state, kind, address, &call.node, call.time_allowed()),
        "stop" => holder::stop(&state, call.time_allowed()),
        "monitor" | "status" => match holder::running(&state) {
            None => Err(Failure::not_running()),
            Some(_) => holder::check_server(kind, address, &call.node),
        },
        _ => Ok(()),
    }
}
