//! `Address`: a stand-in for an IP address where none can be configured (no root, one machine): it holds
//! an address by a listening port, so that two holders at once are impossible and a second start fails.

use crate::{Action, Agent, Call, Failure, Parameter, web};

pub(crate) const AGENT: Agent = Agent {
    name: "Address",
    short: "Holds an address of this machine by a listening port",
    long: "A stand-in for IPaddr2 that needs no privilege: it binds a port on the address and tells who holds it. Use IPaddr2 for addresses that other machines reach.",
    parameters: &[
        Parameter {
            name: "address",
            kind: "string",
            default: Some("127.0.0.80"),
            required: false,
            unique: false,
            reloadable: false,
            short: "Address to hold",
            long: "An IP address that this machine can bind.",
        },
        Parameter {
            name: "port",
            kind: "integer",
            default: Some("7"),
            required: false,
            unique: false,
            reloadable: false,
            short: "Port to hold it by",
            long: "A TCP port; unprivileged users need one above 1023.",
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

fn run(call: &Call) -> Result<(), Failure> {
    let address = web::listen_address(call)?;
    web::serve_as(call, "address", &address)
}
