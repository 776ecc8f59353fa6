//! The target `peer` with coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::target("peer").expect("a target")(bytes));
