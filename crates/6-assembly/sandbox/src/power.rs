//! The power switch of the sandbox: a socket on which the fence agent and `systole sandbox COMMAND` ask
//! for something to be done to a host, one line each way.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// A line from the socket and where its answer goes.
pub(crate) struct Order {
    pub(crate) line: String,
    pub(crate) answer: Sender<String>,
}

/// Listens on the socket; orders come out of the receiver, one at a time.
pub(crate) fn listen(socket: &Path, orders: Sender<Order>) -> anyhow::Result<()> {
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket)?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let orders = orders.clone();
            std::thread::spawn(move || {
                let _ = serve(stream, &orders);
            });
        }
    });
    Ok(())
}

fn serve(mut stream: UnixStream, orders: &Sender<Order>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut line = String::new();
    BufReader::new((&stream).take(4096)).read_line(&mut line)?;
    let (answer, reply): (Sender<String>, Receiver<String>) = channel();
    let text = match orders.send(Order { line: line.trim().to_owned(), answer }) {
        Ok(()) => reply.recv().unwrap_or_else(|_| "error: the sandbox is ending".to_owned()),
        Err(_) => "error: the sandbox is ending".to_owned(),
    };
    writeln!(stream, "{text}")
}

/// Sends one line to a sandbox and returns its answer; `Err` holds what went wrong, in words.
pub fn send(socket: &Path, line: &str) -> Result<String, String> {
    let problem = |error: std::io::Error| format!("failed to reach the sandbox at {}: {error}", socket.display());
    let mut stream = UnixStream::connect(socket).map_err(problem)?;
    writeln!(stream, "{line}").map_err(problem)?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(problem)?;
    match text.trim().strip_prefix("error: ") {
        Some(reason) => Err(reason.to_owned()),
        None => Ok(text.trim().to_owned()),
    }
}

const METADATA: &str = r#"<?xml version="1.0" ?>
<resource-agent name="fence_sandbox" shortdesc="Power switch of a sandbox host">
<longdesc>Switches hosts of a sandbox off and on. Of no use outside a sandbox.</longdesc>
<parameters>
<parameter name="action" unique="0" required="1"><content type="string" default="reboot"/><shortdesc lang="en">Fencing action</shortdesc></parameter>
<parameter name="port" unique="0" required="1"><content type="string"/><shortdesc lang="en">The host</shortdesc></parameter>
<parameter name="power_wait" unique="0" required="0"><content type="second" default="0"/><shortdesc lang="en">Wait before power is switched</shortdesc></parameter>
<parameter name="socket" unique="0" required="0"><content type="string"/><shortdesc lang="en">Where the sandbox listens</shortdesc></parameter>
</parameters>
<actions>
<action name="on" automatic="0"/>
<action name="off"/>
<action name="reboot"/>
<action name="status"/>
<action name="list"/>
<action name="monitor"/>
<action name="metadata"/>
<action name="validate-all"/>
</actions>
</resource-agent>
"#;

/// Runs as the fence agent `fence_sandbox`: options on standard input, exit code 0 when the host is in the wanted state.
pub fn fence_agent() -> u8 {
    let mut text = String::new();
    let _ = std::io::stdin().read_to_string(&mut text);
    let option = |name: &str| {
        text.lines().filter_map(|line| line.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    };
    let action = option("action").unwrap_or_else(|| "reboot".to_owned());
    if matches!(action.as_str(), "metadata" | "meta-data") {
        print!("{METADATA}");
        return 0;
    }
    if action == "validate-all" {
        return 0;
    }
    let Some(socket) = option("socket").or_else(|| std::env::var("SYSTOLE_SANDBOX").ok()) else {
        eprintln!("fence_sandbox: parameter socket is missing, and this host is not in a sandbox");
        return 1;
    };
    let host = option("port").or_else(|| option("plug")).or_else(|| option("nodename")).unwrap_or_default();
    if matches!(action.as_str(), "on" | "off" | "reboot")
        && let Some(wait) = option("power_wait").and_then(|text| text.parse().ok())
    {
        std::thread::sleep(Duration::from_secs(wait));
    }
    match send(Path::new(&socket), &format!("power {action} {host}")) {
        Ok(answer) if action == "status" => u8::from(answer == "off") * 2,
        Ok(answer) => {
            if !answer.is_empty() {
                println!("{answer}");
            }
            0
        }
        Err(reason) => {
            eprintln!("fence_sandbox: {reason}");
            1
        }
    }
}
