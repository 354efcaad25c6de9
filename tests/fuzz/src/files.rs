//! Recorded files that seeds and targets are made of.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file of the repository, by its path from the top.
pub(crate) fn read(path: &str) -> Vec<u8> {
    let path = root().join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A recorded file of the signing and verifying fixtures.
pub(crate) fn recorded(name: &str) -> Vec<u8> {
    read(&format!("fixtures/sigstore-faults/{name}"))
}

/// All files of at most 64 KiB in a folder of the repository that end so, by name.
pub(crate) fn folder(path: &str, ending: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(root().join(path)).expect("a folder of the checkout");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    files.sort();
    let files = files.iter().map(|path| fs::read(path).expect("a file"));
    files.filter(|bytes| bytes.len() <= 64 << 10).collect()
}

/// The text at a place of a JSON document, decoded from base64.
pub(crate) fn base64_at(document: &[u8], pointer: &str) -> Option<Vec<u8>> {
    let value: Value = serde_json::from_slice(document).ok()?;
    STANDARD.decode(value.pointer(pointer)?.as_str()?).ok()
}
