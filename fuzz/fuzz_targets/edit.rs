//! The target `edit` with coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::target("edit").expect("a target")(bytes));
