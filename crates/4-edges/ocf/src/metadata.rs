//! The meta-data of an agent as OCF 1.1 wants it, made from its description.

use crate::{Action, Agent, Parameter};
use std::fmt::Write;

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Returns the XML text that `meta-data` prints.
pub(crate) fn text(agent: &Agent) -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        "<?xml version=\"1.0\"?>\n<resource-agent name=\"{}\" version=\"{}\">\n<version>1.1</version>\n<longdesc lang=\"en\">\n{}\n</longdesc>\n<shortdesc lang=\"en\">{}</shortdesc>\n<parameters>\n",
        agent.name,
        env!("CARGO_PKG_VERSION"),
        escape(agent.long),
        escape(agent.short)
    );
    agent.parameters.iter().for_each(|p| parameter(&mut out, p));
    out.push_str("</parameters>\n<actions>\n");
    agent.actions.iter().for_each(|a| action(&mut out, a));
    out.push_str("</actions>\n</resource-agent>\n");
    out
}

fn parameter(out: &mut String, p: &Parameter) {
    let flag = |value: bool| if value { "1" } else { "0" };
    let default = p.default.map_or(String::new(), |value| format!(" default=\"{}\"", escape(value)));
    let unique_group = if p.unique { format!(" unique-group=\"{}\"", p.name) } else { String::new() };
    let _ = write!(
        out,
        "<parameter name=\"{}\" required=\"{}\"{unique_group} reloadable=\"{}\">\n<longdesc lang=\"en\">\n{}\n</longdesc>\n<shortdesc lang=\"en\">{}</shortdesc>\n<content type=\"{}\"{default} />\n</parameter>\n",
        p.name,
        flag(p.required),
        flag(p.reloadable),
        escape(p.long),
        escape(p.short),
        p.kind
    );
}

fn action(out: &mut String, a: &Action) {
    let interval = a.interval.map_or(String::new(), |i| format!(" interval=\"{i}\""));
    let role = a.role.map_or(String::new(), |r| format!(" role=\"{r}\""));
    let _ = writeln!(out, "<action name=\"{}\" timeout=\"{}\"{interval}{role} />", a.name, a.timeout);
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_agent_describes_itself_completely() {
        for agent in crate::AGENTS {
            let text = super::text(agent);
            for p in agent.parameters {
                assert!(text.contains(&format!("<parameter name=\"{}\"", p.name)), "{}", agent.name);
            }
            for wanted in ["start", "stop", "monitor", "meta-data", "validate-all"] {
                assert!(text.contains(&format!("<action name=\"{wanted}\"")), "{} lacks {wanted}", agent.name);
            }
        }
    }
}
