//! A tool's side of administration from another host: connect to a member, log in, ask, and wait for the answer. Blocking.

use crate::cib_words;
use crate::credentials::Certificates;
use crate::gnutls::{Proof, Side};
use crate::stream::Stream;
use messages::agent::Secret;
use messages::client::{ClientBody, ClientError, ReplyBody};
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

/// How long it may take to be connected and, if that is to be, to speak in private.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a password may be looked at, and how long an answer may take. Compat: the second is Pacemaker's.
const ADMISSION: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(60);

/// Where to ask, and as whom.
#[derive(Clone, Debug)]
pub struct Member {
    pub server: String,
    pub port: u16,
    pub user: String,
    pub password: Secret,
    /// Over TLS, with the certificates that the environment names.
    pub is_encrypted: bool,
}

/// A connection to the CIB of a cluster that this host is no member of.
pub struct CibClient {
    runtime: Runtime,
    stream: Stream,
    token: String,
    calls: u64,
}

impl CibClient {
    /// Connects and logs in. `program` is recorded with every change of the CIB.
    ///
    /// # Errors
    /// Exit code 102 when nobody listens there, 76 when the member lets nobody in by this name and password (Compat: as Pacemaker's).
    pub fn connect(member: &Member, program: &str) -> Result<Self, ClientError> {
        let place = format!("{}:{}", member.server, member.port);
        let refused = |(exit_code, reason): (i32, String)| ClientError { exit_code, message: format!("{place}: {reason}") };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| refused((71, error.to_string())))?;
        let opened = runtime.block_on(async {
            let mut stream = within(CONNECT, "no answer", open(member)).await.map_err(|reason| (102, reason))?;
            stream.send(&cib_words::login(&member.user, &member.password, program));
            let answer = within(ADMISSION, "no answer to the login", stream.receive()).await;
            // A member closes the connection where it lets nobody in.
            let answer = answer.map_err(|reason| (76, format!("{} was not let in ({reason})", member.user)))?;
            let token = cib_words::read_welcome(&answer)
                .ok_or_else(|| (76, "the other side answered something else than was asked".to_owned()))?
                .to_owned();
            Ok((stream, token))
        });
        let (stream, token) = opened.map_err(refused)?;
        Ok(Self { runtime, stream, token, calls: 0 })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// The refusal; 69 for what only a member's own host can ask.
    pub fn request(&mut self, body: &ClientBody) -> Result<ReplyBody, ClientError> {
        self.calls += 1;
        let (stream, id) = (&mut self.stream, self.calls);
        let Some(message) = cib_words::request(&self.token, id, body) else {
            let message = "from another host only the CIB can be read and changed: this needs to be asked on a node of the cluster";
            return Err(ClientError { exit_code: 69, message: message.to_owned() });
        };
        stream.send(&message);
        let answer = self.runtime.block_on(async {
            tokio::time::timeout(ANSWER, async {
                loop {
                    match stream.receive().await {
                        Ok(message) => {
                            if let Some(answer) = cib_words::read_answer(&message, id) {
                                return answer;
                            }
                        }
                        Err(reason) => return Err(ClientError { exit_code: 102, message: reason }),
                    }
                }
            })
            .await
        });
        answer.unwrap_or_else(|_| Err(ClientError { exit_code: 124, message: "no answer in time".to_owned() }))
    }
}

impl Drop for CibClient {
    fn drop(&mut self) {
        self.stream.close();
    }
}

async fn within<T>(limit: Duration, otherwise: &str, outcome: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    tokio::time::timeout(limit, outcome).await.unwrap_or_else(|_| Err(otherwise.to_owned()))
}

async fn open(member: &Member) -> Result<Stream, String> {
    let socket = TcpStream::connect((member.server.as_str(), member.port)).await.map_err(|error| error.to_string())?;
    if !member.is_encrypted {
        return Stream::in_the_clear(socket);
    }
    let certificates = Certificates::from_environment(Path::new("/"));
    Stream::open(Side::Client, socket, certificates.as_ref().map_or(Proof::Nobody, Proof::Certificates)).await
}
