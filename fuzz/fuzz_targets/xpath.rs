//! The target `xpath` with coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::target("xpath").expect("a target")(bytes));
