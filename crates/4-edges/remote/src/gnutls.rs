//! GnuTLS, loaded at run time, as the few functions that a session needs, under a pre-shared key, with certificates or with nobody proven; and
//! that session, safe to use.
//!
//! The program starts without the library; the first connection says that it is missing. A session does no input or output of its
//! own: bytes of the network are fed in and taken out, so that nothing here ever waits.
#![expect(unsafe_code, reason = "C functions are loaded, declared and called here")]

use crate::credentials::Certificates;
use libloading::Library;
use std::collections::VecDeque;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Why a session is of no use.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The library is not installed, or is another than this one knows.
    #[error("GnuTLS cannot be used: {0}")]
    Library(String),
    /// A file of certificates is not there, or not what it should be.
    #[error("{}: {reason}", path.display())]
    Certificates { path: PathBuf, reason: String },
    /// The other side, or the key, is not what it should be.
    #[error("{call}: {reason}")]
    Failed { call: &'static str, reason: String },
}

impl TlsError {
    /// Returns what the library says, without what it was doing.
    fn reason(self) -> String {
        match self {
            Self::Library(reason) | Self::Certificates { reason, .. } | Self::Failed { reason, .. } => reason,
        }
    }
}

const LIBRARY: &str = "libgnutls.so.30";
/// Compat: the identity that Pacemaker's members give; the other side looks at the key alone.
const IDENTITY: &CStr = c"lrmd";
/// Compat: Pacemaker's choice of algorithms.
const KEY_PRIORITIES: &CStr = c"NORMAL:+DHE-PSK:+PSK";
const ANONYMOUS_PRIORITIES: &CStr = c"NORMAL:+ANON-DH";
const CERTIFICATE_PRIORITIES: &CStr = c"NORMAL";

const SERVER: c_uint = 1;
const CLIENT: c_uint = 1 << 1;
const NONBLOCK: c_uint = 1 << 3;
/// `GNUTLS_CRD_CERTIFICATE`, `GNUTLS_CRD_ANON` and `GNUTLS_CRD_PSK`.
const CERTIFICATE: c_int = 1;
const ANON: c_int = 2;
const PSK: c_int = 4;
/// `GNUTLS_PSK_KEY_RAW`.
const RAW: c_int = 0;
/// `GNUTLS_SEC_PARAM_MEDIUM`: primes of 2048 bits.
const MEDIUM: c_int = 6;
/// `GNUTLS_X509_FMT_PEM`, `GNUTLS_PKCS_PLAIN`, `GNUTLS_CERT_REQUIRE` and `GNUTLS_CRT_X509`.
const PEM: c_int = 1;
const NO_PASSWORD: c_uint = 1;
const REQUIRED: c_int = 2;
const X509: c_int = 1;
/// `GNUTLS_E_FATAL_ALERT_RECEIVED` and `GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR`.
const REFUSED: c_int = -12;
const NOT_BELIEVED: c_int = -348;
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
            /// `gnutls_free`, for what it gives.
            release: unsafe extern "C" fn(*mut c_void),
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
                    let release = **library.get::<*const unsafe extern "C" fn(*mut c_void)>(b"gnutls_free\0")?;
                    Ok(Self { $($field,)* allocate, release, _library: library })
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
    certificate_allocate_credentials: fn(*mut *mut c_void) -> c_int;
    certificate_free_credentials: fn(*mut c_void);
    certificate_set_known_dh_params: fn(*mut c_void, c_int) -> c_int;
    certificate_set_x509_trust_file: fn(*mut c_void, *const c_char, c_int) -> c_int;
    certificate_set_x509_crl_file: fn(*mut c_void, *const c_char, c_int) -> c_int;
    certificate_set_x509_key_file2: fn(*mut c_void, *const c_char, *const c_char, c_int, *const c_char, c_uint) -> c_int;
    certificate_server_set_request: fn(Raw, c_int);
    certificate_verification_status_print: fn(c_uint, c_int, *mut Datum, c_uint) -> c_int;
    session_set_verify_cert: fn(Raw, *const c_char, c_uint);
    session_get_verify_cert_status: fn(Raw) -> c_uint;
    alert_send_appropriate: fn(Raw, c_int) -> c_int;
    alert_get: fn(Raw) -> c_int;
    alert_get_name: fn(c_int) -> *const c_char;
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
    /// Certificates of authorities that each trusts. Compat: which host one is for is not looked at, by either side.
    Certificates(&'k Certificates),
    /// Nothing: what is said is hidden from who only listens. Who the other is must be proven by what is said.
    Nobody,
}

