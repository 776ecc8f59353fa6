//! The process that an agent leaves running: started detached, named by pid *and* start time in a state
//! file, so that a reused pid is never taken for it (and never killed).

use crate::Failure;
use model::AgentExit;
use rustix::process::{Pid, Signal};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often a waiting agent looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A process as the state file names it.
struct Identity {
    pid: i32,
    started: u64,
}

/// Returns the start time of a process in clock ticks since boot (field 22 of `/proc/PID/stat`), unless it is a zombie.
fn start_time(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
    if fields.first() == Some(&"Z") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

fn identity(state: &Path) -> Option<Identity> {
    let text = std::fs::read_to_string(state).ok()?;
    let (pid, started) = text.trim().split_once(' ')?;
    Some(Identity { pid: pid.parse().ok()?, started: started.parse().ok()? })
}

/// Returns the pid of the process that the state file names, if it still runs.
pub(crate) fn running(state: &Path) -> Option<i32> {
    let known = identity(state)?;
    (start_time(known.pid) == Some(known.started)).then_some(known.pid)
}

/// Starts a command detached from the agent and records it.
pub(crate) fn start(state: &Path, command: &mut Command) -> Result<i32, Failure> {
    use std::os::unix::process::CommandExt;
    if let Some(directory) = state.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| Failure::new(AgentExit::NOT_INSTALLED, format!("failed to run {:?}: {error}", command.get_program())))?;
    let pid = child.id() as i32;
    let started = start_time(pid).ok_or_else(|| Failure::new(AgentExit::ERROR, "the process ended at once"))?;
    std::fs::write(state, format!("{pid} {started}\n"))?;
    Ok(pid)
}

/// Ends the process and its group: asks first, then kills; succeeds only when it is gone.
pub(crate) fn stop(state: &Path, patience: Duration) -> Result<(), Failure> {
    let Some(pid) = running(state) else {
        let _ = std::fs::remove_file(state);
        return Ok(());
    };
    let group = Pid::from_raw(pid).ok_or_else(|| Failure::new(AgentExit::ERROR, format!("{} holds an impossible pid", state.display())))?;
    let asked_until = Instant::now() + patience / 2;
    let _ = rustix::process::kill_process_group(group, Signal::TERM);
    while running(state).is_some() {
        if Instant::now() > asked_until {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        if Instant::now() > asked_until + patience / 2 {
            return Err(Failure::new(AgentExit::ERROR, format!("process {pid} does not end")));
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    let _ = std::fs::remove_file(state);
    Ok(())
}

/// Starts one of our own servers (`systole serve KIND ADDRESS NODE`) and waits until it answers.
pub(crate) fn start_server(state: &Path, kind: &str, address: &str, node: &str, patience: Duration) -> Result<(), Failure> {
    if let Ok(mut stream) = connect(address) {
        let holder = answer(&mut stream, kind).unwrap_or_default();
        return Err(Failure::new(AgentExit::ERROR, format!("{address} is in use already{}", said_by(&holder))));
    }
    let program = std::env::current_exe()?;
    let pid = start(state, Command::new(program).args(["serve", kind, address, node]))?;
    let until = Instant::now() + patience;
    loop {
        if running(state) != Some(pid) {
            let _ = std::fs::remove_file(state);
            return Err(Failure::new(AgentExit::ERROR, format!("the server for {address} ended at once; can the address be bound here?")));
        }
        if check_server(kind, address, node).is_ok() {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(Failure::new(AgentExit::ERROR, format!("nothing answers on {address}")));
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Checks that the server on `address` answers, and that it is this node's.
pub(crate) fn check_server(kind: &str, address: &str, node: &str) -> Result<(), Failure> {
    let mut stream = connect(address).map_err(|error| Failure::new(AgentExit::ERROR, format!("{address} does not answer: {error}")))?;
    let text = answer(&mut stream, kind)?;
    if text.contains(node) {
        return Ok(());
    }
    Err(Failure::new(AgentExit::ERROR, format!("{address} is served by somebody else{}", said_by(&text))))
}

fn said_by(answer: &str) -> String {
    match answer.lines().last() {
        Some(line) if !line.trim().is_empty() => format!(" (it says {:?})", line.trim()),
        _ => String::new(),
    }
}

fn connect(address: &str) -> std::io::Result<TcpStream> {
    let address = address.parse().map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidInput, "not an ADDRESS:PORT"))?;
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.set_write_timeout(Some(Duration::from_secs(2)))?;
    Ok(stream)
}

fn answer(stream: &mut TcpStream, kind: &str) -> std::io::Result<String> {
    if kind == "web" {
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    }
    let mut text = String::new();
    stream.take(64 * 1024).read_to_string(&mut text)?;
    Ok(text)
}

/// Serves until it is killed: `web` answers HTTP requests, `address` tells who holds it. Returns an exit code when it cannot.
///
/// The answer names the node, so that a client (and a checker) sees who serves.
pub fn serve(kind: &str, address: &str, node: &str) -> u8 {
    let _ = rustix::process::setsid();
    let listener = match TcpListener::bind(address) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("failed to bind {address}: {error}");
            return 1;
        }
    };
    for stream in listener.incoming().flatten() {
        let (kind, node) = (kind.to_owned(), node.to_owned());
        // A thread per client, so that a silent one holds nobody up; a thread that cannot be had drops the client.
        let _ = std::thread::Builder::new().stack_size(64 * 1024).spawn(move || {
            let _ = reply(stream, &kind, &node);
        });
    }
    0
}

fn reply(mut stream: TcpStream, kind: &str, node: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.set_write_timeout(Some(Duration::from_secs(2)))?;
    if kind != "web" {
        return writeln!(stream, "held by {node}");
    }
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while request.len() < 16 * 1024 && !request.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            n => request.extend_from_slice(&piece[..n]),
        }
    }
    let body = format!("served by {node}\n");
    write!(
        stream,
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nX-Served-By: {node}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
