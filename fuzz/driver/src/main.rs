//! A target with coverage: the one that the environment variable `SYSTOLE_FUZZ_TARGET` names.
#![no_main]

use std::sync::OnceLock;

static TARGET: OnceLock<targets::Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        let name = std::env::var("SYSTOLE_FUZZ_TARGET").unwrap_or_default();
        TARGET.get_or_init(|| targets::target(&name).expect("SYSTOLE_FUZZ_TARGET names a target"));
    },
    |bytes: &[u8]| TARGET.get().expect("a target")(bytes)
);
