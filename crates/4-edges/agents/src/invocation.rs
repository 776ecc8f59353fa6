//! What a call looks like to the agent: its program, arguments, environment and standard input.
//!
//! Compat: the environment and the lines on stdin are those that Pacemaker's executor and fencer give.

use crate::host::{ALERT, AgentHost, User, is_plugin};
use messages::agent::AgentCall;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A call, ready to be executed.
#[derive(Clone, PartialEq, Debug)]
pub struct Invocation {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// What the agent reads; absent: /dev/null.
    pub input: Option<String>,
    pub folder: PathBuf,
    pub user: Option<User>,
    /// How much of its output is kept, in bytes.
    pub output_max: usize,
    /// How many processes its group may have at once; one that forks on and on is ended.
    pub processes_max: usize,
    /// Values that must not be repeated of what the agent says.
    pub secrets: Vec<String>,
}

/// Why a call cannot be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallError {
    NotInstalled,
    /// A secret that the agent needs is not on this host.
    NotConfigured(String),
    /// The call itself is malformed, and how.
    Invalid(String),
}

/// More than any service needs, and less than a host has.
const PROCESSES_MAX: usize = 4096;
const OUTPUT_MAX: usize = 64 * 1024;
const METADATA_MAX: usize = 1024 * 1024;

/// Parameters of a fence device that are for the cluster and not for its agent.
const NOT_FOR_FENCE_AGENTS: [&str; 5] = ["action", "provides", "stonith-timeout", "fencing-timeout", "crm_feature_set"];

impl Invocation {
    /// Returns how the call is made on this host.
    pub fn new(host: &AgentHost, call: &AgentCall) -> Result<Self, CallError> {
        let program = host.find(&call.agent).ok_or(CallError::NotInstalled)?;
        if let Some((name, _)) =
            call.parameters.iter().find(|(name, value)| name.contains(['=', '\0']) || name.is_empty() || value.contains('\0'))
        {
            return Err(CallError::Invalid(format!("parameter {name:?} cannot be passed to an agent")));
        }
        let configured = call;
        let call = crate::secrets::revealed(host, call).map_err(CallError::NotConfigured)?;
        let call = call.as_ref();
        let is_metadata = matches!(call.action.as_str(), "meta-data" | "metadata");
        let cores = host.path("/var/lib/pacemaker/cores");
        let mut invocation = Self {
            program,
            arguments: Vec::new(),
            environment: environment(host, call),
            input: None,
            folder: if cores.is_dir() { cores } else { PathBuf::from("/") },
            // Safety: an alert's path comes from the configuration, which more people may write than may be root.
            user: host.unprivileged.filter(|_| call.unprivileged || call.agent.class == ALERT),
            output_max: if is_metadata { METADATA_MAX } else { OUTPUT_MAX },
            processes_max: PROCESSES_MAX,
            secrets: crate::secrets::values(configured, call),
        };
        match host.class_of(&call.agent) {
            // Compat: alert programs get no argument.
            ALERT => invocation.environment.extend(crate::alert::variables(&call.parameters)),
            // The very class is told: of a service the unit must exist, of a unit it may also just not run.
            "systemd" => {
                invocation.arguments = ["systemd-unit", &call.agent.class, &call.action, &call.agent.kind].map(str::to_owned).into();
            }
            "stonith" => invocation.input = Some(fence_lines(call, is_metadata)?),
            "lsb" => invocation.arguments = vec![if call.action == "monitor" { "status".to_owned() } else { call.action.clone() }],
            _ => {
                invocation.arguments = vec![call.action.clone()];
                invocation.environment.extend(ocf_variables(host, call, is_metadata));
            }
        }
        Ok(invocation)
    }

    /// Returns how a program of this host is asked something that is about no resource.
    pub(crate) fn question(host: &AgentHost, program: PathBuf, arguments: &[&str]) -> Self {
        Self {
            program,
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            environment: host.inherited.clone(),
            input: None,
            folder: PathBuf::from("/"),
            user: host.unprivileged,
            output_max: METADATA_MAX,
            processes_max: PROCESSES_MAX,
            secrets: Vec::new(),
        }
    }
}

