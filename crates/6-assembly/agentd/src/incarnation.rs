//! Which life of the host this is: kept where a boot forgets it, and never used for two lives.

use crate::AgentdOptions;
use messages::group::Incarnation;
use std::fs;
use std::io;
use std::path::Path;

/// This life of the host, and whether an earlier `agentd` of the same life ran here.
#[derive(Debug)]
pub(crate) struct Life {
    pub incarnation: Incarnation,
    pub is_continued: bool,
}

/// Returns this life of the host and writes it down for a later `agentd`.
pub(crate) fn establish(options: &AgentdOptions, folder: &Path) -> io::Result<Life> {
    let file = folder.join("incarnation");
    let kernel = |name: &str| fs::read_to_string(format!("/proc/sys/kernel/random/{name}")).map(|text| text.trim().to_owned());
    let boot = kernel("boot_id")?;
    let found = fs::read_to_string(&file).unwrap_or_default();
    let known = found.split_once('\n').filter(|(of_boot, _)| *of_boot == boot).map(|(_, known)| known.trim().to_owned());
    let incarnation = match (&options.incarnation, &known) {
        (Some(told), _) => told.clone(),
        (None, Some(known)) => known.clone(),
        (None, None) => kernel("uuid")?,
    };
    let is_continued = known.as_ref() == Some(&incarnation);
    if !is_continued {
        fs::write(&file, format!("{boot}\n{incarnation}\n"))?;
    }
    Ok(Life { incarnation: Incarnation(incarnation), is_continued })
}
