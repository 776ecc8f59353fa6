//! Secret parameters: in the CIB stands `lrm://`, the value is in a file that only root can read.
//!
//! Compat: files are where `cibsecret` of Pacemaker puts them, one per resource and parameter. A value is put in its
//! place at the last moment, for the agent alone: neither the daemon, nor records, nor logs ever see it.

use crate::AgentHost;
use messages::agent::AgentCall;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// What a parameter's value in the CIB is when the true one is a secret.
pub const SECRET: &str = "lrm://";

/// Returns the folder of the secrets of the host below `root`.
pub fn secrets_folder(root: &Path) -> PathBuf {
    root.join("var/lib/pacemaker/lrm/secrets")
}

/// Returns the file of a secret; `None` where a name would lead out of the folder.
pub fn secret_file(root: &Path, resource: &str, parameter: &str) -> Option<PathBuf> {
    let is_plain = |name: &str| !name.is_empty() && !name.contains(['/', '\0']) && !name.starts_with('.');
    (is_plain(resource) && is_plain(parameter)).then(|| secrets_folder(root).join(resource).join(parameter))
}

/// Returns the call with its secrets in their places.
///
/// # Errors
/// Which secret is missing here; never a value.
pub(crate) fn revealed<'a>(host: &AgentHost, call: &'a AgentCall) -> Result<Cow<'a, AgentCall>, String> {
    // Without secrets, meta-data can be told all the same.
    let needs_none = matches!(call.action.as_str(), "meta-data" | "metadata") || call.parameters.values().all(|value| value != SECRET);
    let Some(resource) = call.resource.as_ref().filter(|_| !needs_none) else { return Ok(Cow::Borrowed(call)) };
    let mut call = call.clone();
    // Instances of a clone share what is configured once.
    let names = [resource.as_str(), resource.as_str().split(':').next().unwrap_or_default()];
    // Compat: a stop must be tried in any case; otherwise a secret that is lost would have the node fenced.
    let is_stop = call.action == "stop";
    for (parameter, value) in call.parameters.iter_mut().filter(|(_, value)| *value == SECRET) {
        let files = names.iter().filter_map(|name| secret_file(&host.root, name, parameter));
        let text = files.into_iter().find_map(|file| std::fs::read_to_string(file).ok());
        let missing = || format!("the secret value of {parameter} of {} is not on this host: `cibsecret sync` brings it", names[1]);
        match text {
            Some(text) => *value = text.trim_end().to_owned(),
            None if is_stop => {}
            None => return Err(missing()),
        }
    }
    Ok(Cow::Owned(call))
}

/// Returns the values that must not be repeated: of parameters whose names say so, and those that [`revealed`] brought in.
pub(crate) fn values(configured: &AgentCall, revealed: &AgentCall) -> Vec<String> {
    let is_secret = |name: &str| model::secret::is_secret(name) || configured.parameters.get(name).is_some_and(|value| value == SECRET);
    revealed.parameters.iter().filter(|(name, value)| is_secret(name) && *value != SECRET).map(|(_, value)| value.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn call(resource: &str, action: &str) -> AgentCall {
        AgentCall {
            id: model::CallId(1),
            agent: messages::agent::AgentName { class: "ocf".into(), provider: Some("x".into()), kind: "y".into() },
            action: action.into(),
            resource: Some(resource.into()),
            parameters: [("user".to_owned(), "me".to_owned()), ("password".to_owned(), SECRET.to_owned())].into(),
            timeout: Duration::from_secs(1),
            unprivileged: false,
        }
    }

    #[test]
    fn a_secret_is_read_for_the_agent_and_its_absence_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let host = AgentHost::new(folder.path(), None);
        let error = revealed(&host, &call("db", "start")).unwrap_err();
        assert!(error.contains("password of db") && error.contains("cibsecret sync"), "{error}");
        assert!(revealed(&host, &call("db", "stop")).is_ok());
        assert_eq!(revealed(&host, &call("db", "meta-data")).unwrap().parameters["password"], SECRET);
        let file = secret_file(folder.path(), "db", "password").unwrap();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "hidden word\n").unwrap();
        for resource in ["db", "db:1"] {
            let call = call(resource, "start");
            let revealed = revealed(&host, &call).unwrap();
            assert_eq!((revealed.parameters["password"].as_str(), revealed.parameters["user"].as_str()), ("hidden word", "me"));
        }
        assert_eq!(secret_file(folder.path(), "..", "password"), None);
        assert_eq!(secret_file(folder.path(), "db", "../x"), None);
    }
}
