//! What ends this host when nobody lets it live any more: the watchdog, and the poison-pill disks with messages of others.
//!
//! Safety: the watchdog is petted only when the daemon gave permission a moment ago, and only where nobody will count this host
//! as lost or others can still end it by a disk. All of it is decided in [`Verdict`], which knows no device.

use crate::AgentdOptions;
use crate::reset::End;
use anyhow::Context;
use messages::agent::SelfFencing;
use messages::group::Engine;
use rustix::time::{ClockId, clock_gettime};
use sbd::{Header, Message, Told};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use watchdog::{Settings, StartDelay, TimeoutAction, Watchdog};

/// Here while resources may run: an `agentd` that finds it did not end in good order before.
const AT_WORK: &str = "at-work";
/// How long disks may take to appear at the start.
const DISK_PATIENCE: Duration = Duration::from_secs(120);

/// Whether the host may live.
#[derive(Debug)]
struct Verdict {
    timeout: Duration,
    /// When each disk's mailbox was last read. `None`: it was not yet.
    disks: Vec<Option<Instant>>,
    /// When the host was last allowed to live.
    allowed: Instant,
}

impl Verdict {
    /// Compat: of one or two disks one is enough, of three two.
    fn disks_suffice(&self, now: Instant) -> bool {
        let read = self.disks.iter().flatten().filter(|read| now.saturating_duration_since(**read) < self.timeout).count();
        read > if self.disks.len() > 2 { self.disks.len() / 2 } else { 0 }
    }

    /// The daemon gave permission this long ago; returns whether the host may live for another while.
    fn permitted(&mut self, now: Instant, age: Duration, is_safe: bool) -> bool {
        // What was on its way that long says nothing about now.
        let counts = age <= self.timeout / 4 && (is_safe || self.disks_suffice(now));
        if counts {
            self.allowed = now;
        }
        counts
    }

    fn is_over(&self, now: Instant, patience: Duration) -> bool {
        now.saturating_duration_since(self.allowed) >= patience
    }
}

/// The watchdog and the disks of this host.
#[derive(Debug)]
pub(crate) struct Guard {
    settings: Settings,
    watchdog: Option<Watchdog>,
    verdict: Verdict,
    told: mpsc::UnboundedReceiver<Told>,
    /// Nothing can run here before the daemon's first permission: until then none is needed.
    is_waiting: bool,
    marker: PathBuf,
    /// The cluster's engine gives both of two nodes quorum.
    unfit: Option<String>,
}

impl Guard {
    /// Arms what the host's settings name; `None` where they name nothing. Blocks until enough disks are there.
    ///
    /// # Errors
    /// The watchdog or too many disks cannot be used: the host must not take part.
    pub fn arm(options: &AgentdOptions, folder: &Path) -> anyhow::Result<Option<Self>> {
        let Some(settings) = Settings::read(&options.root).map_err(anyhow::Error::msg)? else { return Ok(None) };
        let marker = folder.join(AT_WORK);
        let is_waiting = !marker.exists();
        let (tell, mut told) = mpsc::unbounded_channel();
        for (disk, path) in settings.disks.iter().enumerate() {
            let tell = tell.clone();
            let is_kept = settings.only_clean || !is_waiting;
            sbd::watch(disk, path.clone(), options.node.to_string(), is_kept, move |seen| tell.send(seen).is_ok())
                .context("failed to start the watcher of a disk")?;
        }
        let headers = await_disks(&settings, &mut told)?;
        let on_disk = headers.iter().map(|header| header.watchdog).min();
        if headers.iter().any(|header| Some(header.watchdog) != on_disk || header.message_wait != headers[0].message_wait) {
            anyhow::bail!("the poison-pill disks do not agree on their time-outs; `sbd -d DISK … create` writes them anew");
        }
        // Compat: what is on the disk counts more than SBD_WATCHDOG_TIMEOUT.
        let timeout = on_disk.unwrap_or(settings.timeout);
        let message_wait = headers.first().map(|header| header.message_wait);
        if let Some(wait) = message_wait.filter(|wait| *wait <= timeout) {
            anyhow::bail!(
                "messages on the disk count as obeyed after {wait:?}, and the watchdog takes {timeout:?}: msgwait must be longer"
            );
        }
        delay(&settings, message_wait.unwrap_or(timeout * 2), is_waiting);
        let watchdog = match &settings.device {
            Some(path) => Some(Watchdog::arm(path, timeout, settings.pretimeout)?),
            None => None,
        };
        let timeout = watchdog.as_ref().map_or(timeout, Watchdog::timeout);
        let verdict = Verdict { timeout, disks: vec![Some(Instant::now()); settings.disks.len()], allowed: Instant::now() };
        let unfit = is_two_node(options).then(|| {
            "with two_node both sides of a split have quorum; use a poison-pill disk (SBD_DEVICE), a quorum device or a third node"
                .to_owned()
        });
        Ok(Some(Self { settings, watchdog, verdict, told, is_waiting, marker, unfit }))
    }

