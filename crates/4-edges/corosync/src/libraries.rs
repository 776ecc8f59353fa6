//! Corosync's client libraries, loaded at run time, as a table of C functions.
//!
//! The program starts without them; asked for this engine it says which one is missing. The forms below are those of the
//! 3.x headers (`cpg.h`, `quorum.h`, `cmap.h`, `cfg.h`, `votequorum.h`), which have been the same since 3.0.
#![expect(unsafe_code, reason = "C functions are loaded and declared here")]

use crate::connection::EngineError;
use libloading::Library;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::sync::OnceLock;

/// `CS_OK` and the other answers that mean something to us.
pub(crate) const OK: c_int = 1;
pub(crate) const TRY_AGAIN: c_int = 6;
/// `CS_DISPATCH_ALL`: all that is there, without waiting.
pub(crate) const DISPATCH_ALL: c_int = 2;
/// `CS_TRACK_CURRENT | CS_TRACK_CHANGES`.
pub(crate) const TRACK: c_uint = 3;
/// `QUORUM_SET`: a quorum provider is configured.
pub(crate) const QUORUM_SET: u32 = 1;
/// `CPG_TYPE_AGREED`.
pub(crate) const AGREED: c_int = 1;
/// `CPG_REASON_NODEDOWN`.
pub(crate) const NODE_DOWN: u32 = 3;

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct CpgAddress {
    pub node: u32,
    pub pid: u32,
    pub reason: u32,
}

