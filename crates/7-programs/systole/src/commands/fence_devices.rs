//! Fence devices and agents as `stonith_admin` shows and tries them, on this host: installed agents, configured devices, whom they
//! reach, what an agent says of itself. Agents are run as the root role runs them, with their time and output bounded.

use admin::{Cluster, Exit, Refusal};
use agents::{AgentHost, CallError, Ended, Invocation};
use fencer::{Circumstances, Configuration, Device, DeviceCall};
use messages::agent::{AgentCall, AgentName, AgentOutcome};
use model::{CallId, NodeName};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The devices of the cluster and how long an agent may take.
pub struct FenceDevices {
    host: AgentHost,
    timeout: Duration,
}

impl FenceDevices {
    pub fn new(timeout: Duration) -> Self {
        let mut host = AgentHost::new(admin::root(), None);
        // A tool runs agents as whoever calls it.
        host.unprivileged = None;
        Self { host, timeout }
    }

    /// Returns the agents installed here, those of the older interface included.
    pub fn installed(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        let older = agents::list_plugins(&self.host).and_then(|question| self.answer(&question));
        let older: Vec<String> = older.iter().flat_map(|answer| answer.lines()).map(str::to_owned).collect();
        for folder in [self.host.path("/usr/sbin"), "/usr/sbin".into()] {
            let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
            names.extend(files.filter_map(|file| file.file_name().into_string().ok()).filter(|name| name.starts_with("fence_")));
        }
        names.insert(fencer::WATCHDOG_AGENT.to_owned());
        // Compat: the plug-ins come first.
        older.into_iter().chain(names).collect()
    }

    /// Returns the devices of the configuration that are not disabled.
    pub fn configured(&self, cluster: &Cluster) -> Result<Vec<Device>, Refusal> {
        let cib = cluster.cib()?;
        let circumstances = Circumstances { now: admin::now(), attributes: BTreeMap::new(), watchdog: None };
        Ok(Configuration::read(&cib, &circumstances).devices.into_values().collect())
    }

    /// Returns a device of the configuration.
    pub fn device(&self, cluster: &Cluster, id: &str) -> Result<Device, Refusal> {
        let found = self.configured(cluster)?.into_iter().find(|device| device.id == *id);
        found.ok_or_else(|| Refusal::new(Exit::NO_SUCH, format!("there is no fence device {id:?}, or it is disabled")))
    }

    /// Returns whether a device reaches a target, as far as can be told here.
    pub fn reaches(&self, device: &Device, target: &NodeName) -> bool {
        let metadata = self.metadata(&device.agent).unwrap_or_default();
        let question = device.question(&metadata, target);
        let answer = question.call().map(|call| self.call(&device.agent, call));
        match answer {
            None => question.is_reached(None, ""),
            Some(Ok(Ended { outcome: AgentOutcome::Exited(code), stdout, .. })) => question.is_reached(Some(code), &stdout),
            Some(_) => false,
        }
    }

    /// Returns what an agent says of itself.
    pub fn metadata(&self, agent: &AgentName) -> Result<String, Refusal> {
        if agent.kind == fencer::WATCHDOG_AGENT {
            return Ok(watchdog::METADATA.to_owned());
        }
        let no_device = || Refusal::new(Exit::NO_SUCH, "Can't get fence agent meta-data: No such device");
        // Compat: what is not named like an agent is a plug-in, and one that is not installed describes nothing.
        if !agent.kind.starts_with("fence_") && !self.installed().contains(&agent.kind) {
            return Err(no_device());
        }
        if let Some(answer) = agents::describe_plugin(&self.host, &agent.kind).and_then(|question| self.answer(&question)) {
            return Ok(answer);
        }
        let ended = self.call(agent, &DeviceCall { action: "metadata".to_owned(), parameters: BTreeMap::new() });
        let ended = ended.map_err(|refusal| if refusal.exit == Exit::NOT_INSTALLED { no_device() } else { refusal })?;
        match ended.outcome {
            AgentOutcome::Exited(0) if !ended.stdout.trim().is_empty() => Ok(ended.stdout),
            outcome => Err(Refusal::new(Exit::ERROR, format!("Can't get fence agent meta-data: {outcome:?} {}", ended.stderr.trim()))),
        }
    }

    /// Runs an agent; `Ok` says how it ended.
    pub fn call(&self, agent: &AgentName, call: &DeviceCall) -> Result<Ended, Refusal> {
        let call = AgentCall {
            id: CallId(0),
            agent: agent.clone(),
            action: call.action.clone(),
            resource: None,
            parameters: call.parameters.clone(),
            timeout: self.timeout,
            unprivileged: false,
        };
        let invocation = Invocation::new(&self.host, &call).map_err(|error| match error {
            CallError::NotInstalled => Refusal::new(Exit::NOT_INSTALLED, format!("{} is not installed", agent.kind)),
            CallError::NotConfigured(why) => Refusal::new(Exit::NOT_CONFIGURED, why),
            CallError::Invalid(why) => Refusal::new(Exit::USAGE, why),
        })?;
        self.run(&invocation).map_err(|why| Refusal::new(Exit::ERROR, format!("{} could not be run: {why}", agent.kind)))
    }

    fn run(&self, invocation: &Invocation) -> Result<Ended, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        runtime.block_on(async {
            let spawned = agents::spawn(invocation).map_err(|why| format!("{why:?}"))?;
            Ok(spawned.finish(self.timeout, std::future::pending()).await)
        })
    }

    /// Returns what a program answers to a question, if it does.
    fn answer(&self, question: &Invocation) -> Option<String> {
        let ended = self.run(question).ok()?;
        (ended.outcome == AgentOutcome::Exited(0) && !ended.stdout.trim().is_empty()).then_some(ended.stdout)
    }
}

/// Returns the name of a fence agent.
pub fn agent(kind: &str) -> AgentName {
    AgentName { class: "stonith".to_owned(), provider: None, kind: kind.to_owned() }
}
