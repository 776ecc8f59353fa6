//! `systole check-login`: asks PAM about one user and one password. The root role calls this for whoever administers the cluster from
//! another host; people need not.

use std::ffi::OsString;
use std::io::Read;
use std::process::ExitCode;

/// Compat: the rules of PAM that hold unless `CIB_pam_service` names others.
const SERVICE: &str = "login";
/// The longest name and password together, in bytes.
const LENGTH_MAX: u64 = 16 << 10;

/// Runs the judge: reads the name, a zero byte and the password from standard input. Ends with 0 if they belong together.
pub fn run(_arguments: Vec<OsString>) -> ExitCode {
    match judge() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn judge() -> Result<(), String> {
    let mut text = String::new();
    std::io::stdin().take(LENGTH_MAX).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let (user, password) = text.split_once('\0').ok_or("a name and a password are needed on standard input, with a zero byte between")?;
    let service = std::env::var("CIB_pam_service").ok().filter(|service| !service.is_empty());
    pam::check(service.as_deref().unwrap_or(SERVICE), user, password).map_err(|error| error.to_string())
}
