//! The target `patch` with coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::target("patch").expect("a target")(bytes));
