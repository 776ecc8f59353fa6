//! How the program is linked: so that a command starts quickly.
//!
//! Agents call commands at every monitor, and a command that asks the daemon for one thing spends most of its time on being loaded.
//! Two things of that are spared (decision 12): the addresses in its own tables, tens of thousands, are written by the linker instead
//! of at each start, and the unwinder is part of the program instead of a library of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if !is("CARGO_CFG_TARGET_OS", "linux") || !is("CARGO_CFG_TARGET_ENV", "gnu") || env::var("HOST") != env::var("TARGET") {
        return;
    }
    println!("cargo:rustc-link-arg-bins=-no-pie");
    if has_unwinder()
        && let Some(folder) = env::var_os("OUT_DIR").map(PathBuf::from)
        // What Rust's library asks for by this name is found here first.
        && fs::write(folder.join("libgcc_s.so"), "INPUT(-lgcc_eh)\n").is_ok()
    {
        println!("cargo:rustc-link-search=native={}", folder.display());
    }
}

/// Whether the C compiler that links has the unwinder as an archive; it says the bare name when it has not.
fn has_unwinder() -> bool {
    let output = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    output.is_ok_and(|output| String::from_utf8(output.stdout).is_ok_and(|path| Path::new(path.trim()).is_absolute()))
}
