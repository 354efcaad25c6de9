//! Finding the program beside this one, and becoming it.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::error::Error;

/// Replaces this process by `palisade-NAME`: signals and the exit code are the program's own, and
/// nothing of ours stays in between. Returns only when that fails.
pub(crate) fn exec<'a>(
    name: &str,
    args: impl IntoIterator<Item = &'a OsString>,
    environment: impl IntoIterator<Item = (String, OsString)>,
) -> Error {
    // A link to this program is followed, so that siblings are found where it really is.
    let place = match std::env::current_exe() {
        Ok(place) => place,
        Err(source) => return Error::Place { source },
    };
    let path = place.with_file_name(format!("palisade-{name}"));
    // The path has a folder, so that the system does not search `PATH`.
    let source = Command::new(&path)
        .args(args.into_iter().map(OsStr::new))
        .env_clear()
        .envs(environment)
        .exec();
    if source.kind() == ErrorKind::NotFound && !path.exists() {
        return Error::Missing { path };
    }
    Error::Exec { path, source }
}
