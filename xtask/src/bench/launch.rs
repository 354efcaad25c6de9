//! Runs one program and says what it cost, as the kernel counted it.
//!
//! `wait4` has no safe interface in Rust's standard library. Python's has, and python3 is there
//! because two peers are installed with it. The count of a process begins with the memory of the
//! one that started it, so no figure is below that of a bare interpreter.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::error::Error;
use crate::tool;

const SCRIPT: &str = include_str!("launch.py");

/// What a run cost.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub(super) struct Cost {
    /// User and system time in seconds.
    pub(super) cpu: f64,
    /// Seconds from start to end.
    pub(super) wall: f64,
    /// The largest resident set, in bytes.
    pub(super) memory: f64,
    /// The exit code; negative is the signal that ended it.
    pub(super) code: i32,
    /// Whether it was stopped because it took longer than allowed.
    pub(super) stopped: bool,
}

/// Runs a program in a folder, with this home and no other environment; what it says goes to
/// `said` in that folder. It is stopped when `most` is over.
pub(super) fn launch(
    argv: &[String],
    folder: &Path,
    home: &Path,
    most: Duration,
) -> Result<Cost, Error> {
    let mut command = Command::new("python3");
    command
        .args(["-I", "-S", "-c", SCRIPT, &most.as_secs().to_string()])
        .args(argv)
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", home);
    let said = tokio::task::block_in_place(|| tool::stdout(&mut command))?;
    serde_json::from_str(&said).map_err(|error| {
        Error::undecided(
            format!("the launcher said `{}`: {error}", said.trim()),
            "is `python3` on PATH Python 3?",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_program_costs_and_how_it_ends_is_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = |script: &str, most: u64| {
            let argv = ["/bin/sh", "-c", script].map(str::to_owned);
            let most = Duration::from_secs(most);
            launch(&argv, folder.path(), folder.path(), most).expect("sh runs")
        };
        let idle = run("sleep 0.2; exit 3", 9);
        assert_eq!((idle.code, idle.stopped), (3, false));
        assert!(idle.wall >= 0.2 && idle.cpu < 0.2, "{idle:?}");
        let busy = run("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done", 60);
        assert!(busy.cpu > idle.cpu, "{busy:?}");
        let endless = run("exec sleep 30", 1);
        assert!(endless.stopped && endless.code < 0, "{endless:?}");
        // What it said is kept for the error message.
        run("echo out; echo err >&2", 9);
        let said = std::fs::read_to_string(folder.path().join("said")).expect("it is kept");
        assert_eq!(said, "out\nerr\n");
    }
}
