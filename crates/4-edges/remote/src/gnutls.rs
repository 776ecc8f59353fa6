//! GnuTLS, loaded at run time, as the few functions that a session needs, under a pre-shared key or with nobody proven; and that session, safe to use.
//!
//! The program starts without the library; the first connection says that it is missing. A session does no input or output of its
//! own: bytes of the network are fed in and taken out, so that nothing here ever waits.
#![expect(unsafe_code, reason = "C functions are loaded, declared and called here")]

use libloading::Library;
use std::collections::VecDeque;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::sync::OnceLock;

/// Why a session is of no use.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The library is not installed, or is another than this one knows.
    #[error("GnuTLS cannot be used: {0}")]
    Library(String),
    /// The other side, or the key, is not what it should be.
    #[error("{call}: {reason}")]
    Failed { call: &'static str, reason: String },
}

const LIBRARY: &str = "libgnutls.so.30";
/// Compat: the identity that Pacemaker's members give; the other side looks at the key alone.
const IDENTITY: &std::ffi::CStr = c"lrmd";
/// Compat: Pacemaker's choice of algorithms.
const KEY_PRIORITIES: &std::ffi::CStr = c"NORMAL:+DHE-PSK:+PSK";
const ANONYMOUS_PRIORITIES: &std::ffi::CStr = c"NORMAL:+ANON-DH";

const SERVER: c_uint = 1;
const CLIENT: c_uint = 1 << 1;
const NONBLOCK: c_uint = 1 << 3;
/// `GNUTLS_CRD_ANON` and `GNUTLS_CRD_PSK`.
const ANON: c_int = 2;
const PSK: c_int = 4;
/// `GNUTLS_PSK_KEY_RAW`.
const RAW: c_int = 0;
/// `GNUTLS_SEC_PARAM_MEDIUM`: primes of 2048 bits.
const MEDIUM: c_int = 6;
/// `GNUTLS_E_AGAIN` and `GNUTLS_E_INTERRUPTED`.
const AGAIN: [isize; 2] = [-28, -52];
/// `GNUTLS_E_PREMATURE_TERMINATION`: closed without a farewell.
const PREMATURE: isize = -110;
const EAGAIN: c_int = 11;

#[repr(C)]
struct Datum {
    data: *mut u8,
    size: c_uint,
}

type Raw = *mut c_void;
type Pull = extern "C" fn(*mut c_void, *mut c_void, usize) -> isize;
type Push = extern "C" fn(*mut c_void, *const c_void, usize) -> isize;
type FindKey = extern "C" fn(Raw, *const c_char, *mut Datum) -> c_int;

/// Declares the table of functions, loaded by name.
macro_rules! table {
    ($($field:ident: fn($($argument:ty),*) $(-> $answer:ty)?;)*) => {
        struct Functions {
            $($field: unsafe extern "C" fn($($argument),*) $(-> $answer)?,)*
            /// `gnutls_malloc`: what is given to the library must come from its own heap.
            allocate: unsafe extern "C" fn(usize) -> *mut c_void,
            _library: Library,
        }

        impl Functions {
            fn load() -> Result<Self, libloading::Error> {
                // Safety: the library only sets up its tables when it is loaded; the declared forms are those of `gnutls/gnutls.h`,
                // unchanged since 3.5 under this name of the library.
                unsafe {
                    let library = Library::new(LIBRARY)?;
                    $(let $field = *library.get(concat!("gnutls_", stringify!($field), "\0").as_bytes())?;)*
                    let allocate = **library.get::<*const unsafe extern "C" fn(usize) -> *mut c_void>(b"gnutls_malloc\0")?;
                    Ok(Self { $($field,)* allocate, _library: library })
                }
            }
        }
    };
}

table! {
    init: fn(*mut Raw, c_uint) -> c_int;
    deinit: fn(Raw);
    priority_set_direct: fn(Raw, *const c_char, *mut *const c_char) -> c_int;
    credentials_set: fn(Raw, c_int, *mut c_void) -> c_int;
    psk_allocate_client_credentials: fn(*mut *mut c_void) -> c_int;
    psk_free_client_credentials: fn(*mut c_void);
    psk_set_client_credentials: fn(*mut c_void, *const c_char, *const Datum, c_int) -> c_int;
    psk_allocate_server_credentials: fn(*mut *mut c_void) -> c_int;
    psk_free_server_credentials: fn(*mut c_void);
    psk_set_server_credentials_function: fn(*mut c_void, FindKey);
    psk_set_server_known_dh_params: fn(*mut c_void, c_int) -> c_int;
    anon_allocate_client_credentials: fn(*mut *mut c_void) -> c_int;
    anon_free_client_credentials: fn(*mut c_void);
    anon_allocate_server_credentials: fn(*mut *mut c_void) -> c_int;
    anon_free_server_credentials: fn(*mut c_void);
    anon_set_server_known_dh_params: fn(*mut c_void, c_int) -> c_int;
    transport_set_ptr: fn(Raw, *mut c_void);
    transport_set_pull_function: fn(Raw, Pull);
    transport_set_push_function: fn(Raw, Push);
    transport_set_errno: fn(Raw, c_int);
    session_set_ptr: fn(Raw, *mut c_void);
    session_get_ptr: fn(Raw) -> *mut c_void;
    handshake: fn(Raw) -> c_int;
    record_send: fn(Raw, *const c_void, usize) -> isize;
    record_recv: fn(Raw, *mut c_void, usize) -> isize;
    bye: fn(Raw, c_int) -> c_int;
    strerror: fn(c_int) -> *const c_char;
}

