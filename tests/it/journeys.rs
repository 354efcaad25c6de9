//! Runs every page of `journeys/`, each in a folder of its own with the lab's policy in it.

use std::path::Path;

use crate::{binaries, transcript};

#[test]
fn every_journey_comes_out_as_written() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("journeys");
    let mut count = 0;
    for entry in std::fs::read_dir(pages).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        play(&std::fs::read_to_string(&path).unwrap(), &name);
        count += 1;
    }
    assert!(count > 0, "there are no journeys");
}

fn play(page: &str, name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    std::fs::copy(policies.join("lab.toml"), folder.path().join("policy.toml")).unwrap();
    let path = format!("{}:/usr/bin:/bin", binaries::folder().display());
    transcript::check(page, name, folder.path(), &path);
}
