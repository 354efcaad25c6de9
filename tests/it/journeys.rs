//! Runs every page of `journeys/` against a lab of its own.

use std::path::Path;

use palisade_lab::{Config, Lab};

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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let lab = runtime.block_on(Lab::start(Config::default())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    std::fs::copy(policies.join("lab.toml"), folder.path().join("policy.toml")).unwrap();
    lab.write_files(folder.path()).unwrap();
    let image = lab.seed_image().to_string();
    let path = format!("{}:/usr/bin:/bin", binaries::folder().display());
    let variables = [("IMAGE", image), ("LAB", lab.base().to_owned())];
    transcript::check(page, name, folder.path(), &path, &variables);
}