/// What every agent gets, whatever its class.
fn environment(host: &AgentHost, call: &AgentCall) -> BTreeMap<String, String> {
    let mut all = host.inherited.clone();
    let mut set = |name: &str, value: &str| all.insert(name.to_owned(), value.to_owned());
    let path = host.inherited.get("PATH").map_or("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", String::as_str);
    match &host.tools {
        Some(tools) => {
            set("PATH", &format!("{}:{path}", tools.display()));
            set("HA_SBIN_DIR", &tools.display().to_string());
        }
        None => drop(set("PATH", path)),
    }
    let service = if call.agent.class == "stonith" { "pacemaker-fenced" } else { "pacemaker-execd" };
    let log = host.path("/var/log/pacemaker/pacemaker.log").display().to_string();
    // A sandbox's agents must not fill the machine's system log.
    let facility = if host.is_machine() { "daemon" } else { "none" };
    for (name, value) in [
        ("LC_ALL", "C"),
        ("PCMK_service", service),
        ("PCMK_logfile", &log),
        ("PCMK_logfacility", facility),
        ("PCMK_debug", "0"),
        ("PCMK_cluster_type", "corosync"),
        ("PCMK_quorum_type", "corosync"),
        ("PCMK_mcp", "true"),
        ("PCMK_watchdog", "false"),
        ("HA_LOGFACILITY", facility),
        ("HA_logfacility", facility),
        ("HA_LOGFILE", &log),
        ("HA_debug", "0"),
        ("HA_cluster_type", "corosync"),
        ("HA_quorum_type", "corosync"),
        ("HA_mcp", "true"),
        ("OCF_OUTPUT_FORMAT", "text"),
        ("SYSTOLE_ROOT", &host.root.display().to_string()),
    ] {
        set(name, value);
    }
    if !host.is_machine() {
        set("HA_RSCTMP", &host.path("/run/resource-agents").display().to_string());
        set("HA_VARRUN", &host.path("/run").display().to_string());
    }
    all
}

/// What OCF agents get besides; meta-data is asked without parameters.
fn ocf_variables(host: &AgentHost, call: &AgentCall, is_metadata: bool) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut set = |name: String, value: &str| all.insert(name, value.to_owned());
    set("OCF_ROOT".into(), &host.ocf_root().display().to_string());
    set("OCF_RA_VERSION_MAJOR".into(), "1");
    set("OCF_RA_VERSION_MINOR".into(), "1");
    set("OCF_EXIT_REASON_PREFIX".into(), "ocf-exit-reason:");
    set("OCF_RESOURCE_TYPE".into(), &call.agent.kind);
    set("OCF_RESOURCE_PROVIDER".into(), call.agent.provider.as_deref().unwrap_or_default());
    let instance = call.resource.as_ref().map_or(call.agent.kind.as_str(), |resource| resource.as_str());
    set("OCF_RESOURCE_INSTANCE".into(), instance);
    for (name, value) in call.parameters.iter().filter(|_| !is_metadata) {
        match name.strip_prefix("CRM_meta_") {
            // Compat: the expected exit code is the cluster's business.
            Some("op_target_rc") | Some("op-target-rc") => {}
            Some(meta) => {
                let meta = meta.replace('-', "_");
                // Compat: agents compute with these lists and expect one blank where a list is empty.
                let is_list = meta.starts_with("notify_") && (meta.ends_with("_resource") || meta.ends_with("_uname"));
                set(format!("OCF_RESKEY_CRM_meta_{meta}"), if is_list && value.is_empty() { " " } else { value });
            }
            None if name == "OCF_CHECK_LEVEL" => drop(set(name.clone(), value)),
            None => drop(set(format!("OCF_RESKEY_{name}"), value)),
        }
    }
    all
}