/// A session over bytes that somebody else carries.
pub(crate) struct Session {
    functions: &'static Functions,
    side: Side,
    /// Which kind of credentials there are: `CERTIFICATE`, `ANON` or `PSK`.
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
            Proof::Certificates(_) => (CERTIFICATE, Vec::new()),
            Proof::Nobody => (ANON, Vec::new()),
        };
        let pipes = Pipes { session: std::ptr::null_mut(), key, incoming: VecDeque::new(), ended: false, outgoing: Vec::new() };
        let pipes = Box::into_raw(Box::new(pipes));
        let mut this = Self { functions, side, kind, raw: std::ptr::null_mut(), credentials: std::ptr::null_mut(), pipes };
        this.begin()?;
        match proof {
            Proof::Certificates(certificates) => this.set_certificates(certificates)?,
            _ => this.set_secret()?,
        }
        this.connect()?;
        Ok(this)
    }

    fn begin(&mut self) -> Result<(), TlsError> {
        let f = self.functions;
        let flags = if self.side == Side::Client { CLIENT } else { SERVER };
        let priorities = match self.kind {
            PSK => KEY_PRIORITIES,
            ANON => ANONYMOUS_PRIORITIES,
            _ => CERTIFICATE_PRIORITIES,
        };
        // Safety: pointers are to fields and to the box that `self` owns and frees only after the session; the text is constant. Every
        // pointer that is used was set by the call before, whose answer is looked at.
        unsafe {
            check(f, "gnutls_init", (f.init)(&mut self.raw, flags | NONBLOCK))?;
            (*self.pipes).session = self.raw;
            check(f, "gnutls_priority_set_direct", (f.priority_set_direct)(self.raw, priorities.as_ptr(), std::ptr::null_mut()))
        }
    }

    /// Makes the credentials of a session under a key, or of one that proves nobody.
    fn set_secret(&mut self) -> Result<(), TlsError> {
        let f = self.functions;
        // Safety: as in `begin`; the library copies key and name.
        unsafe {
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
        }
        Ok(())
    }

    fn set_certificates(&mut self, files: &Certificates) -> Result<(), TlsError> {
        let f = self.functions;
        let of = |path: &Path, reason: String| TlsError::Certificates { path: path.to_owned(), reason };
        let name = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(|error| of(path, error.to_string()));
        let [authorities, certificate, key] = [name(&files.authorities)?, name(&files.certificate)?, name(&files.key)?];
        let told = |path: &Path, answer: c_int| check(f, "", answer).map_err(|error| of(path, error.reason()));
        // Safety: as in `begin`; names outlive the calls, which read the files.
        unsafe {
            check(f, "gnutls_certificate_allocate_credentials", (f.certificate_allocate_credentials)(&mut self.credentials))?;
            let count = (f.certificate_set_x509_trust_file)(self.credentials, authorities.as_ptr(), PEM);
            told(&files.authorities, count)?;
            if count == 0 {
                return Err(of(&files.authorities, "there is no certificate in it".to_owned()));
            }
            if let Some(path) = &files.revoked {
                told(path, (f.certificate_set_x509_crl_file)(self.credentials, name(path)?.as_ptr(), PEM))?;
            }
            let (certificate, key) = (certificate.as_ptr(), key.as_ptr());
            let answer = (f.certificate_set_x509_key_file2)(self.credentials, certificate, key, PEM, std::ptr::null(), NO_PASSWORD);
            told(&files.certificate, answer)?;
            if self.side == Side::Server {
                check(f, "gnutls_certificate_set_known_dh_params", (f.certificate_set_known_dh_params)(self.credentials, MEDIUM))?;
                (f.certificate_server_set_request)(self.raw, REQUIRED);
            }
            (f.session_set_verify_cert)(self.raw, std::ptr::null(), 0);
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<(), TlsError> {
        let f = self.functions;
        // Safety: as in `begin`; the callbacks get the box, which lives as long as the session.
        unsafe {
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
        if answer < 0 {
            // Safety: as above. So the other side learns why.
            unsafe { (self.functions.alert_send_appropriate)(self.raw, answer) };
        }
        self.judge("TLS handshake", answer).map(|()| true)
    }

    /// Looks at an answer that may be about the other side: what it said, or why it is not believed.
    fn judge(&self, call: &'static str, answer: c_int) -> Result<(), TlsError> {
        let f = self.functions;
        // Safety: the session is set up; texts of alerts are constant, that of the verdict is copied and given back.
        let reason = unsafe {
            match answer {
                REFUSED => text((f.alert_get_name)((f.alert_get)(self.raw))).map(|said| format!("the other side refused: {said}")),
                NOT_BELIEVED => {
                    let mut verdict = Datum { data: std::ptr::null_mut(), size: 0 };
                    let status = (f.session_get_verify_cert_status)(self.raw);
                    (f.certificate_verification_status_print)(status, X509, &mut verdict, 0);
                    let reason = text(verdict.data.cast());
                    (f.release)(verdict.data.cast());
                    reason.map(|reason| reason.trim().to_owned())
                }
                _ => None,
            }
        };
        reason.map_or_else(|| check(f, call, answer), |reason| Err(TlsError::Failed { call, reason }))
    }

    /// Encrypts bytes.
    pub fn send(&mut self, mut bytes: &[u8]) -> Result<(), TlsError> {
        while !bytes.is_empty() {
            // Safety: the pointer and the length are those of one slice, which outlives the call.
            let answer = unsafe { (self.functions.record_send)(self.raw, bytes.as_ptr().cast(), bytes.len()) };
            match usize::try_from(answer) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(_) if AGAIN.contains(&answer) => {}
                Err(_) => self.judge("TLS send", answer as c_int)?,
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
                    Err(_) => self.judge("TLS receive", answer as c_int)?,
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
    let reason = unsafe { text((functions.strerror)(answer)) };
    Err(TlsError::Failed { call, reason: reason.unwrap_or_default() })
}

/// Copies a text of the library's.
///
/// # Safety
/// It is null, or ends with a zero.
unsafe fn text(of: *const c_char) -> Option<String> {
    // Safety: the caller's promise.
    (!of.is_null()).then(|| unsafe { CStr::from_ptr(of) }.to_string_lossy().into_owned())
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
                    (CERTIFICATE, _) => (self.functions.certificate_free_credentials)(self.credentials),
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
    // Safety: the pointer is the one given in `connect`; the buffer has room for `length` bytes.
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
    // Safety: the pointer is the one given in `connect`; `length` bytes are there to be read.
    unsafe {
        let pipes = &mut *pipes.cast::<Pipes>();
        pipes.outgoing.extend_from_slice(std::slice::from_raw_parts(bytes.cast::<u8>(), length));
    }
    length as isize
}

/// Gives the library the one key there is, whoever asks for it. Compat: Pacemaker's remote side looks at the key alone as well.
extern "C" fn find_key(session: Raw, _identity: *const c_char, key: *mut Datum) -> c_int {
    let Ok(functions) = functions() else { return -1 };
    // Safety: the session's pointer is the one given in `connect`; the library frees the copy, which comes from its own heap.
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
mod tests;
