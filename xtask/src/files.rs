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

/// The folder of the built binaries: `target/debug`, where this task itself is.
pub(crate) fn binaries() -> PathBuf {
    let program = crate::tool::ourselves();
    let folder = Path::new(program.get_program()).parent();
    folder.expect("a program is in a folder").to_owned()
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

/// Every file of the checkout, as paths relative to its root, in order. What is built, fetched or
/// belongs to git is left out.
pub(crate) fn all(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let entries = fs::read_dir(&path).map_err(|source| failed("list", &path, source))?;
        for entry in entries {
            let entry = entry.map_err(|source| failed("list", &path, source))?;
            let kind = entry
                .file_type()
                .map_err(|source| failed("look at", &entry.path(), source))?;
            let relative = folder.join(entry.file_name());
            if kind.is_dir() && !LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
                folders.push(relative);
            } else if kind.is_file() {
                found.push(relative);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The files whose name ends this way.
pub(crate) fn with_extension(root: &Path, extension: &str) -> Result<Vec<PathBuf>, Error> {
    let mut found = all(root)?;
    found.retain(|path| path.extension().is_some_and(|found| found == extension));
    Ok(found)
}

const LEFT_OUT: &[&str] = &[".git", ".peers", "target"];

/// A file's text, or nothing when it is not text.
pub(crate) fn read_if_text(path: &Path) -> Result<String, Error> {
    let bytes = fs::read(path).map_err(|source| failed("read", path, source))?;
    Ok(String::from_utf8(bytes).unwrap_or_default())
}
