//! A folder with the dispatcher and stub siblings, as an installation would be.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Runs its arguments, or prints the environment it was started with.
///
/// A shell adds variables of its own; `/proc` shows what it was given.
const STUB: &str = "#!/bin/sh
if [ $# -gt 0 ]; then exec \"$@\"; fi
/usr/bin/tr '\\0' '\\n' < /proc/$$/environ
";

/// The folder. Made once and never written to again: a program that is still open for writing in
/// some fork of the test process cannot be started.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("installation");
        let _absent = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        fs::hard_link(env!("CARGO_BIN_EXE_palisade"), folder.join("palisade")).unwrap();
        // `gate` is left out on purpose, `sbom` cannot be started, and the rest are stubs.
        for name in ["deploy", "lab", "sign", "verify"] {
            program(&folder.join(format!("palisade-{name}")), STUB);
        }
        program(&folder.join("palisade-sbom"), "#!/no/such/interpreter\n");
        let elsewhere = folder.join("elsewhere");
        fs::create_dir_all(&elsewhere).unwrap();
        program(&elsewhere.join("palisade-gate"), STUB);
        std::os::unix::fs::symlink("../palisade", elsewhere.join("palisade")).unwrap();
        folder
    })
}

fn program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The dispatcher of the installation, with this environment and no other.
pub(crate) fn palisade(environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(folder().join("palisade"));
    command.env_clear().envs(environment.iter().copied());
    command
}

/// The exit code and what was said on stderr, with the folder's name taken out.
pub(crate) fn outcome(output: &Output) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    let said = said.replace(&folder().display().to_string(), "FOLDER");
    format!("exit {}\n{}", output.status.code().unwrap(), said.trim())
}
