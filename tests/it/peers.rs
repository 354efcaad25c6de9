//! Real peers, fetched by `cargo xtask peers`. An absent one is skipped by name, never passed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A peer's program, or `None` after saying by name what is skipped. In CI an absent peer fails.
pub(crate) fn find(path: &str) -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../.peers")
        .join(path);
    if program.exists() {
        return Some(program);
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "a test is no command that the table grants to"
    )]
    let in_ci = std::env::var_os("CI").is_some();
    assert!(
        !in_ci,
        "CI has every peer, but {path} is absent; run `cargo xtask peers`"
    );
    // The test harness swallows a passing test's stderr; the file descriptor itself is not.
    let line = format!("SKIPPED: no {path}; run `cargo xtask peers`\n");
    std::fs::write("/dev/stderr", line).ok();
    None
}

/// Runs a peer in an otherwise empty environment and returns what it said.
pub(crate) fn run(program: &Path, home: &Path, args: &[&str]) -> Output {
    Command::new(program)
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .current_dir(home)
        .output()
        .unwrap()
}

/// Both streams of an output, for messages.
pub(crate) fn text(output: &Output) -> String {
    format!(
        "{}{}\n[{}]",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        output.status
    )
}
