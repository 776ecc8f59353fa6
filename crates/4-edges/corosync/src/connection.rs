//! One connection to Corosync's process group, quorum and shutdown services: what happened there as values.
//!
//! All calls of it but opening and closing return at once. The libraries call back only from within a dispatch, on the
//! thread that dispatches; what they tell is collected there and handed out by that same call.
#![expect(unsafe_code, reason = "calls of C functions, and the functions they call back")]

use crate::libraries::{
    AGREED, CfgCallbacks, CpgAddress, CpgModel, CpgName, CpgRing, DISPATCH_ALL, Functions, IoVec, NODE_DOWN, QUORUM_SET, QuorumCallbacks,
    TRACK, TRY_AGAIN, check, functions,
};
use crate::nodelist::NodeList;
use crate::wire::{Process, Ring};
use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::os::fd::{BorrowedFd, OwnedFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The process group in which the daemons meet.
const GROUP: &[u8] = b"systole";

/// Why Corosync cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EngineError {
    #[error("Corosync's library {library} cannot be loaded; is the package corosync installed? ({reason})")]
    LibraryMissing { library: &'static str, reason: String },
    #[error("{call}: {}", explain(*.answer))]
    Refused { call: &'static str, answer: i32 },
    #[error("corosync.conf names no quorum provider; `quorum {{ provider: corosync_votequorum }}` is needed")]
    NoQuorumProvider,
    #[error("this machine does not do what is needed to speak to Corosync: {0}")]
    Machine(String),
    #[error("node {0} of this ring is not in the nodelist of corosync.conf")]
    UnknownNode(u32),
}

/// Says what an answer of the libraries means to an administrator.
fn explain(answer: i32) -> String {
    let text = match answer {
        2 => "Corosync does not run, or it ended",
        5 => "Corosync did not answer in time",
        6 => "Corosync is busy; try again",
        8 | 15 | 18 => "Corosync lacks memory or other resources",
        9 => "the connection to Corosync has ended",
        11 => "Corosync does not let this user in; see uidgid in corosync.conf(5)",
        12 => "there is no such thing",
        100 => "Corosync refuses for reasons of security",
        other => return format!("Corosync answered with error {other}"),
    };
    text.to_owned()
}

/// What Corosync told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Occurrence {
    /// The hosts of the ring changed.
    Ring {
        ring: Ring,
        hosts: Vec<u32>,
    },
    /// The processes of the group changed; `lost` are hosts that went away with theirs.
    Group {
        processes: Vec<Process>,
        lost: Vec<u32>,
    },
    Delivered {
        from: Process,
        bytes: Vec<u8>,
    },
    Quorum {
        ring: u64,
        quorate: bool,
    },
    /// Somebody asked Corosync to end and it wants to know whether we agree.
    ShutdownAsked,
}

thread_local! {
    /// What the libraries have told during the present dispatch on this thread.
    static TOLD: RefCell<Vec<Occurrence>> = const { RefCell::new(Vec::new()) };
}

fn tell(occurrence: Occurrence) {
    TOLD.with_borrow_mut(|told| told.push(occurrence));
}

/// Safety: `first` points to `count` values, or is null when there are none; they live as long as the callback runs.
unsafe fn list<T: Copy>(first: *const T, count: usize) -> Vec<T> {
    if first.is_null() { Vec::new() } else { unsafe { std::slice::from_raw_parts(first, count) }.to_vec() }
}

extern "C" fn on_deliver(_: u64, _: *const CpgName, node: u32, pid: u32, message: *mut c_void, length: usize) {
    // Safety: the library gives a message of this length.
    let bytes = unsafe { list(message.cast::<u8>().cast_const(), length) };
    tell(Occurrence::Delivered { from: Process { node, pid }, bytes });
}

extern "C" fn on_group(
    _: u64,
    _: *const CpgName,
    members: *const CpgAddress,
    member_count: usize,
    left: *const CpgAddress,
    left_count: usize,
    _joined: *const CpgAddress,
    _joined_count: usize,
) {
    // Safety: the library gives lists of these lengths.
    let (members, left) = unsafe { (list(members, member_count), list(left, left_count)) };
    let mut processes: Vec<Process> = members.iter().map(|member| Process { node: member.node, pid: member.pid }).collect();
    processes.sort_unstable();
    let lost = left.iter().filter(|process| process.reason == NODE_DOWN).map(|process| process.node).collect();
    tell(Occurrence::Group { processes, lost });
}

extern "C" fn on_ring(_: u64, ring: CpgRing, count: u32, hosts: *const u32) {
    // Safety: the library gives a list of this length.
    let hosts = unsafe { list(hosts, count as usize) };
    tell(Occurrence::Ring { ring: Ring { node: ring.node, seq: ring.seq }, hosts });
}

extern "C" fn on_quorum(_: u64, quorate: u32, ring: u64, _count: u32, _hosts: *mut u32) {
    tell(Occurrence::Quorum { ring, quorate: quorate != 0 });
}

extern "C" fn on_shutdown(_: u64, _flags: c_int) {
    tell(Occurrence::ShutdownAsked);
}

/// An open connection; closed when dropped.
pub(crate) struct Connection {
    functions: &'static Functions,
    group: u64,
    quorum: u64,
    shutdown: u64,
    /// This host's number on the ring.
    pub local: u32,
    pub nodes: NodeList,
    /// The longest message the group takes in one piece.
    pub length_max: usize,
}

/// What came of an attempt to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sent {
    Yes,
    /// Corosync takes nothing now: it is forming a ring, or its queue is full.
    NotNow,
}

