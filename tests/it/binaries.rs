//! Where the built binaries are: beside this test's own executable, after a workspace build.

use std::path::PathBuf;

/// The folder that holds `palisade` and its siblings.
pub(crate) fn folder() -> PathBuf {
    // target/debug/deps/it-… → target/debug
    let deps = std::env::current_exe().unwrap();
    let folder = deps
        .parent()
        .and_then(|deps| deps.parent())
        .unwrap()
        .to_owned();
    assert!(
        folder.join("palisade").is_file(),
        "{} has no palisade; run `cargo xtask test`, which builds the binaries first",
        folder.display()
    );
    folder
}
