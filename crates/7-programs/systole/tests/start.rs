//! How the program starts: decision 12.

use std::process::Command;

/// Kinds of an ELF file: at fixed addresses, and one that may lie anywhere.
const FIXED: u8 = 2;

/// Needs Linux with glibc and GCC's archives, which is where the program is built for others.
#[test]
fn a_start_writes_no_addresses_and_loads_the_c_library_alone() {
    let program = env!("CARGO_BIN_EXE_systole");
    let bytes = std::fs::read(program).unwrap();
    assert_eq!((&bytes[..4], bytes[16]), (&b"\x7fELF"[..], FIXED));
    let has_archive = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output().is_ok_and(|output| output.stdout.starts_with(b"/"));
    let output = Command::new(program).arg("--version").env("LD_TRACE_LOADED_OBJECTS", "1").output().unwrap();
    let loaded = String::from_utf8_lossy(&output.stdout);
    assert!(loaded.contains("libc.so"), "{loaded}");
    assert!(!has_archive || !loaded.contains("libgcc_s"), "{loaded}");
}