    /// Returns what the daemon is told of it.
    pub fn self_fencing(&self) -> SelfFencing {
        let has_disks = !self.settings.disks.is_empty();
        let no_device = self.watchdog.is_none().then(|| "SBD_WATCHDOG_DEV is /dev/null".to_owned());
        SelfFencing { timeout: self.verdict.timeout, has_disks, unfit: no_device.or_else(|| self.unfit.clone().filter(|_| !has_disks)) }
    }

    /// Returns one line for people.
    pub fn describe(&self) -> String {
        let device = self.watchdog.as_ref().map_or("no watchdog".to_owned(), |watchdog| format!("watchdog {}", watchdog.path().display()));
        let disks =
            if self.settings.disks.is_empty() { String::new() } else { format!(", {} poison-pill disk(s)", self.settings.disks.len()) };
        format!("{device} of {} s{disks}", self.verdict.timeout.as_secs())
    }

    /// Returns how often [`Guard::tick`] is to be called.
    pub fn interval(&self) -> Duration {
        self.verdict.timeout / 8
    }

    /// The daemon gave permission at this time of the machine's clock.
    pub fn permitted(&mut self, at: Duration, is_safe: bool) {
        let now = clock_gettime(ClockId::Monotonic);
        let now = Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32);
        if self.is_waiting {
            self.is_waiting = false;
            if let Err(error) = std::fs::write(&self.marker, "") {
                eprintln!("agentd: failed to note that this host is at work: {error}");
            }
        }
        if self.verdict.permitted(Instant::now(), now.saturating_sub(at), is_safe) {
            self.pet();
        }
    }

    /// Returns how the host must end, if it must.
    pub fn tick(&mut self) -> Option<(End, String)> {
        if self.is_waiting {
            self.verdict.allowed = Instant::now();
            self.pet();
            return None;
        }
        let end = match self.settings.timeout_action {
            TimeoutAction::Reboot => End::Reset,
            TimeoutAction::Off => End::Off,
            TimeoutAction::Crashdump => End::Crashdump,
        };
        let why = format!("nobody let it live for {:?}: no quorum, no disk, or a daemon that stands still", self.verdict.timeout);
        // The watchdog ends the host in time whatever its software does; this is for a host without one, or one whose device fails.
        let spare = if self.watchdog.is_some() { self.verdict.timeout / 4 } else { Duration::ZERO };
        self.verdict.is_over(Instant::now(), self.verdict.timeout + spare).then_some((end, why))
    }

    /// Returns the next message of another host, or says that a disk failed. May be dropped at any await.
    pub async fn next(&mut self) -> (Message, String) {
        loop {
            match self.told.recv().await {
                Some(Told::Read { disk, asked }) => self.verdict.disks[disk] = Some(asked),
                Some(Told::Received { message, from, .. }) => return (message, from),
                Some(Told::Found { disk, slot, .. }) => {
                    eprintln!("agentd: {}: slot {slot} is this node's", self.settings.disks[disk].display());
                }
                Some(Told::Failed { problem, .. }) => eprintln!("agentd: a poison-pill disk: {problem}"),
                None => std::future::pending().await,
            }
        }
    }

    fn pet(&mut self) {
        if let Some(watchdog) = &mut self.watchdog
            && let Err(error) = watchdog.pet()
        {
            eprintln!("agentd: failed to pet {}: {error}", watchdog.path().display());
        }
    }

    /// Nothing of the cluster runs here any more: the host may live without anybody's permission.
    pub fn stand_down(&mut self) {
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.disarm();
        }
        self.watchdog = None;
        let _ = std::fs::remove_file(&self.marker);
    }
}