fn functions() -> Result<&'static Functions, TlsError> {
    static LOADED: OnceLock<Result<Functions, String>> = OnceLock::new();
    let loaded = LOADED.get_or_init(|| Functions::load().map_err(|error| error.to_string()));
    loaded.as_ref().map_err(|reason| TlsError::Library(reason.clone()))
}

/// What the callbacks see of a session. Its place in memory is given to the library.
struct Pipes {
    session: Raw,
    key: Vec<u8>,
    incoming: VecDeque<u8>,
    /// Nothing will come any more.
    ended: bool,
    outgoing: Vec<u8>,
}

/// Which side of a session this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Client,
    Server,
}

/// What the sides know each other by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Proof<'k> {
    /// A key that both have.
    Key(&'k [u8]),
    /// Nothing: what is said is hidden from who only listens. Who the other is must be proven by what is said.
    Nobody,
}

/// A session over bytes that somebody else carries.
pub(crate) struct Session {
    functions: &'static Functions,
    side: Side,
    /// Which kind of credentials there are: `ANON` or `PSK`.
    kind: c_int,
    raw: Raw,
    credentials: *mut c_void,
    pipes: *mut Pipes,
}

// Safety: the library lets a session be used from any thread, from one at a time; nothing else points to what this one owns.
unsafe impl Send for Session {}

impl Session {
    /// Returns a session that has not begun.
    pub fn new(side: Side, proof: Proof<'_>) -> Result<Self, TlsError> {
        let functions = functions()?;
        let (kind, key) = match proof {
            Proof::Key(key) => (PSK, key.to_vec()),
            Proof::Nobody => (ANON, Vec::new()),
        };
        let pipes = Pipes { session: std::ptr::null_mut(), key, incoming: VecDeque::new(), ended: false, outgoing: Vec::new() };
        let pipes = Box::into_raw(Box::new(pipes));
        let mut this = Self { functions, side, kind, raw: std::ptr::null_mut(), credentials: std::ptr::null_mut(), pipes };
        this.set_up()?;
        Ok(this)
    }

    fn set_up(&mut self) -> Result<(), TlsError> {
        let f = self.functions;
        let flags = if self.side == Side::Client { CLIENT } else { SERVER };
        // Safety: pointers are to fields and to the box that `self` owns and frees only after the session; the library copies key and
        // names. Every pointer that is used was set by the call before, whose answer is looked at.
        unsafe {
            check(f, "gnutls_init", (f.init)(&mut self.raw, flags | NONBLOCK))?;
            (*self.pipes).session = self.raw;
            let priorities = if self.kind == PSK { KEY_PRIORITIES } else { ANONYMOUS_PRIORITIES };
            check(f, "gnutls_priority_set_direct", (f.priority_set_direct)(self.raw, priorities.as_ptr(), std::ptr::null_mut()))?;
            match (self.kind, self.side) {
                (ANON, Side::Client) => {
                    check(f, "gnutls_anon_allocate_client_credentials", (f.anon_allocate_client_credentials)(&mut self.credentials))?;
                }
                (ANON, Side::Server) => {
                    check(f, "gnutls_anon_allocate_server_credentials", (f.anon_allocate_server_credentials)(&mut self.credentials))?;
                    check(f, "gnutls_anon_set_server_known_dh_params", (f.anon_set_server_known_dh_params)(self.credentials, MEDIUM))?;
                }
                (_, Side::Client) => {
                    check(f, "gnutls_psk_allocate_client_credentials", (f.psk_allocate_client_credentials)(&mut self.credentials))?;
                    let key = &mut (*self.pipes).key;
                    let datum = Datum { data: key.as_mut_ptr(), size: c_uint::try_from(key.len()).unwrap_or(0) };
                    let answer = (f.psk_set_client_credentials)(self.credentials, IDENTITY.as_ptr(), &datum, RAW);
                    check(f, "gnutls_psk_set_client_credentials", answer)?;
                }
                (_, Side::Server) => {
                    check(f, "gnutls_psk_allocate_server_credentials", (f.psk_allocate_server_credentials)(&mut self.credentials))?;
                    (f.psk_set_server_credentials_function)(self.credentials, find_key);
                    check(f, "gnutls_psk_set_server_known_dh_params", (f.psk_set_server_known_dh_params)(self.credentials, MEDIUM))?;
                }
            }
            check(f, "gnutls_credentials_set", (f.credentials_set)(self.raw, self.kind, self.credentials))?;
            (f.session_set_ptr)(self.raw, self.pipes.cast());
            (f.transport_set_ptr)(self.raw, self.pipes.cast());
            (f.transport_set_pull_function)(self.raw, pull);
            (f.transport_set_push_function)(self.raw, push);
        }
        Ok(())
    }

