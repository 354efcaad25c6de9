//! The fuzz targets: every parser of bytes that strangers write, and what must hold of each.
//!
//! A target is a function from bytes that panics when an invariant is broken. libFuzzer calls it
//! (`cargo xtask fuzz`), and so does a plain test with the seeds and with every input that once
//! broke something (`found/TARGET/`). To add one: a function and a line in a list of `targets`.

mod damage;
mod files;
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

/// One fuzz target.
#[derive(Debug)]
pub struct Target {
    /// Its name, kebab-case.
    pub name: &'static str,
    /// What it feeds.
    pub parser: &'static str,
    /// What must hold, beyond that nothing panics.
    pub holds: &'static str,
    /// Runs one input; panics when an invariant does not hold.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target, sorted by name.
pub fn targets() -> Vec<&'static Target> {
    let mut all: Vec<_> = targets::ALL.iter().copied().flatten().collect();
    all.sort_by_key(|target| target.name);
    all
}

/// The inputs of this target that once broke something; they are kept in the repository.
pub fn found(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("found")
        .join(target.name);
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a file of the checkout can be read");
        (path, bytes)
    };
    files.into_iter().map(read).collect()
}

/// The target that `PALISADE_FUZZ_TARGET` names. When `PALISADE_FUZZ_SEEDS` names a folder, the
/// seeds of all targets are written there, in a folder of each, and any target will do.
///
/// # Panics
///
/// When there is no such target, or the seeds cannot be written.
#[expect(
    clippy::disallowed_methods,
    reason = "libFuzzer owns the command line, so this is the way to tell the binary anything"
)]
pub fn chosen() -> &'static Target {
    let all = targets();
    if let Some(folder) = std::env::var_os("PALISADE_FUZZ_SEEDS") {
        write_seeds(Path::new(&folder));
        return all[0];
    }
    let name = std::env::var("PALISADE_FUZZ_TARGET").unwrap_or_default();
    let names: Vec<_> = all.iter().map(|target| target.name).collect();
    let chosen = all.iter().find(|target| target.name == name);
    chosen.unwrap_or_else(|| {
        panic!(
            "PALISADE_FUZZ_TARGET is `{name}`; the targets are {}",
            names.join(", ")
        )
    })
}

fn write_seeds(folder: &Path) {
    for target in targets() {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder).expect("the folder of seeds can be made");
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed).expect("a seed can be written");
        }
    }
}
