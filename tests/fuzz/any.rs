//! Every fuzz target in one libFuzzer binary: `PALISADE_FUZZ_TARGET` names the one that runs.
#![no_main]

use std::sync::LazyLock;

use palisade_fuzz::Target;

static TARGET: LazyLock<&'static Target> = LazyLock::new(palisade_fuzz::chosen);

libfuzzer_sys::fuzz_target!(init: { LazyLock::force(&TARGET); }, |data: &[u8]| (TARGET.run)(data));
