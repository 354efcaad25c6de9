//! The ecosystems: each says which files it wants, and turns their bytes into components.
//!
//! To add one: a file beside this one with an `ECOSYSTEM`, and a line in [`ALL`].

mod apk;
mod cargo_lock;
mod deb822;
mod dpkg;
mod dpkg_copyright;
mod elf;
mod go_binary;
mod installed;
mod npm_tree;
mod python;
mod python_marker;
mod rust_binary;

use palisade_types::{Entry, ImageFile};

use crate::distro::Distro;
use palisade_bom::inventory::{Found, MAX_COMPONENTS, MAX_EDGES, Place};

/// One ecosystem.
pub(crate) struct Ecosystem {
    /// The most bytes of this file it wants to read; nothing if it is not its file.
    pub(crate) wants: fn(&Entry<'_>) -> Option<u64>,
    /// Lists what its files tell.
    pub(crate) catalog: fn(&[&ImageFile], Option<&Distro>) -> Found,
}

/// Every ecosystem.
pub(crate) const ALL: &[Ecosystem] = &[
    apk::ECOSYSTEM,
    cargo_lock::ECOSYSTEM,
    dpkg::ECOSYSTEM,
    go_binary::ECOSYSTEM,
    npm_tree::ECOSYSTEM,
    python::ECOSYSTEM,
    rust_binary::ECOSYSTEM,
];

impl Ecosystem {
    /// The files among these that are its own.
    pub(crate) fn files<'a>(&self, files: &'a [ImageFile]) -> Vec<&'a ImageFile> {
        files
            .iter()
            .filter(|file| (self.wants)(&entry(file)).is_some())
            .collect()
    }
}

/// How many of a file's first bytes an [`Entry`] shows.
const HEAD: usize = 16;

fn entry(file: &ImageFile) -> Entry<'_> {
    Entry {
        path: &file.path,
        mode: file.mode,
        size: file.bytes.len() as u64,
        head: &file.bytes[..file.bytes.len().min(HEAD)],
    }
}

/// The longest name or version, in bytes. Every edge repeats those of the package it leads to, so
/// that a long one costs its length as often as it is used.
const MAX_WORD: usize = 1 << 10;
/// The longest address of a source, in bytes; it is repeated as names are.
const MAX_URL: usize = 4 << 10;

/// Whether this is short enough to be a name or a version.
pub(crate) const fn is_short(text: &str) -> bool {
    text.len() <= MAX_WORD
}

/// Reads files that stand each for itself. Stops where there is more than an inventory may hold:
/// what a small file inflates to must not add up before it is counted.
fn each_file(
    files: &[&ImageFile],
    read: impl Fn(&ImageFile, &mut Found) -> Result<(), String>,
) -> Found {
    let mut found = Found::default();
    for file in files {
        if found.components.len() > MAX_COMPONENTS || found.edges.len() > MAX_EDGES {
            let why = "and what follows were left out: the image holds more than palisade lists";
            found.gap(&file.path, why);
            break;
        }
        if let Err(reason) = read(file, &mut found) {
            found.gap(&file.path, reason);
        }
    }
    found
}

fn place(file: &ImageFile) -> Place {
    Place {
        path: file.path.clone(),
        layer: file.layer.clone(),
    }
}

/// The bytes as text; the line of the first that is none.
fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        format!("line {line}: is not UTF-8")
    })
}

#[cfg(test)]
pub(crate) mod testing {
    use palisade_types::Digest;
    use palisade_types::ImageFile;

    /// A file of an image.
    pub(crate) fn file(path: &str, bytes: &[u8]) -> ImageFile {
        ImageFile {
            path: path.to_owned(),
            mode: 0o755,
            layer: Digest::sha256_of(b"layer"),
            bytes: bytes.to_vec(),
        }
    }
}
