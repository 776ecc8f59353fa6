//! Linux-HA's older fence plug-ins (cluster-glue): how its program `stonith` is asked which there are, and what each says of itself.
//!
//! Devices are not spoken to this way, but through `fence_legacy`, as any other agent.

use crate::host::AgentHost;
use crate::invocation::Invocation;

/// Returns the call that lists the plug-ins, a name on each line; `None` where there can be none.
pub fn list_plugins(host: &AgentHost) -> Option<Invocation> {
    // Without the agent that passes on between the two, a plug-in is of no use.
    host.first_file("/usr/sbin/fence_legacy")?;
    asking(host, &["-L"])
}

/// Returns the call by which a plug-in describes itself, which says nothing where there is none of this name; `None` where there can be none.
pub fn describe_plugin(host: &AgentHost, kind: &str) -> Option<Invocation> {
    let is_name = !kind.starts_with('-') && !kind.starts_with("fence_");
    if is_name { asking(host, &["-m", "-t", kind]) } else { None }
}

fn asking(host: &AgentHost, arguments: &[&str]) -> Option<Invocation> {
    Some(Invocation::question(host, host.first_file("/usr/sbin/stonith")?, arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host with these programs of no content, and its folder.
    fn host(programs: &[&str]) -> (tempfile::TempDir, AgentHost) {
        let folder = tempfile::tempdir().expect("a folder can be made");
        std::fs::create_dir_all(folder.path().join("usr/sbin")).expect("so can those in it");
        for program in programs {
            std::fs::write(folder.path().join("usr/sbin").join(program), "").expect("and files");
        }
        let host = AgentHost::new(folder.path(), None);
        (folder, host)
    }

    #[test]
    fn plugins_are_asked_for_by_their_own_program() {
        let (folder, host) = host(&["stonith", "fence_legacy"]);
        let list = list_plugins(&host).expect("both are there");
        assert_eq!((list.program, list.arguments), (folder.path().join("usr/sbin/stonith"), vec!["-L".to_owned()]));
        assert_eq!(
            describe_plugin(&host, "external/ipmi").map(|call| call.arguments),
            Some(["-m", "-t", "external/ipmi"].map(str::to_owned).into())
        );
    }

    #[test]
    fn neither_an_agent_of_today_nor_an_option_is_taken_for_a_plugin() {
        let (_folder, host) = host(&["stonith", "fence_legacy"]);
        assert_eq!([describe_plugin(&host, "fence_ipmilan"), describe_plugin(&host, "-x")], [None, None]);
    }
}
