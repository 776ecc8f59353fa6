//! Corosync's key-value map: its configuration and what it says of itself while it runs. Calls here wait for answers.
#![expect(unsafe_code, reason = "calls of C functions")]

use crate::connection::EngineError;
use crate::libraries::{Functions, OK, check, functions};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int};
use std::time::Duration;

/// `CMAP_KEYNAME_MAXLEN`, and the zero at its end.
const KEY_LENGTH: usize = 256;

struct Map {
    functions: &'static Functions,
    handle: u64,
}

impl Map {
    fn open() -> Result<Self, EngineError> {
        let functions = functions()?;
        let mut handle = 0;
        // Safety: the handle is written before the call returns.
        check("cmap_initialize", unsafe { (functions.cmap_initialize)(&mut handle) })?;
        Ok(Self { functions, handle })
    }

    /// Returns the keys below a prefix, with their types.
    fn list(&self, prefix: &CStr) -> Result<Vec<(CString, c_int)>, EngineError> {
        let (mut walk, mut found) = (0, Vec::new());
        // Safety: the walk is ended below; a key never has more than KEY_LENGTH bytes.
        check("cmap_iter_init", unsafe { (self.functions.cmap_walk)(self.handle, prefix.as_ptr(), &mut walk) })?;
        loop {
            let (mut name, mut length, mut kind) = ([0u8; KEY_LENGTH], 0, 0);
            // Safety: as above.
            let answer =
                unsafe { (self.functions.cmap_next)(self.handle, walk, name.as_mut_ptr().cast::<c_char>(), &mut length, &mut kind) };
            if answer != OK {
                break;
            }
            if let Ok(name) = CStr::from_bytes_until_nul(&name) {
                found.push((name.to_owned(), kind));
            }
        }
        // Safety: the walk is open.
        unsafe { (self.functions.cmap_end)(self.handle, walk) };
        Ok(found)
    }

    /// Returns a value as text; `None` when it is gone or of a kind that is no text or whole number.
    fn value(&self, key: &CStr, kind: c_int) -> Option<String> {
        let mut bytes = vec![0u8; 4096];
        let (mut length, mut found) = (bytes.len(), kind);
        // Safety: at most `length` bytes are written.
        let answer = unsafe { (self.functions.cmap_get)(self.handle, key.as_ptr(), bytes.as_mut_ptr().cast(), &mut length, &mut found) };
        if answer != OK {
            return None;
        }
        bytes.truncate(length);
        text_of(&bytes, found)
    }

    /// Waits until Corosync has ended, or for [`LOOK_AGAIN`]; returns whether it has ended.
    fn wait_for_end(&self) -> bool {
        let mut descriptor = -1;
        // Safety: the handle is open.
        let answer = unsafe { (self.functions.cmap_fd)(self.handle, &mut descriptor) };
        if answer != OK || descriptor < 0 {
            return true;
        }
        // Safety: the library keeps its descriptor open while the handle is.
        let descriptor = unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) };
        // Nothing is tracked, so that nothing is ever sent here; the other end's closing alone is seen. An interrupted wait begins anew.
        let mut watched = [PollFd::from_borrowed_fd(descriptor, PollFlags::RDHUP)];
        loop {
            match poll(&mut watched, Some(&LOOK_AGAIN)) {
                Err(rustix::io::Errno::INTR) => {}
                found => return found != Ok(0),
            }
        }
    }

    /// Lets the processes of a group speak to Corosync.
    fn allow_group(&self, gid: u32) -> Result<(), EngineError> {
        let Ok(key) = CString::new(format!("uidgid.gid.{gid}")) else { return Ok(()) };
        // Safety: the key ends with a zero byte.
        check("cmap_set_uint8", unsafe { (self.functions.cmap_set_uint8)(self.handle, key.as_ptr(), 1) })
    }

    /// Lets the token rest [`TURNS_WITHOUT_NEWS`] turns after the last message, where `corosync.conf` does not say when.
    fn let_token_rest(&self) -> Result<(), EngineError> {
        let key = c"totem.seqno_unchanged_const";
        if self.value(key, UINT32).is_some() {
            return Ok(());
        }
        // Safety: the key ends with a zero byte.
        check("cmap_set_uint32", unsafe { (self.functions.cmap_set_uint32)(self.handle, key.as_ptr(), TURNS_WITHOUT_NEWS) })
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // Safety: the handle is open.
        unsafe { (self.functions.cmap_finalize)(self.handle) };
    }
}

