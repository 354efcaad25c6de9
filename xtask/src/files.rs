//! Where things are in this checkout, and reading and writing them with errors that name paths.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .parent()
        .expect("xtask is a folder of the workspace")
        .to_owned()
}

/// Where the real peers live; ignored by git.
pub(crate) fn peers() -> PathBuf {
    root().join(".peers")
}

/// A file's text.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| failed("read", path, source))
}

/// Writes a file through a neighbour and a rename, so that a reader sees the old or the new text.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        create_dir(folder)?;
    }
    let neighbour = path.with_added_extension("new");
    fs::write(&neighbour, text)
        .and_then(|()| fs::rename(&neighbour, path))
        .map_err(|source| failed("write", path, source))
}

/// Makes a folder and those above it.
pub(crate) fn create_dir(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|source| failed("create", path, source))
}

/// Removes a folder and all in it, if it is there.
pub(crate) fn remove_dir(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(failed("remove", path, source))
        }
        _ => Ok(()),
    }
}

/// An error about this path.
pub(crate) fn failed(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::File {
        action,
        path: path.to_owned(),
        source,
    }
}