/// Waits for as many disks as must be there at the start.
///
/// Compat: one of one, two of two, two of three.
fn await_disks(settings: &Settings, told: &mut mpsc::UnboundedReceiver<Told>) -> anyhow::Result<Vec<Header>> {
    let wanted = match settings.disks.len() {
        3 => 2,
        all => all,
    };
    let count = settings.disks.len();
    let (mut found, mut read, mut problem, end) = (vec![None; count], vec![false; count], String::new(), Instant::now() + DISK_PATIENCE);
    loop {
        // With a start that must be clean the mailboxes are looked into before anything runs.
        let are_read = !settings.only_clean || read.iter().filter(|read| **read).count() >= wanted;
        if are_read && found.iter().flatten().count() >= wanted {
            break;
        }
        match told.try_recv() {
            Ok(Told::Found { disk, header, .. }) => found[disk] = Some(header),
            Ok(Told::Read { disk, .. }) => read[disk] = true,
            Ok(Told::Received { message, from, .. }) if settings.only_clean && ends_the_host(message) => {
                let remedy = "`sbd -d DISK message NODE clear` lets it start";
                anyhow::bail!("this node was fenced ({message} from {from}) and SBD_STARTMODE=clean; {remedy}");
            }
            Ok(Told::Failed { problem: text, .. }) if text != problem => {
                eprintln!("agentd: waiting for a poison-pill disk: {text}");
                problem = text;
            }
            Ok(_) => {}
            Err(_) if Instant::now() > end => anyhow::bail!("{wanted} poison-pill disk(s) must be there at the start: {problem}"),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    Ok(found.into_iter().flatten().collect())
}

/// Returns whether a message ends whoever it is for.
pub(crate) fn ends_the_host(message: Message) -> bool {
    matches!(message, Message::Reset | Message::Off | Message::Crashdump)
}

/// Gives those that fenced this host time to see it through, where the settings ask for that.
fn delay(settings: &Settings, message_wait: Duration, is_fresh: bool) {
    let delay = match settings.start_delay {
        StartDelay::None => Duration::ZERO,
        StartDelay::MessageWait => message_wait,
        StartDelay::Fixed(delay) => delay,
    };
    if is_fresh && !delay.is_zero() {
        eprintln!("agentd: SBD_DELAY_START: waiting for {delay:?}");
        std::thread::sleep(delay);
    }
}

/// Returns whether each of two nodes keeps quorum when it loses the other.
fn is_two_node(options: &AgentdOptions) -> bool {
    if options.engine != Engine::Corosync {
        return false;
    }
    let text = std::fs::read_to_string(options.root.join("etc/corosync/corosync.conf")).unwrap_or_default();
    let has_device = text.lines().any(|line| line.trim_start().starts_with("device"));
    let is_set = |line: &str| line.split_once(':').is_some_and(|(name, value)| name.trim() == "two_node" && value.trim() == "1");
    !has_device && text.lines().any(is_set)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn verdict(disks: &[Option<Instant>], allowed: Instant) -> Verdict {
        Verdict { timeout: SECOND * 4, disks: disks.to_vec(), allowed }
    }

    #[test]
    fn a_host_lives_by_fresh_permission_alone() {
        let begin = Instant::now();
        let mut verdict = verdict(&[], begin);
        assert!(verdict.permitted(begin + SECOND * 2, Duration::ZERO, true));
        assert!(!verdict.is_over(begin + SECOND * 5, SECOND * 4));
        assert!(!verdict.permitted(begin + SECOND * 3, SECOND * 2, true), "one that was under way for long does not count");
        assert!(!verdict.permitted(begin + SECOND * 3, Duration::ZERO, false), "without quorum nobody but the host can end it");
        assert!(verdict.is_over(begin + SECOND * 6, SECOND * 4));
    }

    #[test]
    fn without_quorum_a_host_lives_while_its_disks_can_be_read() {
        let begin = Instant::now();
        let now = begin + SECOND * 10;
        let fresh = Some(now - SECOND);
        let stale = Some(begin);
        let lives = |disks: &[Option<Instant>]| verdict(disks, begin).permitted(now, Duration::ZERO, false);
        assert!(lives(&[fresh]) && !lives(&[stale]) && !lives(&[None]));
        assert!(lives(&[fresh, stale]), "one of two is enough");
        assert!(lives(&[fresh, stale, fresh]) && !lives(&[fresh, stale, None]), "of three two");
        // A daemon that stands still is not made good by disks.
        assert!(!verdict(&[fresh], begin).permitted(now, SECOND * 3, false));
    }
}
