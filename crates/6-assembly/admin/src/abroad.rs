//! A cluster on other hosts, which the environment names as it does for Pacemaker's tools.

use messages::agent::Secret;
use messages::client::{ClientBody, ClientError, ReplyBody};
use model::parse_boolean;
use remote::{CibClient, Member};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{BufRead, Write};
use std::sync::{Mutex, PoisonError};

/// Compat: who logs in, and where, unless the environment says otherwise.
const USER: &str = "hacluster";
const SERVER: &str = "localhost";

/// A member on another host, and the connection to it once there is one.
pub(crate) struct Abroad {
    server: String,
    port: String,
    user: String,
    password: Option<Secret>,
    is_encrypted: bool,
    client: Mutex<Option<CibClient>>,
}

impl Abroad {
    /// Returns the member that `CIB_port` and the variables beside it name.
    pub fn from_environment() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Some(Self {
            port: variable("CIB_port")?,
            server: variable("CIB_server").unwrap_or_else(|| SERVER.to_owned()),
            user: variable("CIB_user").unwrap_or_else(|| USER.to_owned()),
            password: variable("CIB_passwd").map(Secret),
            is_encrypted: variable("CIB_encrypted").and_then(|text| parse_boolean(&text)).unwrap_or(true),
            client: Mutex::default(),
        })
    }

    /// Asks over the connection, which is made for the first request. `program` is recorded with every change.
    pub fn request(&self, body: &ClientBody, program: &str) -> Result<ReplyBody, ClientError> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let mut connected = match client.take() {
            Some(connected) => connected,
            None => CibClient::connect(&self.member()?, program)?,
        };
        let answer = connected.request(body);
        // One that is lost is made anew.
        *client = answer.as_ref().err().is_none_or(|error| !matches!(error.exit_code, 102 | 124)).then_some(connected);
        answer
    }

    fn member(&self) -> Result<Member, ClientError> {
        let refused = |message: String| ClientError { exit_code: 102, message };
        let port = self.port.trim().parse().map_err(|_| refused(format!("CIB_port is no port: {}", self.port)))?;
        let password = match &self.password {
            Some(password) => password.clone(),
            None => ask().map_err(|error| refused(format!("a password is needed, in CIB_passwd or typed: {error}")))?,
        };
        Ok(Member { server: self.server.clone(), port, user: self.user.clone(), password, is_encrypted: self.is_encrypted })
    }
}

/// Asks a person for the password, or reads it from a pipe.
fn ask() -> std::io::Result<Secret> {
    eprint!("Password: ");
    std::io::stderr().flush()?;
    let terminal = tcgetattr(std::io::stdin()).ok();
    if let Some(before) = &terminal {
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Now, &silent)?;
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    if let Some(before) = &terminal {
        tcsetattr(std::io::stdin(), OptionalActions::Now, before)?;
        eprintln!();
    }
    match read? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(Secret(line.trim_end_matches(['\r', '\n']).to_owned())),
    }
}