/// The `key=value` lines that a fence agent reads.
fn fence_lines(call: &AgentCall, is_metadata: bool) -> Result<String, CallError> {
    let mut lines = format!("action={}\n", if is_metadata { "metadata" } else { &call.action });
    if is_plugin(&call.agent) {
        lines.push_str(&format!("plugin={}\n", call.agent.kind));
    }
    for (name, value) in call.parameters.iter().filter(|_| !is_metadata) {
        if name.starts_with("CRM_meta_") || name.starts_with("pcmk_") || NOT_FOR_FENCE_AGENTS.contains(&name.as_str()) {
            continue;
        }
        if name.contains('\n') || value.contains('\n') {
            return Err(CallError::Invalid(format!("parameter {name:?} contains a line break, which no fence agent can be told")));
        }
        lines.push_str(&format!("{name}={value}\n"));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::agent::AgentName;
    use model::CallId;
    use std::time::Duration;

    fn call(class: &str, provider: Option<&str>, kind: &str, action: &str, parameters: &[(&str, &str)]) -> AgentCall {
        AgentCall {
            id: CallId(1),
            agent: AgentName { class: class.into(), provider: provider.map(Into::into), kind: kind.into() },
            action: action.into(),
            resource: Some("e1".into()),
            parameters: parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            timeout: Duration::from_secs(20),
            unprivileged: false,
        }
    }

    /// A host with one agent file at each of these paths.
    fn host(paths: &[&str]) -> (tempfile::TempDir, AgentHost) {
        let folder = tempfile::tempdir().unwrap();
        for path in paths {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let mut host = AgentHost::new(folder.path(), Some("/opt/tools".into()));
        host.inherited = [("PATH".to_owned(), "/bin".to_owned())].into();
        (folder, host)
    }

    #[test]
    fn an_ocf_agent_gets_the_variables_the_field_gives() {
        let (_folder, host) = host(&["usr/lib/ocf/resource.d/test/EnvDump"]);
        let parameters = [
            ("p1", "one"),
            ("p-2", "two words"),
            ("CRM_meta_clone-max", "3"),
            ("CRM_meta_on_node", "node1"),
            ("CRM_meta_op_target_rc", "7"),
            ("CRM_meta_notify_start_resource", ""),
            ("OCF_CHECK_LEVEL", "10"),
        ];
        let got = Invocation::new(&host, &call("ocf", Some("test"), "EnvDump", "monitor", &parameters)).unwrap();
        assert_eq!(got.arguments, ["monitor"]);
        for (name, value) in [
            ("OCF_RESKEY_p1", Some("one")),
            ("OCF_RESKEY_p-2", Some("two words")),
            ("OCF_RESKEY_CRM_meta_clone_max", Some("3")),
            ("OCF_RESKEY_CRM_meta_on_node", Some("node1")),
            ("OCF_RESKEY_CRM_meta_op_target_rc", None),
            ("OCF_RESKEY_CRM_meta_notify_start_resource", Some(" ")),
            ("OCF_CHECK_LEVEL", Some("10")),
            ("OCF_RESKEY_OCF_CHECK_LEVEL", None),
            ("OCF_RESOURCE_INSTANCE", Some("e1")),
            ("OCF_RESOURCE_PROVIDER", Some("test")),
            ("HA_SBIN_DIR", Some("/opt/tools")),
            ("PATH", Some("/opt/tools:/bin")),
            ("PCMK_service", Some("pacemaker-execd")),
        ] {
            assert_eq!(got.environment.get(name).map(String::as_str), value, "{name}");
        }
        let metadata = Invocation::new(&host, &call("ocf", Some("test"), "EnvDump", "meta-data", &parameters)).unwrap();
        assert!(!metadata.environment.keys().any(|name| name.starts_with("OCF_RESKEY_")));
        assert_eq!(metadata.output_max, METADATA_MAX);
    }

    #[test]
    fn a_fence_agent_gets_lines_and_nothing_of_the_cluster() {
        let (_folder, host) = host(&["usr/sbin/fence_test"]);
        let parameters =
            [("port", "7"), ("nodename", "node2"), ("pcmk_host_map", "node2:7"), ("action", "reboot"), ("CRM_meta_timeout", "20000")];
        let got = Invocation::new(&host, &call("stonith", None, "fence_test", "off", &parameters)).unwrap();
        assert_eq!(got.input.as_deref(), Some("action=off\nnodename=node2\nport=7\n"));
        assert_eq!(got.environment["PCMK_service"], "pacemaker-fenced");
        let metadata = Invocation::new(&host, &call("stonith", None, "fence_test", "meta-data", &parameters)).unwrap();
        assert_eq!(metadata.input.as_deref(), Some("action=metadata\n"));
        let sly = [("port", "7\naction=on")];
        assert!(matches!(Invocation::new(&host, &call("stonith", None, "fence_test", "off", &sly)), Err(CallError::Invalid(_))));
    }

    #[test]
    fn an_older_plugin_is_spoken_to_by_the_agent_that_passes_on() {
        let (folder, host) = host(&["usr/sbin/fence_legacy"]);
        let got = Invocation::new(&host, &call("stonith", None, "external/ssh", "off", &[("hostlist", "a b"), ("port", "a")])).unwrap();
        assert_eq!(got.program, folder.path().join("usr/sbin/fence_legacy"));
        assert_eq!(got.input.as_deref(), Some("action=off\nplugin=external/ssh\nhostlist=a b\nport=a\n"));
    }

    #[test]
    fn agents_are_found_below_the_root_and_by_plain_names_only() {
        let (folder, host) = host(&["usr/lib/ocf/resource.d/systole/NoSuchDummy", "etc/init.d/web", "usr/sbin/reboot-all"]);
        let find = |class: &str, provider: Option<&str>, kind: &str| host.find(&call(class, provider, kind, "", &[]).agent);
        let own = folder.path().join("usr/lib/ocf/resource.d/systole/NoSuchDummy");
        assert_eq!(find("ocf", Some("pacemaker"), "NoSuchDummy"), Some(own));
        assert_eq!(find("lsb", None, "web"), Some(folder.path().join("etc/init.d/web")));
        for (class, provider, kind) in [
            ("ocf", Some("heartbeat"), "NoSuchDummy"),
            ("ocf", Some(".."), "NoSuchDummy"),
            ("ocf", Some("systole"), "../systole/NoSuchDummy"),
            ("ocf", None, "NoSuchDummy"),
            ("stonith", None, "external/../reboot-all"),
            ("ocf", Some("heartbeat"), "external/reboot-all"),
            ("upstart", None, "web"),
            ("alert", None, "usr/sbin/reboot-all"),
        ] {
            assert_eq!(find(class, provider, kind), None, "{class}:{provider:?}:{kind}");
        }
    }

    #[test]
    fn a_service_is_an_init_script_before_it_is_a_unit() {
        let (_folder, host) = host(&["etc/init.d/web"]);
        let arguments =
            |class: &str, kind: &str, action: &str| Invocation::new(&host, &call(class, None, kind, action, &[])).unwrap().arguments;
        assert_eq!(arguments("service", "web", "monitor"), ["status"]);
        assert_eq!(arguments("service", "no-script-of-this-name", "start"), ["systemd-unit", "service", "start", "no-script-of-this-name"]);
        assert_eq!(arguments("systemd", "web", "stop"), ["systemd-unit", "systemd", "stop", "web"]);
        assert_eq!(host.class_of(&call("service", None, "web", "", &[]).agent), "lsb");
    }

    #[test]
    fn an_alert_program_gets_its_variables_as_they_are() {
        let (folder, mut host) = host(&["usr/share/alerts/mail.sh"]);
        host.unprivileged = Some(User { uid: 102, gid: 102 });
        let parameters = [("CRM_alert_kind", "node"), ("mail_to", "ops")];
        let got = Invocation::new(&host, &call("alert", None, "/usr/share/alerts/mail.sh", "alert", &parameters)).unwrap();
        assert_eq!(got.user, host.unprivileged, "whatever the call says");
        assert_eq!((got.program, got.arguments.len()), (folder.path().join("usr/share/alerts/mail.sh"), 0));
        assert_eq!((got.environment["CRM_alert_kind"].as_str(), got.environment["mail_to"].as_str()), ("node", "ops"));
        assert!(!got.environment.contains_key("OCF_RESOURCE_TYPE"));
    }
}
