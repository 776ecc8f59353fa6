//! The target `xml` with coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::target("xml").expect("a target")(bytes));
