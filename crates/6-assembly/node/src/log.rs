//! The log: lines as the field's tools expect them, in `pacemaker.log` and on standard error.

use member::LogLevel;
use model::NodeName;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes the log lines of one daemon.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    node: NodeName,
    least: LogLevel,
}

impl Log {
    /// Returns the log of the host below `root`. Debug lines are written where `PCMK_debug` asks for them.
    pub fn new(root: &Path, node: NodeName) -> Self {
        let wants_debug =
            std::env::var("PCMK_debug").is_ok_and(|text| model::parse_boolean(&text) == Some(true) || text.contains("controld"));
        Self { path: root.join("var/log/pacemaker/pacemaker.log"), node, least: if wants_debug { LogLevel::Debug } else { LogLevel::Info } }
    }

    /// Writes a line. A log that cannot be written is no reason to stop.
    pub fn write(&self, level: LogLevel, text: &str) {
        if level < self.least {
            return;
        }
        let text = &model::secret::without_named(text);
        let line = self.line(&jiff::Zoned::now().strftime("%b %d %H:%M:%S%.3f").to_string(), level, text);
        // Opened for each line, so that whoever rotates the log need not tell us.
        let file = OpenOptions::new().create(true).append(true).mode(0o660).open(&self.path);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
        eprint!("{line}");
    }

    /// Compat: the form that `crm history` and log watchers of the field read.
    fn line(&self, time: &str, level: LogLevel, text: &str) -> String {
        let level = match level {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Notice => "notice",
            LogLevel::Warning => "warning",
            LogLevel::Error => "error",
        };
        let text = text.replace('\n', " | ");
        format!("{time} {} pacemaker-controld [{}] (member) {level}: {text}\n", self.node, std::process::id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_field_s_form_and_stays_one_line() {
        let log = Log::new(Path::new("/nowhere"), "node1".into());
        let line = log.line("Nov 23 14:05:06.789", LogLevel::Notice, "web runs\non node2");
        assert_eq!(
            line,
            format!("Nov 23 14:05:06.789 node1 pacemaker-controld [{}] (member) notice: web runs | on node2\n", std::process::id())
        );
    }
}