/// A value's text, by `cmap_value_types_t`.
fn text_of(bytes: &[u8], kind: c_int) -> Option<String> {
    Some(match kind {
        1 => i8::from_ne_bytes(bytes.try_into().ok()?).to_string(),
        2 => u8::from_ne_bytes(bytes.try_into().ok()?).to_string(),
        3 => i16::from_ne_bytes(bytes.try_into().ok()?).to_string(),
        4 => u16::from_ne_bytes(bytes.try_into().ok()?).to_string(),
        5 => i32::from_ne_bytes(bytes.try_into().ok()?).to_string(),
        6 => u32::from_ne_bytes(bytes.try_into().ok()?).to_string(),
        7 => i64::from_ne_bytes(bytes.try_into().ok()?).to_string(),
        8 => u64::from_ne_bytes(bytes.try_into().ok()?).to_string(),
        11 => String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned(),
        _ => return None,
    })
}

/// Returns every key below one of the prefixes, with its value as text.
///
/// # Errors
/// Why Corosync did not answer.
pub fn keys(prefixes: &[&str]) -> Result<BTreeMap<String, String>, EngineError> {
    let map = Map::open()?;
    let mut found = BTreeMap::new();
    for prefix in prefixes {
        let Ok(prefix) = CString::new(*prefix) else { continue };
        for (key, kind) in map.list(&prefix)? {
            if let Some(value) = map.value(&key, kind) {
                found.insert(key.to_string_lossy().into_owned(), value);
            }
        }
    }
    Ok(found)
}

/// How often a Corosync that is not there is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// A Corosync that reads `corosync.conf` again forgets what it was told beside it; this is how long that may last.
const LOOK_AGAIN: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

/// `CMAP_VALUETYPE_UINT32`
const UINT32: c_int = 6;

/// After the last message the token goes round so often at full speed, which takes a good part of a core, before it rests. Corosync's own 30
/// are many more than it takes to see a message lost and sent again: who lacks it asks in the first turn, in the next one it comes again.
/// Three do that twice; whoever still lacks it waits for the token's next turn, a fifth of its time-out.
pub const TURNS_WITHOUT_NEWS: u32 = 3;

/// Lets the processes of a group, if one is given, speak to Corosync, and has its token rest sooner after the last message, where
/// `corosync.conf` does not say when (`seqno_unchanged_const`); again whenever Corosync was started anew or may have forgotten it. Only root
/// may. Does not return; `tell` hears of each reason that is not the one before.
pub fn keep_prepared(gid: Option<u32>, tell: impl Fn(&EngineError)) -> ! {
    let mut told = None;
    loop {
        let found = Map::open().and_then(|map| gid.map_or(Ok(()), |gid| map.allow_group(gid)).map(|()| map));
        // A token that does not rest costs time and nothing else.
        let failed = found.as_ref().map_or_else(|error| Some(error.clone()), |map| map.let_token_rest().err());
        if failed != told {
            failed.iter().for_each(&tell);
            told = failed;
        }
        if found.is_err() || found.is_ok_and(|map| map.wait_for_end()) {
            std::thread::sleep(RETRY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_text_by_their_kind() {
        assert_eq!(text_of(b"node1\0", 11).as_deref(), Some("node1"));
        assert_eq!(text_of(&1650u32.to_ne_bytes(), 6).as_deref(), Some("1650"));
        assert_eq!(text_of(&[1, 2], 6), None);
        assert_eq!(text_of(&[1, 2], 12), None);
    }
}
