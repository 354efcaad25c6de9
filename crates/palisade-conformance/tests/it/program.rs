//! Runs the built program.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of the recorded bundles.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/sigstore-faults")
        .join(name)
}

/// Runs it with these arguments, in the folder of the recorded bundles. Returns the exit code and
/// what it said.
pub(crate) fn conformance(args: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_palisade-conformance"))
        .args(args)
        .env_clear()
        .current_dir(fixture(""))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said)
}
