//! The target `agent_meta_data` with coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::target("agent_meta_data").expect("a target")(bytes));
