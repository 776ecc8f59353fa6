//! The target `fence_meta_data` with coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::target("fence_meta_data").expect("a target")(bytes));