impl Connection {
    /// Opens the services and joins the group. Waits for Corosync's answers, so it wants a thread of its own.
    pub fn open() -> Result<Self, EngineError> {
        let functions = functions()?;
        let nodes = NodeList::read()?;
        let mut this = Self { functions, group: 0, quorum: 0, shutdown: 0, local: 0, nodes, length_max: 0 };
        let model = CpgModel {
            model: 1,
            deliver: on_deliver,
            group: on_group,
            ring: on_ring,
            // CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF
            flags: 1,
        };
        // Safety: the structures live through the calls, which copy them; every handle is used only when its call succeeded.
        unsafe {
            check("cpg_model_initialize", (functions.cpg_initialize)(&mut this.group, 1, &model, std::ptr::null_mut()))?;
            check("cpg_local_get", (functions.cpg_local)(this.group, &mut this.local))?;
            let mut size = 0;
            check("cpg_max_atomic_msgsize_get", (functions.cpg_size)(this.group, &mut size))?;
            this.length_max = size as usize;
            let mut kind = 0;
            let callbacks = QuorumCallbacks { notify: on_quorum };
            check("quorum_initialize", (functions.quorum_initialize)(&mut this.quorum, &callbacks, &mut kind))?;
            if kind != QUORUM_SET {
                return Err(EngineError::NoQuorumProvider);
            }
            check("quorum_trackstart", (functions.quorum_track)(this.quorum, TRACK))?;
            let callbacks = CfgCallbacks { shutdown: on_shutdown };
            check("corosync_cfg_initialize", (functions.cfg_initialize)(&mut this.shutdown, &callbacks))?;
            check("corosync_cfg_trackstart", (functions.cfg_track)(this.shutdown, 0))?;
            check("cpg_join", (functions.cpg_join)(this.group, &group_name()))?;
        }
        if !this.nodes.names.contains_key(&this.local) {
            return Err(EngineError::UnknownNode(this.local));
        }
        Ok(this)
    }

