//! What is asked of systemd's manager over the system bus.

use crate::Answer;
use crate::unit::UnitName;
use futures_util::StreamExt;
use model::AgentExit;
use std::fmt;
use zbus::zvariant::DynamicType;
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant, message};

const SERVICE: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const UNIT: &str = "org.freedesktop.systemd1.Unit";

/// Why systemd did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Problem {
    /// There is no bus, or it broke.
    Bus(String),
    NoSuchUnit,
    Denied(String),
    /// systemd refused, in its words.
    Refused(String),
    /// systemd is being replaced and did not answer.
    Restarting,
    /// Something here failed.
    Local(String),
}

impl Problem {
    /// Returns whether asking again in a moment is the answer.
    pub(crate) fn is_restart(&self) -> bool {
        matches!(self, Problem::Restarting)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Bus(text) => write!(f, "no D-Bus connection to systemd: {text}"),
            Problem::NoSuchUnit => f.write_str("there is no such unit"),
            Problem::Denied(text) | Problem::Local(text) => f.write_str(text),
            Problem::Refused(text) => write!(f, "systemd refused: {text}"),
            Problem::Restarting => f.write_str("systemd did not answer"),
        }
    }
}

impl From<zbus::Error> for Problem {
    fn from(error: zbus::Error) -> Self {
        match &error {
            zbus::Error::MethodError(name, text, _) => of_method(name.as_str(), text.as_deref().unwrap_or_default()),
            zbus::Error::FDO(known) => of_method(&zbus::DBusError::name(&**known), error.description().unwrap_or_default()),
            other => Problem::Bus(other.to_string()),
        }
    }
}

fn of_method(name: &str, text: &str) -> Problem {
    match name.rsplit('.').next().unwrap_or(name) {
        "InvalidName" | "LoadFailed" | "NoSuchUnit" => Problem::NoSuchUnit,
        "AccessDenied" | "InteractiveAuthorizationRequired" => Problem::Denied(format!("systemd refused: {text}")),
        "NoReply" if text.contains("disconnected") => Problem::Restarting,
        "ServiceUnknown" | "NameHasNoOwner" => Problem::Bus(text.to_owned()),
        _ => Problem::Refused(text.to_owned()),
    }
}

/// A connection to systemd over the system bus.
pub(crate) struct Bus {
    connection: Connection,
}

impl Bus {
    pub(crate) async fn connect() -> Result<Self, Problem> {
        Ok(Self { connection: Connection::system().await.map_err(|error| Problem::Bus(error.to_string()))? })
    }

    async fn call<B: serde::Serialize + DynamicType>(&self, method: &str, body: &B) -> Result<Message, Problem> {
        Ok(self.connection.call_method(Some(SERVICE), MANAGER_PATH, Some(MANAGER), method, body).await?)
    }

    /// Loads a unit if it is not, and returns one of its properties, which must be a text.
    async fn property(&self, name: &UnitName, property: &str) -> Result<String, Problem> {
        let unit: OwnedObjectPath = self.call("LoadUnit", &(name.as_str(),)).await?.body().deserialize()?;
        let reply =
            self.connection.call_method(Some(SERVICE), &unit, Some("org.freedesktop.DBus.Properties"), "Get", &(UNIT, property)).await?;
        let value: OwnedVariant = reply.body().deserialize()?;
        String::try_from(value).map_err(|error| Problem::Refused(format!("{property} of {name} is no text: {error}")))
    }

    pub(crate) async fn active_state(&self, name: &UnitName) -> Result<String, Problem> {
        self.property(name, "ActiveState").await
    }

    pub(crate) async fn description(&self, name: &UnitName) -> Result<String, Problem> {
        self.property(name, "Description").await
    }

    /// Returns whether there is such a unit: loading one always succeeds.
    pub(crate) async fn exists(&self, name: &UnitName) -> Result<bool, Problem> {
        match self.property(name, "LoadState").await {
            Ok(state) => Ok(matches!(state.as_str(), "loaded" | "masked")),
            Err(Problem::NoSuchUnit) => Ok(false),
            Err(problem) => Err(problem),
        }
    }

    /// Lets systemd read its files anew.
    pub(crate) async fn reload(&self) -> Result<(), Problem> {
        self.call("Reload", &()).await.map(drop)
    }

    /// Asks for a job and waits until it is done.
    pub(crate) async fn run_job(&self, method: &str, name: &UnitName) -> Result<Answer, Problem> {
        let rule = MatchRule::builder().msg_type(message::Type::Signal).sender(SERVICE).interface(MANAGER).member("JobRemoved").build()?;
        // Invariant: listened to before the job is asked for; a quick job would end unheard.
        let mut ends = MessageStream::for_match_rule(rule, &self.connection, Some(SIGNALS_MAX)).await?;
        self.call("Subscribe", &()).await?;
        let job: OwnedObjectPath = self.call(method, &(name.as_str(), "replace")).await?.body().deserialize()?;
        while let Some(signal) = ends.next().await {
            let signal = signal?;
            let body = signal.body();
            let (_, path, _, result): (u32, OwnedObjectPath, String, String) = body.deserialize()?;
            if path == job {
                return Ok(answer_to(method, name, &result));
            }
        }
        Err(Problem::Bus(format!("it was closed before the job for {name} ended")))
    }

    pub(crate) async fn unit_files(&self) -> Result<Vec<String>, Problem> {
        let reply = self.call("ListUnitFiles", &()).await?;
        let files: Vec<(String, String)> = reply.body().deserialize()?;
        Ok(files.into_iter().map(|(path, _)| path).collect())
    }
}

/// How many signals may wait to be read: other jobs of the machine end as well.
const SIGNALS_MAX: std::num::NonZeroUsize = std::num::NonZeroUsize::new(1024).expect("not zero");

fn answer_to(method: &str, name: &UnitName, result: &str) -> Answer {
    let verb = method.trim_end_matches("Unit").to_lowercase();
    match result {
        "done" => Answer::ok(),
        "timeout" => Answer::because(AgentExit::ERROR, format!("systemd {verb} job for {name} timed out")),
        other => Answer::because(AgentExit::ERROR, format!("systemd {verb} job for {name} failed with result '{other}'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_what_kind_of_problem_it_is() {
        assert!(matches!(of_method("org.freedesktop.systemd1.NoSuchUnit", "x"), Problem::NoSuchUnit));
        assert!(matches!(of_method("org.freedesktop.DBus.Error.AccessDenied", "x"), Problem::Denied(_)));
        let text = "Message recipient disconnected from message bus without replying";
        assert!(of_method("org.freedesktop.DBus.Error.NoReply", text).is_restart());
        assert!(!of_method("org.freedesktop.DBus.Error.NoReply", "timed out").is_restart());
    }

    #[test]
    fn only_a_job_that_is_done_succeeds() {
        let name = UnitName::parse("web").unwrap();
        assert_eq!(answer_to("StartUnit", &name, "done").exit, AgentExit::OK);
        for result in ["canceled", "timeout", "failed", "dependency", "skipped"] {
            assert_eq!(answer_to("StartUnit", &name, result).exit, AgentExit::ERROR, "{result}");
        }
    }
}