    /// Takes bytes that came from the network.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.pipes().incoming.extend(bytes);
    }

    /// The network has nothing more.
    pub fn feed_end(&mut self) {
        self.pipes().ended = true;
    }

    /// Returns the bytes that are to go to the network.
    pub fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pipes().outgoing)
    }

    /// Goes on with the handshake as far as what was fed allows; returns whether it is done.
    pub fn handshake(&mut self) -> Result<bool, TlsError> {
        // Safety: the session is set up, and used by nobody else while `self` is borrowed.
        let answer = unsafe { (self.functions.handshake)(self.raw) };
        if AGAIN.contains(&(answer as isize)) {
            return Ok(false);
        }
        check(self.functions, "TLS handshake", answer).map(|()| true)
    }

    /// Encrypts bytes.
    pub fn send(&mut self, mut bytes: &[u8]) -> Result<(), TlsError> {
        while !bytes.is_empty() {
            // Safety: the pointer and the length are those of one slice, which outlives the call.
            let answer = unsafe { (self.functions.record_send)(self.raw, bytes.as_ptr().cast(), bytes.len()) };
            match usize::try_from(answer) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(_) if AGAIN.contains(&answer) => {}
                Err(_) => check(self.functions, "TLS send", answer as c_int)?,
            }
        }
        Ok(())
    }

    /// Decrypts what was fed and adds it; returns whether the other side has closed.
    pub fn receive(&mut self, into: &mut Vec<u8>) -> Result<bool, TlsError> {
        let mut buffer = [0u8; 16 * 1024];
        loop {
            // Safety: the pointer and the length are those of one buffer, which outlives the call.
            let answer = unsafe { (self.functions.record_recv)(self.raw, buffer.as_mut_ptr().cast(), buffer.len()) };
            match answer {
                0 | PREMATURE => return Ok(true),
                answer if AGAIN.contains(&answer) => return Ok(false),
                answer => match usize::try_from(answer) {
                    Ok(length) => into.extend(&buffer[..length]),
                    Err(_) => check(self.functions, "TLS receive", answer as c_int)?,
                },
            }
        }
    }

    /// Says farewell.
    pub fn close(&mut self) {
        // Safety: the session is set up. `GNUTLS_SHUT_WR` (1) waits for no answer.
        unsafe { (self.functions.bye)(self.raw, 1) };
    }

    fn pipes(&mut self) -> &mut Pipes {
        // Safety: the box lives as long as `self`, and the callbacks that use it run only inside calls of `self`.
        unsafe { &mut *self.pipes }
    }
}

fn check(functions: &Functions, call: &'static str, answer: c_int) -> Result<(), TlsError> {
    if answer >= 0 {
        return Ok(());
    }
    // Safety: the library answers with a text of its own that is never freed, or with null.
    let reason = unsafe {
        let text = (functions.strerror)(answer);
        if text.is_null() { String::new() } else { std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned() }
    };
    Err(TlsError::Failed { call, reason })
}

impl Drop for Session {
    fn drop(&mut self) {
        // Safety: each was made by `new`, is owned by `self` alone, and is freed once, the session before what it points to.
        unsafe {
            if !self.raw.is_null() {
                (self.functions.deinit)(self.raw);
            }
            if !self.credentials.is_null() {
                match (self.kind, self.side) {
                    (ANON, Side::Client) => (self.functions.anon_free_client_credentials)(self.credentials),
                    (ANON, Side::Server) => (self.functions.anon_free_server_credentials)(self.credentials),
                    (_, Side::Client) => (self.functions.psk_free_client_credentials)(self.credentials),
                    (_, Side::Server) => (self.functions.psk_free_server_credentials)(self.credentials),
                }
            }
            drop(Box::from_raw(self.pipes));
        }
    }
}

