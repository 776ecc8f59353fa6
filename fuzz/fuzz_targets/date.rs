//! The target `date` with coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::target("date").expect("a target")(bytes));
