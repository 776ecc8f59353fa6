//! The target `rule` with coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::target("rule").expect("a target")(bytes));
