//! The merged view of the layers read so far (image specification 1.1, *Layer*, *Whiteouts*).

use std::collections::{BTreeMap, BTreeSet};

use palisade_types::Digest;

use super::{Entry, ImageFile};
use crate::error::{Error, printable};
use crate::limits;

/// What a tar header says about a file.
#[derive(Clone, Debug, Default)]
pub(super) struct FileMeta {
    pub(super) path: String,
    pub(super) mode: u32,
    pub(super) size: u64,
}

/// The wanted files of the layers so far, and what the current layer changes.
pub(super) struct View<F> {
    wanted: F,
    files: BTreeMap<String, ImageFile>,
    layer: Option<Layer>,
    entries: u64,
    kept: u64,
    unpacked: u64,
}

/// What one layer changes. Applied at its end: a whiteout concerns lower layers only, wherever in
/// the archive it stands.
struct Layer {
    digest: Digest,
    added: BTreeMap<String, ImageFile>,
    emptied: BTreeSet<String>,
    removed: BTreeSet<String>,
    /// Paths that are no folder in this layer.
    replaced: BTreeSet<String>,
    folders: BTreeSet<String>,
}

impl<F: Fn(&Entry<'_>) -> Option<u64>> View<F> {
    pub(super) fn new(wanted: F) -> Self {
        Self {
            wanted,
            files: BTreeMap::new(),
            layer: None,
            entries: 0,
            kept: 0,
            unpacked: 0,
        }
    }

    pub(super) fn start_layer(&mut self, digest: Digest) {
        self.layer = Some(Layer {
            digest,
            added: BTreeMap::new(),
            emptied: BTreeSet::new(),
            removed: BTreeSet::new(),
            replaced: BTreeSet::new(),
            folders: BTreeSet::new(),
        });
    }

    fn layer(&mut self) -> &mut Layer {
        self.layer
            .as_mut()
            .expect("entries come between the start and the end of a layer")
    }

    /// Counts decompressed bytes.
    pub(super) fn unpacked(&mut self, what: &str, bytes: usize) -> Result<(), Error> {
        self.unpacked += bytes as u64;
        if self.unpacked > limits::UNPACKED {
            return Err(Error::limit(what, limits::UNPACKED, "decompressed bytes"));
        }
        Ok(())
    }

    /// Counts an entry.
    pub(super) fn count(&mut self, what: &str) -> Result<(), Error> {
        self.entries += 1;
        if self.entries > limits::ENTRIES {
            return Err(Error::limit(what, limits::ENTRIES, "files"));
        }
        Ok(())
    }

    /// Whether this file's bytes are wanted. One that is wanted and too large is an error: left
    /// out, it would look as if it were not there.
    pub(super) fn decide(&mut self, meta: &FileMeta, head: &[u8]) -> Result<bool, Error> {
        let entry = Entry {
            path: &meta.path,
            mode: meta.mode,
            size: meta.size,
            head,
        };
        let Some(limit) = (self.wanted)(&entry) else {
            return Ok(false);
        };
        let what = || format!("`{}` in the image", printable(&meta.path));
        if meta.size > limit {
            return Err(Error::limit(what(), limit, "bytes"));
        }
        self.kept = self.kept.saturating_add(meta.size);
        if self.kept > limits::KEPT {
            return Err(Error::limit(
                "the wanted files of the image",
                limits::KEPT,
                "bytes",
            ));
        }
        Ok(true)
    }

    pub(super) fn add_file(&mut self, meta: FileMeta, bytes: Vec<u8>) {
        let layer = self.layer();
        let file = ImageFile {
            path: meta.path.clone(),
            mode: meta.mode,
            layer: layer.digest.clone(),
            bytes,
        };
        layer.added.insert(meta.path, file);
    }

    pub(super) fn add_folder(&mut self, path: &str) {
        let layer = self.layer();
        layer.added.remove(path);
        layer.folders.insert(path.to_owned());
    }

    /// Something that is no folder stands here now, whatever stood here before.
    pub(super) fn replace(&mut self, path: &str) {
        let layer = self.layer();
        layer.added.remove(path);
        remove_below(&mut layer.added, path);
        layer.replaced.insert(path.to_owned());
    }

    /// A hard link: the same file under one more name.
    pub(super) fn add_link(&mut self, path: &str, target: &str) -> Result<(), Error> {
        let known = self.layer().added.get(target).cloned();
        let known = known.or_else(|| self.files.get(target).cloned());
        let Some(mut file) = known else {
            // Its target was not wanted. If this name is, its bytes are already gone by.
            let meta = FileMeta {
                path: path.to_owned(),
                ..FileMeta::default()
            };
            if self.decide(&meta, b"")? {
                let what = format!("`{}` in the image", printable(path));
                let why = format!(
                    "it is a link to `{}`, which was not read",
                    printable(target)
                );
                return Err(Error::malformed(what, why));
            }
            return Ok(());
        };
        let meta = FileMeta {
            path: path.to_owned(),
            mode: file.mode,
            size: file.bytes.len() as u64,
        };
        let head = &file.bytes[..file.bytes.len().min(16)];
        if self.decide(&meta, head)? {
            path.clone_into(&mut file.path);
            self.layer().added.insert(meta.path, file);
        }
        Ok(())
    }

    /// Notes a whiteout; whether this path is one.
    pub(super) fn whiteout(&mut self, path: &str) -> bool {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(hidden) = name.strip_prefix(".wh.") else {
            return false;
        };
        let layer = self.layer();
        if hidden == ".wh..opq" {
            layer.emptied.insert(folder.to_owned());
        } else if !hidden.starts_with(".wh.") && !hidden.is_empty() {
            let separator = if folder.is_empty() { "" } else { "/" };
            layer.removed.insert(format!("{folder}{separator}{hidden}"));
        }
        true
    }

    /// Applies what the layer changes to the view.
    pub(super) fn finish_layer(&mut self) {
        let layer = self.layer.take().expect("a layer was started");
        for folder in &layer.emptied {
            remove_below(&mut self.files, folder);
        }
        for path in layer.removed.iter().chain(&layer.replaced) {
            self.files.remove(path);
            remove_below(&mut self.files, path);
        }
        for folder in &layer.folders {
            self.files.remove(folder);
        }
        self.files.extend(layer.added);
    }

    pub(super) fn into_files(self) -> Vec<ImageFile> {
        self.files.into_values().collect()
    }
}

/// Removes everything inside this folder; the empty path is the root.
fn remove_below(files: &mut BTreeMap<String, ImageFile>, folder: &str) {
    if folder.is_empty() {
        files.clear();
        return;
    }
    let prefix = format!("{folder}/");
    let below = files.range(prefix.clone()..).map(|(path, _)| path);
    let below: Vec<String> = below
        .take_while(|path| path.starts_with(&prefix))
        .cloned()
        .collect();
    for path in below {
        files.remove(&path);
    }
}
