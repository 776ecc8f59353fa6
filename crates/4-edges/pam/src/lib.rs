//! PAM, the operating system's judge of passwords, loaded at run time.
//!
//! One call, which may take as long as the configured modules like: whoever makes it in a process of its own is safe from what
//! they do. The program starts without the library; the first call says that it is missing.
#![expect(unsafe_code, reason = "C functions are loaded, declared and called here")]

use libloading::Library;
use std::ffi::{CStr, CString, c_char, c_int, c_void};

/// Why somebody is not who it says, or may not come in.
#[derive(Debug, thiserror::Error)]
pub enum PamError {
    /// The library is not installed.
    #[error("PAM cannot be used: {0}")]
    Library(String),
    /// A zero byte in a name or a password.
    #[error("a name or a password has a zero byte")]
    Text,
    /// PAM's own words, with the step that failed.
    #[error("{step}: {reason}")]
    Refused { step: &'static str, reason: String },
    /// The modules know whoever this is under another name.
    #[error("PAM knows this user as {0:?}")]
    OtherName(String),
}

const LIBRARY: &str = "libpam.so.0";
const SUCCESS: c_int = 0;
/// `PAM_BUF_ERR` and `PAM_CONV_ERR`.
const NO_MEMORY: c_int = 5;
const NO_CONVERSATION: c_int = 19;
/// `PAM_USER`, an item of a handle.
const USER: c_int = 2;
/// Styles of messages: two that want an answer, two that want none.
const PROMPT_HIDDEN: c_int = 1;
const PROMPT_SHOWN: c_int = 2;
const ERROR: c_int = 3;
const INFO: c_int = 4;
/// `PAM_MAX_NUM_MSG`.
const MESSAGES_MAX: usize = 32;

type Handle = *mut c_void;

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Response {
    text: *mut c_char,
    code: c_int,
}

#[repr(C)]
struct Conversation {
    converse: extern "C" fn(c_int, *const *const Message, *mut *mut Response, *mut c_void) -> c_int,
    data: *mut c_void,
}

// The C library's heap, from which the answers must come: whoever asks frees them.
unsafe extern "C" {
    fn calloc(count: usize, size: usize) -> *mut c_void;
    fn strdup(text: *const c_char) -> *mut c_char;
    fn free(memory: *mut c_void);
}

struct Functions {
    start: unsafe extern "C" fn(*const c_char, *const c_char, *const Conversation, *mut Handle) -> c_int,
    end: unsafe extern "C" fn(Handle, c_int) -> c_int,
    authenticate: unsafe extern "C" fn(Handle, c_int) -> c_int,
    acct_mgmt: unsafe extern "C" fn(Handle, c_int) -> c_int,
    get_item: unsafe extern "C" fn(Handle, c_int, *mut *const c_void) -> c_int,
    strerror: unsafe extern "C" fn(Handle, c_int) -> *const c_char,
    _library: Library,
}

impl Functions {
    fn load() -> Result<Self, libloading::Error> {
        // Safety: the library does nothing when it is loaded; the declared forms are those of `security/pam_appl.h`, which have not
        // changed under this name of the library.
        unsafe {
            let library = Library::new(LIBRARY)?;
            Ok(Self {
                start: *library.get(b"pam_start\0")?,
                end: *library.get(b"pam_end\0")?,
                authenticate: *library.get(b"pam_authenticate\0")?,
                acct_mgmt: *library.get(b"pam_acct_mgmt\0")?,
                get_item: *library.get(b"pam_get_item\0")?,
                strerror: *library.get(b"pam_strerror\0")?,
                _library: library,
            })
        }
    }

