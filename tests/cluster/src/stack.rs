//! What manages the cluster on the hosts: Systole, or the incumbent to compare with. And configurations both take.

use crate::host::Host;
use crate::lab::program;
use std::sync::atomic::{AtomicU32, Ordering};

/// Numbers the configurations that are made.
static AGE: AtomicU32 = AtomicU32::new(1);

/// Where a host has its cluster manager's tools, and which of them agents call.
const TOOLS: &str = "/run/lab/tools";
const AGENTS_TOOLS: [&str; 7] = ["attrd_updater", "cibadmin", "crm_attribute", "crm_master", "crm_mon", "crm_node", "crm_resource"];

/// A cluster manager on top of Corosync.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stack {
    Systole,
    Pacemaker,
}

impl Stack {
    /// Starts it on a host where Corosync runs or is about to, with further variables.
    pub(crate) fn start(self, host: &Host, environment: &str) -> anyhow::Result<()> {
        match self {
            Self::Systole => {
                let user = if host.has("/etc/passwd") && host.run("id", &["hacluster"]).is_ok() { "--daemon-user hacluster" } else { "" };
                let program = program().display().to_string();
                // What agents call are Systole's tools, not those that Pacemaker's package left on the machine.
                for tool in AGENTS_TOOLS {
                    host.run("ln", &["-sf", &program, &format!("{TOOLS}/{tool}")])?;
                }
                let line = format!("env {environment} {program} agentd --engine corosync --tools {TOOLS} {user}");
                host.start(&line, "/var/log/systole.out")
            }
            Self::Pacemaker => {
                let wait = "while ! corosync-cfgtool -s >/dev/null 2>&1; do sleep 0.02; done";
                let variables = "PCMK_logfile=/var/log/pacemaker/pacemaker.log PCMK_logfacility=none";
                host.start(&format!("sh -c '{wait}; {variables} exec env {environment} pacemakerd -f'"), "/var/log/pacemaker.out")
            }
        }
    }

    /// Runs one of the tools that both have.
    pub(crate) fn tool(self, host: &Host, tool: &str, arguments: &[&str]) -> anyhow::Result<String> {
        match self {
            Self::Systole => {
                let arguments: Vec<&str> = [&[tool], arguments].concat();
                host.run(&program().display().to_string(), &arguments)
            }
            Self::Pacemaker => host.run(tool, arguments),
        }
    }

    /// Returns how its processes are called.
    pub fn daemons(self) -> &'static [&'static str] {
        match self {
            Self::Systole => &["systole agentd", "systole node"],
            Self::Pacemaker => &[
                "pacemakerd",
                "pacemaker-based",
                "pacemaker-controld",
                "pacemaker-attrd",
                "pacemaker-execd",
                "pacemaker-fenced",
                "pacemaker-schedulerd",
            ],
        }
    }

    /// Returns what it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Systole => "Systole",
            Self::Pacemaker => "Pacemaker",
        }
    }
}

/// Returns a Dummy resource whose activity is a file.
pub fn dummy(id: &str, interval: &str) -> String {
    format!(
        "<primitive id=\"{id}\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\"><operations>\
         <op id=\"{id}-monitor\" name=\"monitor\" interval=\"{interval}\" timeout=\"20s\"/></operations></primitive>"
    )
}

/// An operation of a resource: its name, its interval, and the role it is for.
pub type Operation<'a> = (&'a str, &'a str, Option<&'a str>);

/// Returns a resource of this provider and agent with these parameters; each operation may take two minutes.
pub fn primitive(id: &str, (provider, agent): (&str, &str), parameters: &[(&str, &str)], operations: &[Operation<'_>]) -> String {
    let operation = |(number, (name, interval, role)): (usize, &Operation<'_>)| {
        let role = role.map(|role| format!(" role=\"{role}\"")).unwrap_or_default();
        format!("<op id=\"{id}-op{number}\" name=\"{name}\" interval=\"{interval}\" timeout=\"120s\"{role}/>")
    };
    format!(
        "<primitive id=\"{id}\" class=\"ocf\" provider=\"{provider}\" type=\"{agent}\">\
         <instance_attributes id=\"{id}-p\">{}</instance_attributes><operations>{}</operations></primitive>",
        pairs(&format!("{id}-p"), parameters),
        operations.iter().enumerate().map(operation).collect::<String>()
    )
}

/// Returns a clone of a resource, with these meta-attributes.
pub fn clone(id: &str, resource: &str, meta: &[(&str, &str)]) -> String {
    format!("<clone id=\"{id}\"><meta_attributes id=\"{id}-m\">{}</meta_attributes>{resource}</clone>", pairs(id, meta))
}

fn pairs(id: &str, values: &[(&str, &str)]) -> String {
    values.iter().map(|(name, value)| format!("<nvpair id=\"{id}-{name}\" name=\"{name}\" value=\"{value}\"/>")).collect()
}

/// Returns a CIB with these cluster options, resources and constraints, and a fence device that presses the power button.
pub fn cib(options: &[(&str, &str)], resources: &str, constraints: &str) -> String {
    let options = pairs("o", options);
    // Newer than whatever the cluster wrote by itself, and than the last one made here.
    let age = AGE.fetch_add(1, Ordering::Relaxed);
    format!(
        "<cib epoch=\"1\" num_updates=\"0\" admin_epoch=\"{age}\" validate-with=\"pacemaker-3.9\"><configuration>\
         <crm_config><cluster_property_set id=\"cib-bootstrap-options\">{options}</cluster_property_set></crm_config><nodes/>\
         <resources><primitive id=\"fencing\" class=\"stonith\" type=\"fence_lab\"/>{resources}</resources>\
         <constraints>{constraints}</constraints>\
         <rsc_defaults><meta_attributes id=\"d\"><nvpair id=\"d-s\" name=\"resource-stickiness\" value=\"100\"/></meta_attributes></rsc_defaults>\
         </configuration><status/></cib>"
    )
}