    /// Returns what becomes readable when there is something to dispatch.
    pub fn watch(&self) -> Result<[AsyncFd<OwnedFd>; 3], EngineError> {
        let (mut group, mut quorum, mut shutdown) = (-1, -1, -1);
        // Safety: the handles are open.
        unsafe {
            check("cpg_fd_get", (self.functions.cpg_fd)(self.group, &mut group))?;
            check("quorum_fd_get", (self.functions.quorum_fd)(self.quorum, &mut quorum))?;
            check("corosync_cfg_fd_get", (self.functions.cfg_fd)(self.shutdown, &mut shutdown))?;
        }
        let watch = |descriptor| -> std::io::Result<AsyncFd<OwnedFd>> {
            // Safety: the library keeps its descriptor open while the handle is; what is watched is a duplicate of our own.
            let own = unsafe { BorrowedFd::borrow_raw(descriptor) }.try_clone_to_owned()?;
            // Safety: the duplicate is owned by what watches it.
            Ok(unsafe { AsyncFd::register_with_interest(own, Interest::READABLE) }?)
        };
        match (watch(group), watch(quorum), watch(shutdown)) {
            (Ok(group), Ok(quorum), Ok(shutdown)) => Ok([group, quorum, shutdown]),
            (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => Err(EngineError::Machine(error.to_string())),
        }
    }

    /// Returns everything that was told since the last call by the services that are to be asked, of those that [`Connection::watch`]
    /// watches; each service's in its order. Does not wait.
    pub fn dispatch(&mut self, [group, quorum, shutdown]: [bool; 3]) -> Result<Vec<Occurrence>, EngineError> {
        let functions = self.functions;
        // Safety: the handles are open; the callbacks touch nothing but this thread's list.
        let answers = unsafe {
            [
                ("quorum_dispatch", quorum.then(|| (functions.quorum_dispatch)(self.quorum, DISPATCH_ALL))),
                ("cpg_dispatch", group.then(|| (functions.cpg_dispatch)(self.group, DISPATCH_ALL))),
                ("corosync_cfg_dispatch", shutdown.then(|| (functions.cfg_dispatch)(self.shutdown, DISPATCH_ALL))),
            ]
        };
        let told = TOLD.take();
        for (call, answer) in answers {
            if let Some(answer) = answer.filter(|answer| *answer != TRY_AGAIN) {
                check(call, answer)?;
            }
        }
        Ok(told)
    }

    /// Sends a message to the group, in order.
    pub fn send(&self, bytes: &[u8]) -> Result<Sent, EngineError> {
        let part = IoVec { base: bytes.as_ptr().cast(), length: bytes.len() };
        // Safety: the part points to `bytes`, which the call copies.
        match unsafe { (self.functions.cpg_send)(self.group, AGREED, &part, 1) } {
            TRY_AGAIN => Ok(Sent::NotNow),
            answer => check("cpg_mcast_joined", answer).map(|()| Sent::Yes),
        }
    }

    /// Tells Corosync not to end while this daemon takes part: it would be a lost node to its peers.
    pub fn refuse_shutdown(&self) {
        // Safety: the handle is open. An error means that nobody waits for the answer any more.
        let _ = unsafe { (self.functions.cfg_reply)(self.shutdown, 0) };
    }

    /// Leaves the group, which its members see at once.
    pub fn leave(&self) {
        // Safety: the handle is open. An error means that we are not in the group, which is what is wanted.
        let _ = unsafe { (self.functions.cpg_leave)(self.group, &group_name()) };
    }
}

fn group_name() -> CpgName {
    let mut name = CpgName { length: GROUP.len() as u32, value: [0; 128] };
    name.value[..GROUP.len()].copy_from_slice(GROUP);
    name
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Safety: a handle of 0 was never opened; the others are closed once, here. Errors leave nothing to be done.
        unsafe {
            if self.shutdown != 0 {
                (self.functions.cfg_finalize)(self.shutdown);
            }
            if self.quorum != 0 {
                (self.functions.quorum_finalize)(self.quorum);
            }
            if self.group != 0 {
                (self.functions.cpg_finalize)(self.group);
            }
        }
    }
}