    fn check(&self, handle: Handle, step: &'static str, answer: c_int) -> Result<(), PamError> {
        if answer == SUCCESS {
            return Ok(());
        }
        // Safety: the library answers with a text of its own that is never freed, or with null.
        let reason = unsafe {
            let text = (self.strerror)(handle, answer);
            if text.is_null() { format!("code {answer}") } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        };
        Err(PamError::Refused { step, reason })
    }
}

/// Asks whether this is the user's password, and whether the user may come in now, by the rules of `service` (`/etc/pam.d`).
///
/// # Errors
/// Why not.
pub fn check(service: &str, user: &str, password: &str) -> Result<(), PamError> {
    let text = |text: &str| CString::new(text).map_err(|_| PamError::Text);
    let (service, name, password) = (text(service)?, text(user)?, text(password)?);
    let functions = Functions::load().map_err(|error| PamError::Library(error.to_string()))?;
    let conversation = Conversation { converse, data: password.as_ptr().cast_mut().cast() };
    let mut handle: Handle = std::ptr::null_mut();
    // Safety: every pointer is to a local that lives until `end`; the library copies the texts and uses the conversation only
    // inside the calls below. The handle is set by `start`, whose answer is looked at, and given up once.
    unsafe {
        let started = (functions.start)(service.as_ptr(), name.as_ptr(), &conversation, &mut handle);
        functions.check(handle, "pam_start", started)?;
        let outcome = judge(&functions, handle, user);
        (functions.end)(handle, if outcome.is_ok() { SUCCESS } else { started });
        outcome
    }
}

/// Safety: the handle was set by `start` and is not given up yet.
unsafe fn judge(functions: &Functions, handle: Handle, user: &str) -> Result<(), PamError> {
    // Safety: as above; the item is a text of the library's own that lives as long as the handle.
    unsafe {
        functions.check(handle, "pam_authenticate", (functions.authenticate)(handle, 0))?;
        let mut known: *const c_void = std::ptr::null();
        functions.check(handle, "pam_get_item", (functions.get_item)(handle, USER, &mut known))?;
        let known = if known.is_null() { String::new() } else { CStr::from_ptr(known.cast()).to_string_lossy().into_owned() };
        // Compat: modules may put a name into another case.
        if !known.eq_ignore_ascii_case(user) {
            return Err(PamError::OtherName(known));
        }
        functions.check(handle, "pam_acct_mgmt", (functions.acct_mgmt)(handle, 0))
    }
}

/// Answers every question with the password.
extern "C" fn converse(count: c_int, messages: *const *const Message, responses: *mut *mut Response, password: *mut c_void) -> c_int {
    let count = match usize::try_from(count) {
        Ok(count) if (1..=MESSAGES_MAX).contains(&count) => count,
        _ => return NO_CONVERSATION,
    };
    // Safety: the library gives `count` pointers to messages, room for one pointer, and the data of `Conversation`, a text that ends
    // with a zero byte. The answers come from the heap from which they are freed: by the caller, or here where it gets none.
    unsafe {
        let answers = calloc(count, size_of::<Response>()).cast::<Response>();
        if answers.is_null() {
            return NO_MEMORY;
        }
        for at in 0..count {
            let is_understood = match (**messages.add(at)).style {
                PROMPT_HIDDEN | PROMPT_SHOWN => {
                    (*answers.add(at)).text = strdup(password.cast());
                    !(*answers.add(at)).text.is_null()
                }
                ERROR | INFO => true,
                _ => false,
            };
            if !is_understood {
                (0..count).for_each(|at| free((*answers.add(at)).text.cast()));
                free(answers.cast());
                return NO_CONVERSATION;
            }
        }
        *responses = answers;
    }
    SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_answered_and_nothing_else() {
        let ask = |styles: &[c_int]| {
            let messages: Vec<Message> = styles.iter().map(|style| Message { style: *style, text: c"?".as_ptr() }).collect();
            let pointers: Vec<*const Message> = messages.iter().map(std::ptr::from_ref).collect();
            let mut responses = std::ptr::null_mut();
            let code = converse(styles.len() as c_int, pointers.as_ptr(), &mut responses, c"geheim".as_ptr().cast_mut().cast());
            if code != SUCCESS {
                return Err(code);
            }
            // Safety: `converse` succeeded, so that there is an answer for each message, to be freed by whoever asked.
            unsafe {
                let texts = (0..styles.len()).map(|at| (*responses.add(at)).text);
                let read = |text: *mut c_char| (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned());
                let told: Vec<Option<String>> = texts.clone().map(read).collect();
                texts.for_each(|text| free(text.cast()));
                free(responses.cast());
                Ok(told)
            }
        };
        let password = || Some("geheim".to_owned());
        assert_eq!(ask(&[PROMPT_HIDDEN]), Ok(vec![password()]));
        assert_eq!(ask(&[INFO, PROMPT_SHOWN, ERROR]), Ok(vec![None, password(), None]));
        assert_eq!(ask(&[PROMPT_HIDDEN, 99]), Err(NO_CONVERSATION));
        assert_eq!(ask(&[]), Err(NO_CONVERSATION));
    }

    #[test]
    fn a_text_with_a_zero_byte_is_no_password() {
        assert!(matches!(check("other", "anna", "a\0b"), Err(PamError::Text)));
    }
}
