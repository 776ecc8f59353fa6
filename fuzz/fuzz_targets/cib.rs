//! The target `cib` with coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::target("cib").expect("a target")(bytes));
