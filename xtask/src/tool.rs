//! Running other programs, with errors that say which one and how it ended.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output};
use std::sync::LazyLock;

use crate::error::Error;
use crate::files;

/// `cargo`, the one this task runs under, in the root of the checkout.
#[expect(
    clippy::disallowed_methods,
    reason = "CARGO is cargo's word to us, not a setting"
)]
pub(crate) fn cargo<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args).current_dir(files::root());
    command
}

/// Where this program was when it started: a build may put another in its place meanwhile, and the
/// system then no longer knows a name for the one that runs.
static OURSELVES: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::current_exe().unwrap_or_else(|_| "xtask".into()));

/// This program, to run another of its tasks in a process of its own. `main` asks for it first.
pub(crate) fn ourselves() -> Command {
    Command::new(&*OURSELVES)
}

/// Runs a program with our terminal; fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let status = command.status().map_err(|source| start(command, source))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Command {
        command: shown(command),
        status: status.to_string(),
    })
}

/// Starts a program.
pub(crate) fn spawn(command: &mut Command) -> Result<Child, Error> {
    command.spawn().map_err(|source| start(command, source))
}

/// Waits for the program that this command started.
pub(crate) fn wait(child: &mut Child, command: &Command) -> Result<ExitStatus, Error> {
    child.wait().map_err(|source| start(command, source))
}

/// Runs a program and takes what it says; a failure of the program itself is the caller's to judge.
pub(crate) fn output(command: &mut Command) -> Result<Output, Error> {
    command.output().map_err(|source| start(command, source))
}

/// A program's stdout; fails with its stderr when it fails.
pub(crate) fn stdout(command: &mut Command) -> Result<String, Error> {
    let output = output(command)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::undecided(
        format!("`{}` ended with {}", shown(command), output.status),
        said.trim().to_owned(),
    ))
}

/// The command as one would type it, without the folder of its program.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or_default().to_string_lossy()];
    words.extend(command.get_args().map(OsStr::to_string_lossy));
    words.join(" ")
}

fn start(command: &Command, source: io::Error) -> Error {
    Error::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        help: (source.kind() == io::ErrorKind::NotFound)
            .then(|| "install it, or put it on PATH".to_owned()),
        source,
    }
}

/// Runs async work with a temporary folder, which is gone afterwards.
pub(crate) fn in_folder(work: impl AsyncFnOnce(PathBuf) -> Result<(), Error>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| Error::Start {
            program: "a runtime".to_owned(),
            source,
            help: None,
        })?;
    let folder = tempfile::tempdir()
        .map_err(|source| files::failed("create", &std::env::temp_dir(), source))?;
    runtime.block_on(work(folder.path().to_owned()))
}
