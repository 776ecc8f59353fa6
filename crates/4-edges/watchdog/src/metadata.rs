//! What `fence_watchdog` says of itself. There is no such program to run: a node fences itself by its watchdog.

/// The meta-data of the agent `fence_watchdog`.
///
/// Compat: names, actions and defaults are those of the incumbent's agent.
pub const METADATA: &str = r#"<?xml version="1.0" ?>
<resource-agent name="fence_watchdog" shortdesc="Self-fencing by the watchdog">
  <longdesc>A lost node resets itself by its watchdog; the others wait for stonith-watchdog-timeout and count it as off then.
A device of this agent is only needed to name the nodes that do so (pcmk_host_list).</longdesc>
  <parameters>
    <parameter name="action" required="0">
      <getopt mixed="-o, --action=[action]"/>
      <content type="string" default="metadata"/>
      <shortdesc lang="en">Fencing action</shortdesc>
    </parameter>
    <parameter name="nodename" required="0">
      <getopt mixed="-N, --nodename"/>
      <content type="string"/>
      <shortdesc lang="en">Not used</shortdesc>
    </parameter>
    <parameter name="plug" required="0">
      <getopt mixed="-n, --plug=[id]"/>
      <content type="string"/>
      <shortdesc lang="en">Not used</shortdesc>
    </parameter>
    <parameter name="version" required="0">
      <getopt mixed="-V, --version"/>
      <content type="boolean"/>
      <shortdesc lang="en">Show the version and end</shortdesc>
    </parameter>
    <parameter name="help" required="0">
      <getopt mixed="-h, --help"/>
      <content type="boolean"/>
      <shortdesc lang="en">Show help and end</shortdesc>
    </parameter>
  </parameters>
  <actions>
    <action name="on"/>
    <action name="off"/>
    <action name="reboot"/>
    <action name="monitor"/>
    <action name="list"/>
    <action name="metadata"/>
    <action name="stop" timeout="20s"/>
    <action name="start" timeout="20s"/>
  </actions>
</resource-agent>
"#;
