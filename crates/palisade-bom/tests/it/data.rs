//! The ground truth beside the checkout.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder of the data that stands beside every checkout; `None`, said by name, where it does not.
pub(crate) fn folder(test: &str, name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/sbom")
        .join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    #[expect(clippy::print_stderr, reason = "a test that did not run says so")]
    {
        eprintln!("skipped {test}: shared/data/sbom/{name} is not beside the checkout");
    }
    None
}

/// The files of a folder whose name starts and ends so, by name.
pub(crate) fn files(folder: &Path, starts: &str, ends: &str) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .filter(|(name, _)| name.starts_with(starts) && name.ends_with(ends))
        .map(|(name, path)| (name, fs::read(path).unwrap()))
        .collect();
    all.sort();
    all
}
