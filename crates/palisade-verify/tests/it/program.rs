//! Runs the built program.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// What the program said and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// The talk without line breaks and frames.
    pub(crate) fn talk(&self) -> String {
        let words = self.err.split_whitespace();
        words
            .filter(|word| *word != "\u{2502}")
            .collect::<Vec<_>>()
            .join(" ")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A file of the recorded bundles.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/sigstore-faults")
        .join(name)
}

/// Runs `palisade verify` with these arguments, in an empty environment.
pub(crate) fn verify<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    verify_in(args, &[], "")
}

/// The same with these variables and this text on stdin.
pub(crate) fn verify_in<S: AsRef<std::ffi::OsStr>>(
    args: impl IntoIterator<Item = S>,
    variables: &[(&str, &str)],
    input: &str,
) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_palisade-verify"))
        .args(args)
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(fixture(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that reads nothing may be gone by now.
    let _gone = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The signer and the trust root of the recorded registry.
pub(crate) const SIGNER: [&str; 6] = [
    "--certificate-identity",
    "dev@siglab.test",
    "--certificate-oidc-issuer",
    "http://localhost:18500",
    "--trusted-root",
    "trusted_root.json",
];

/// Runs with these arguments and the recorded signer.
pub(crate) fn verify_recorded(args: &[&str]) -> Run {
    verify(args.iter().chain(&SIGNER))
}
