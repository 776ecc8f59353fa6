//! The status again and again: whenever something happens in the cluster, a key is pressed, or the interval is over.
//!
//! On a terminal, keys switch sections as in Pacemaker's tool. A cluster that is away is waited for.

use super::Monitor;
use crate::commands::external_agent::ExternalAgent;
use crate::commands::tool;
use admin::Exit;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{IsTerminal, Read};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// However much happens, the status is not looked at more often.
const PAUSE: Duration = Duration::from_millis(200);

enum News {
    Happened,
    Key(u8),
}

/// The terminal while keys are read one by one; as it was, afterwards.
struct Keyboard(Termios);

impl Keyboard {
    fn take() -> Option<Self> {
        if !std::io::stdin().is_terminal() {
            return None;
        }
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut single = before.clone();
        single.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        single.special_codes[SpecialCodeIndex::VMIN] = 1;
        single.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(std::io::stdin(), OptionalActions::Now, &single).ok()?;
        tool::print("\x1b[?1049h\x1b[?25l");
        Some(Self(before))
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
        tool::print("\x1b[?25h\x1b[?1049l");
    }
}

/// Shows the status until a person has seen enough, or for ever.
pub(super) fn watch(monitor: &mut Monitor, to_terminal: bool) -> Exit {
    let (tell, told) = mpsc::channel();
    let keyboard = if to_terminal { Keyboard::take() } else { None };
    if keyboard.is_some() {
        let tell = tell.clone();
        std::thread::spawn(move || read_keys(&tell));
    }
    let interval = monitor.interval().max(Duration::from_millis(100));
    std::thread::spawn(move || follow(&tell, interval));
    let mut agent = monitor.arguments.external_agent.clone();
    let mut agent = agent.take().map(|path| ExternalAgent::new(path, monitor.arguments.external_recipient.clone()));
    let (mut scroll, mut with_help) = (0, false);
    loop {
        let looked = Instant::now();
        if let (Some(agent), Ok(prepared)) = (&mut agent, monitor.input().prepared("crm_mon")) {
            agent.look(&prepared.cib);
        }
        if to_terminal {
            screen(monitor, &mut scroll, with_help);
        } else {
            monitor.show();
        }
        match told.recv_timeout(interval) {
            Ok(News::Key(b'q' | 3 | 4)) => return Exit::OK,
            Ok(News::Key(key)) => with_help = press(monitor, key, &mut scroll) && !with_help,
            Ok(News::Happened) => {
                std::thread::sleep(PAUSE.saturating_sub(looked.elapsed()));
                // What happened meanwhile is seen with the next look.
                while let Ok(news) = told.try_recv() {
                    match news {
                        News::Key(b'q' | 3 | 4) => return Exit::OK,
                        News::Key(key) => with_help = press(monitor, key, &mut scroll) && !with_help,
                        News::Happened => {}
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            // Both threads ended: only time is left.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(interval),
        }
    }
}

fn read_keys(tell: &Sender<News>) {
    for byte in std::io::stdin().lock().bytes() {
        let Ok(byte) = byte else { return };
        if tell.send(News::Key(byte)).is_err() {
            return;
        }
    }
}

/// Tells of everything that happens in the cluster; connects again when the daemon comes back.
fn follow(tell: &Sender<News>, interval: Duration) {
    loop {
        let events = sockets::Client::connect(&admin::root(), "crm_mon").and_then(sockets::Client::subscribe);
        for event in events.into_iter().flatten() {
            if event.is_err() {
                break;
            }
            if tell.send(News::Happened).is_err() {
                return;
            }
        }
        std::thread::sleep(interval);
    }
}

/// Does what a key means; returns whether it asks for help.
fn press(monitor: &mut Monitor, key: u8, scroll: &mut usize) -> bool {
    let (sections, arguments) = (&mut monitor.sections, &mut monitor.arguments);
    match key {
        b'c' => sections.tickets ^= true,
        b'f' => sections.failcounts ^= true,
        b'o' => {
            sections.operations ^= true;
            sections.failcounts |= sections.operations;
        }
        b't' => {
            arguments.timing_details ^= true;
            sections.operations |= arguments.timing_details;
        }
        b'n' => arguments.group_by_node ^= true,
        b'r' => arguments.inactive ^= true,
        b'R' => arguments.show_detail ^= true,
        b'b' => arguments.brief ^= true,
        b'j' => arguments.pending ^= true,
        b'A' => sections.attributes ^= true,
        b'L' => sections.bans ^= true,
        b'D' => {
            let on = !sections.stack;
            (sections.stack, sections.dc, sections.times, sections.counts, sections.maintenance) = (on, on, on, on, on);
        }
        b'm' => {
            let (failed, all) = (sections.fence_failed, sections.fence_worked);
            (sections.fence_failed, sections.fence_pending, sections.fence_worked) = match (failed, all) {
                (false, _) => (true, true, false),
                (true, false) => (true, true, true),
                (true, true) => (false, false, false),
            };
        }
        b' ' => *scroll += 10,
        b'u' => *scroll = scroll.saturating_sub(10),
        _ => return key == b'?' || key == b'h',
    }
    false
}

const HELP: &str = "\
Keys:
  n  resources below their nodes     r  inactive resources
  f  fail counts                     o  operations        t  their times
  c  tickets                         A  node attributes   L  bans
  m  fencing: failed, all, none      R  details           b  brief
  D  the headers                     space, u  down, up
  ?  this help                       q  quit
";

/// Draws the status, as much of it as fits.
fn screen(monitor: &Monitor, scroll: &mut usize, with_help: bool) {
    let (text, is_fine) = match monitor.input().prepared("crm_mon") {
        Ok(prepared) => (monitor.text_of(&prepared.cib, &monitor.daemon()), true),
        Err(refusal) => (format!("Waiting until the cluster is available on this node ...\n\n{refusal}\n"), false),
    };
    let text = if with_help { format!("{HELP}\n{text}") } else { text };
    let height = tcgetwinsize(std::io::stdout()).map_or(0, |size| usize::from(size.ws_row));
    let height = if height < 2 { 24 } else { height };
    let count = text.lines().count();
    *scroll = if is_fine { (*scroll).min(count.saturating_sub(height - 1)) } else { 0 };
    let mut shown: String = text.lines().skip(*scroll).take(height - 1).flat_map(|line| [line, "\x1b[K\r\n"]).collect();
    if count > height - 1 {
        shown.push_str(&format!("-- {} of {count} lines --\x1b[K", (*scroll + height - 1).min(count)));
    }
    tool::print(&format!("\x1b[H{shown}\x1b[J"));
}