extern "C" fn pull(pipes: *mut c_void, buffer: *mut c_void, length: usize) -> isize {
    // Safety: the pointer is the one given in `set_up`; the buffer has room for `length` bytes.
    unsafe {
        let pipes = &mut *pipes.cast::<Pipes>();
        if pipes.incoming.is_empty() {
            if pipes.ended {
                return 0;
            }
            if let Ok(functions) = functions() {
                (functions.transport_set_errno)(pipes.session, EAGAIN);
            }
            return -1;
        }
        let length = length.min(pipes.incoming.len());
        let bytes: Vec<u8> = pipes.incoming.drain(..length).collect();
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.cast::<u8>(), length);
        length as isize
    }
}

extern "C" fn push(pipes: *mut c_void, bytes: *const c_void, length: usize) -> isize {
    // Safety: the pointer is the one given in `set_up`; `length` bytes are there to be read.
    unsafe {
        let pipes = &mut *pipes.cast::<Pipes>();
        pipes.outgoing.extend_from_slice(std::slice::from_raw_parts(bytes.cast::<u8>(), length));
    }
    length as isize
}

/// Gives the library the one key there is, whoever asks for it. Compat: Pacemaker's remote side looks at the key alone as well.
extern "C" fn find_key(session: Raw, _identity: *const c_char, key: *mut Datum) -> c_int {
    let Ok(functions) = functions() else { return -1 };
    // Safety: the session's pointer is the one given in `set_up`; the library frees the copy, which comes from its own heap.
    unsafe {
        let pipes = &*(functions.session_get_ptr)(session).cast::<Pipes>();
        let copy = (functions.allocate)(pipes.key.len()).cast::<u8>();
        if copy.is_null() {
            return -1;
        }
        std::ptr::copy_nonoverlapping(pipes.key.as_ptr(), copy, pipes.key.len());
        (*key).data = copy;
        (*key).size = c_uint::try_from(pipes.key.len()).unwrap_or(0);
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carry(from: &mut Session, to: &mut Session) {
        let bytes = from.take_outgoing();
        to.feed(&bytes);
    }

    /// Returns both sides, or says that the test is left out without the library.
    fn pair(test: &str, client: Proof<'_>, server: Proof<'_>) -> Option<(Session, Session)> {
        match (Session::new(Side::Client, client), Session::new(Side::Server, server)) {
            (Ok(client), Ok(server)) => Some((client, server)),
            (Err(error), _) | (_, Err(error)) => {
                println!("skipped: {test}: {error}");
                None
            }
        }
    }

    /// Goes on until both are done or one refuses.
    fn shake(client: &mut Session, server: &mut Session) -> Result<(), TlsError> {
        let (mut client_done, mut server_done) = (false, false);
        for _ in 0..20 {
            client_done = client_done || client.handshake()?;
            carry(client, server);
            server_done = server_done || server.handshake()?;
            carry(server, client);
            if client_done && server_done {
                return Ok(());
            }
        }
        panic!("no end of the handshake");
    }

    #[test]
    fn the_two_sides_understand_each_other_under_one_key_only() {
        let Some((mut client, mut server)) =
            pair("the_two_sides_understand_each_other_under_one_key_only", Proof::Key(b"geheim"), Proof::Key(b"geheim"))
        else {
            return;
        };
        shake(&mut client, &mut server).unwrap();
        let text = vec![b'x'; 100_000];
        client.send(&text).unwrap();
        carry(&mut client, &mut server);
        let mut heard = Vec::new();
        assert!(!server.receive(&mut heard).unwrap());
        assert_eq!(heard, text);
        server.close();
        carry(&mut server, &mut client);
        assert!(client.receive(&mut Vec::new()).unwrap());

        for other in [Proof::Key(b"another"), Proof::Nobody] {
            let (mut client, mut server) =
                (Session::new(Side::Client, Proof::Key(b"geheim")).unwrap(), Session::new(Side::Server, other).unwrap());
            assert!(shake(&mut client, &mut server).is_err(), "{other:?}");
        }
    }

    #[test]
    fn two_that_do_not_know_each_other_speak_in_private() {
        let Some((mut client, mut server)) = pair("two_that_do_not_know_each_other_speak_in_private", Proof::Nobody, Proof::Nobody) else {
            return;
        };
        shake(&mut client, &mut server).unwrap();
        client.send(b"geheim").unwrap();
        let bytes = client.take_outgoing();
        assert!(!bytes.windows(6).any(|part| part == b"geheim"));
        server.feed(&bytes);
        let mut heard = Vec::new();
        assert!(!server.receive(&mut heard).unwrap());
        assert_eq!(heard, b"geheim");
    }
}
