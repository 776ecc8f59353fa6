//! The target `client` with coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::target("client").expect("a target")(bytes));