#[repr(C)]
pub(crate) struct CpgName {
    pub length: u32,
    pub value: [u8; 128],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct CpgRing {
    pub node: u32,
    pub seq: u64,
}

pub(crate) type OnDeliver = extern "C" fn(u64, *const CpgName, u32, u32, *mut c_void, usize);
pub(crate) type OnGroup = extern "C" fn(u64, *const CpgName, *const CpgAddress, usize, *const CpgAddress, usize, *const CpgAddress, usize);
pub(crate) type OnRing = extern "C" fn(u64, CpgRing, u32, *const u32);
pub(crate) type OnQuorum = extern "C" fn(u64, u32, u64, u32, *mut u32);
pub(crate) type OnShutdown = extern "C" fn(u64, c_int);

/// `cpg_model_v1_data_t`.
#[repr(C)]
pub(crate) struct CpgModel {
    pub model: c_int,
    pub deliver: OnDeliver,
    pub group: OnGroup,
    pub ring: OnRing,
    pub flags: c_uint,
}

#[repr(C)]
pub(crate) struct QuorumCallbacks {
    pub notify: OnQuorum,
}

#[repr(C)]
pub(crate) struct CfgCallbacks {
    pub shutdown: OnShutdown,
}

#[repr(C)]
pub(crate) struct IoVec {
    pub base: *const c_void,
    pub length: usize,
}

/// `struct votequorum_info`.
#[repr(C)]
pub(crate) struct VoteInfo {
    pub node: c_uint,
    pub state: c_uint,
    pub votes: c_uint,
    pub expected_of_node: c_uint,
    pub expected: c_uint,
    pub total: c_uint,
    pub quorum: c_uint,
    pub flags: c_uint,
    pub device_votes: c_uint,
    pub device: [c_char; 255],
}

/// Declares the table: for each library its functions, loaded by name.
macro_rules! table {
    ($($library:literal { $($field:ident = $symbol:literal : fn($($argument:ty),*);)* })*) => {
        /// The functions, and the libraries that must stay loaded while they are used: until the process ends.
        pub(crate) struct Functions {
            $($(pub $field: unsafe extern "C" fn($($argument),*) -> c_int,)*)*
            _libraries: Vec<Library>,
        }

        impl Functions {
            fn load() -> Result<Self, EngineError> {
                let mut libraries = Vec::new();
                $(
                    // Safety: these libraries run nothing of note when they are loaded; they only log on request.
                    let library = unsafe { Library::new($library) }
                        .map_err(|error| EngineError::LibraryMissing { library: $library, reason: error.to_string() })?;
                    $(
                        // Safety: the declared form is the one of the library's header for this major version.
                        let $field = *unsafe { library.get::<unsafe extern "C" fn($($argument),*) -> c_int>($symbol) }
                            .map_err(|error| EngineError::LibraryMissing { library: $library, reason: error.to_string() })?;
                    )*
                    libraries.push(library);
                )*
                Ok(Self { $($($field,)*)* _libraries: libraries })
            }
        }
    };
}

table! {
    "libcpg.so.4" {
        cpg_initialize = b"cpg_model_initialize\0": fn(*mut u64, c_int, *const CpgModel, *mut c_void);
        cpg_finalize = b"cpg_finalize\0": fn(u64);
        cpg_fd = b"cpg_fd_get\0": fn(u64, *mut c_int);
        cpg_local = b"cpg_local_get\0": fn(u64, *mut c_uint);
        cpg_size = b"cpg_max_atomic_msgsize_get\0": fn(u64, *mut u32);
        cpg_dispatch = b"cpg_dispatch\0": fn(u64, c_int);
        cpg_join = b"cpg_join\0": fn(u64, *const CpgName);
        cpg_leave = b"cpg_leave\0": fn(u64, *const CpgName);
        cpg_send = b"cpg_mcast_joined\0": fn(u64, c_int, *const IoVec, c_uint);
    }
    "libquorum.so.5" {
        quorum_initialize = b"quorum_initialize\0": fn(*mut u64, *const QuorumCallbacks, *mut u32);
        quorum_finalize = b"quorum_finalize\0": fn(u64);
        quorum_fd = b"quorum_fd_get\0": fn(u64, *mut c_int);
        quorum_dispatch = b"quorum_dispatch\0": fn(u64, c_int);
        quorum_track = b"quorum_trackstart\0": fn(u64, c_uint);
    }
    "libcmap.so.4" {
        cmap_initialize = b"cmap_initialize\0": fn(*mut u64);
        cmap_finalize = b"cmap_finalize\0": fn(u64);
        cmap_fd = b"cmap_fd_get\0": fn(u64, *mut c_int);
        cmap_get = b"cmap_get\0": fn(u64, *const c_char, *mut c_void, *mut usize, *mut c_int);
        cmap_set_uint8 = b"cmap_set_uint8\0": fn(u64, *const c_char, u8);
        cmap_set_uint32 = b"cmap_set_uint32\0": fn(u64, *const c_char, u32);
        cmap_walk = b"cmap_iter_init\0": fn(u64, *const c_char, *mut u64);
        cmap_next = b"cmap_iter_next\0": fn(u64, u64, *mut c_char, *mut usize, *mut c_int);
        cmap_end = b"cmap_iter_finalize\0": fn(u64, u64);
    }
    "libcfg.so.7" {
        cfg_initialize = b"corosync_cfg_initialize\0": fn(*mut u64, *const CfgCallbacks);
        cfg_finalize = b"corosync_cfg_finalize\0": fn(u64);
        cfg_fd = b"corosync_cfg_fd_get\0": fn(u64, *mut c_int);
        cfg_dispatch = b"corosync_cfg_dispatch\0": fn(u64, c_int);
        cfg_track = b"corosync_cfg_trackstart\0": fn(u64, u8);
        cfg_reply = b"corosync_cfg_replyto_shutdown\0": fn(u64, c_int);
    }
    "libvotequorum.so.8" {
        votes_initialize = b"votequorum_initialize\0": fn(*mut u64, *const c_void);
        votes_finalize = b"votequorum_finalize\0": fn(u64);
        votes_info = b"votequorum_getinfo\0": fn(u64, c_uint, *mut VoteInfo);
    }
}

/// Returns the functions; loads the libraries when they are first asked for.
pub(crate) fn functions() -> Result<&'static Functions, EngineError> {
    static LOADED: OnceLock<Functions> = OnceLock::new();
    if let Some(loaded) = LOADED.get() {
        return Ok(loaded);
    }
    let loaded = Functions::load()?;
    Ok(LOADED.get_or_init(|| loaded))
}

/// Turns an answer of a library into a result.
pub(crate) fn check(call: &'static str, answer: c_int) -> Result<(), EngineError> {
    if answer == OK { Ok(()) } else { Err(EngineError::Refused { call, answer }) }
}
