//! Names of units as configurations write them, and what there is to say of a unit as an agent.

use std::fmt;

/// The kinds of units that can be resources.
const SUFFIXES: [&str; 5] = [".service", ".socket", ".mount", ".timer", ".path"];

/// The whole name of a unit: `nginx.service`, `backup@daily.timer`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnitName(String);

impl UnitName {
    /// Completes a name as a configuration gives it. `None`: it cannot be one.
    ///
    /// Compat: without a known suffix it is a service.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = !text.is_empty() && text.len() < 250 && !text.starts_with('.');
        if !is_plain || text.contains(|c: char| c == '/' || c.is_control() || c.is_whitespace()) {
            return None;
        }
        Some(match suffix(text) {
            Some(suffix) if text.strip_suffix(suffix).is_some_and(|stem| stem.ends_with('@')) => {
                // Compat: a template without an instance is looked up with this one.
                Self(format!("{}pacemaker{suffix}", text.strip_suffix(suffix).unwrap_or_default()))
            }
            Some(_) => Self(text.to_owned()),
            None => Self(format!("{text}.service")),
        })
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether it is a service, which systemd may restart by itself.
    pub fn is_service(&self) -> bool {
        self.0.ends_with(".service")
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn suffix(name: &str) -> Option<&'static str> {
    SUFFIXES.iter().find(|suffix| name.ends_with(**suffix)).copied()
}

/// Returns the name under which a unit file is listed as an agent; `None` where it is of no kind that can be a resource.
pub(crate) fn listed(path: &str) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    suffix(name)?;
    Some(name.strip_suffix(".service").unwrap_or(name).to_owned())
}

/// Returns meta-data as OCF agents print them, made up from what systemd says of the unit.
pub fn metadata(name: &UnitName, description: Option<&str>) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let unit = escape(name.as_str());
    let long = description.map_or_else(|| format!("The unit {unit} of systemd"), escape);
    let actions: String = ["start", "stop", "status"].map(|action| format!("<action name=\"{action}\" timeout=\"100s\" />\n")).concat();
    format!(
        "<?xml version=\"1.0\"?>\n<resource-agent name=\"{unit}\" version=\"0.1\">\n<version>1.1</version>\n<longdesc lang=\"en\">\n{long}\n</longdesc>\n\
         <shortdesc lang=\"en\">systemd unit file for {unit}</shortdesc>\n<parameters/>\n<actions>\n{actions}\
         <action name=\"monitor\" timeout=\"100s\" interval=\"60s\" />\n<action name=\"meta-data\" timeout=\"5s\" />\n</actions>\n\
         <special tag=\"systemd\"/>\n</resource-agent>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_completed() {
        for (given, whole) in [
            ("nginx", Some("nginx.service")),
            ("nginx.service", Some("nginx.service")),
            ("srv-data.mount", Some("srv-data.mount")),
            ("backup@daily", Some("backup@daily.service")),
            ("getty@.service", Some("getty@pacemaker.service")),
            ("python3.11", Some("python3.11.service")),
            ("../evil", None),
            ("two words", None),
            (".hidden", None),
            ("", None),
        ] {
            assert_eq!(UnitName::parse(given).as_ref().map(UnitName::as_str), whole, "{given}");
        }
    }

    #[test]
    fn only_units_that_can_be_resources_are_listed() {
        let listed = ["/lib/systemd/system/nginx.service", "/lib/systemd/system/multi-user.target", "a.socket", "x@.service"].map(listed);
        assert_eq!(listed, [Some("nginx".to_owned()), None, Some("a.socket".to_owned()), Some("x@".to_owned())]);
    }
}
