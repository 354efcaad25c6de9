//! The merged view of the layers read so far (image specification 1.1, *Layer*, *Whiteouts*).

use std::collections::{BTreeMap, BTreeSet};

use palisade_types::Digest;

use super::{Entry, ImageFile};
use crate::error::{Error, printable};
use crate::limits;

/// How much of a file is read before deciding whether the rest is wanted.
pub(super) const HEAD: usize = 16;

/// What a tar header says about a file.
#[derive(Clone, Debug, Default)]
pub(super) struct FileMeta {
    pub(super) path: String,
    pub(super) mode: u32,
    pub(super) size: u64,
}

/// What a caller wants of an image.
pub(super) trait Reader {
    /// The most bytes this file may have, if it is wanted.
    fn wanted(&self, entry: &Entry<'_>) -> Option<u64>;
    /// What is kept of a wanted file's bytes.
    fn reduce(&self, path: &str, bytes: Vec<u8>) -> Vec<u8>;
}

/// A wanted file, and what it was before the reader reduced it.
#[derive(Clone)]
struct Kept {
    file: ImageFile,
    head: Vec<u8>,
    size: u64,
}

/// The wanted files of the layers so far, and what the current layer changes.
pub(super) struct View<R> {
    reader: R,
    files: BTreeMap<String, Kept>,
    layer: Option<Layer>,
    entries: u64,
    kept: u64,
    unpacked: u64,
}

/// What one layer changes. Applied at its end: a whiteout concerns lower layers only, wherever in
/// the archive it stands.
struct Layer {
    digest: Digest,
    added: BTreeMap<String, Kept>,
    emptied: BTreeSet<String>,
    removed: BTreeSet<String>,
    /// Paths that are no folder in this layer.
    replaced: BTreeSet<String>,
    folders: BTreeSet<String>,
}

impl<R: Reader> View<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
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
        let Some(limit) = self.reader.wanted(&entry) else {
            return Ok(false);
        };
        let what = || format!("`{}` in the image", printable(&meta.path));
        if meta.size > limit {
            return Err(Error::limit(what(), limit, "bytes"));
        }
        // Before the bytes are read, so that one file cannot exceed it either.
        self.room_for(meta.size)?;
        Ok(true)
    }

    fn room_for(&self, size: u64) -> Result<(), Error> {
        if self.kept.saturating_add(size) > limits::KEPT {
            let what = "the wanted files of the image";
            return Err(Error::limit(what, limits::KEPT, "bytes"));
        }
        Ok(())
    }

    pub(super) fn add_file(&mut self, meta: FileMeta, bytes: Vec<u8>) -> Result<(), Error> {
        let head = bytes[..bytes.len().min(HEAD)].to_vec();
        let bytes = self.reader.reduce(&meta.path, bytes);
        let layer = self.layer();
        let file = ImageFile {
            path: meta.path,
            mode: meta.mode,
            layer: layer.digest.clone(),
            bytes,
        };
        let size = meta.size;
        self.keep(Kept { file, head, size })
    }

    fn keep(&mut self, kept: Kept) -> Result<(), Error> {
        let size = kept.file.bytes.len() as u64;
        self.room_for(size)?;
        self.kept += size;
        self.layer().added.insert(kept.file.path.clone(), kept);
        Ok(())
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
        let Some(mut kept) = known else {
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
            mode: kept.file.mode,
            size: kept.size,
        };
        if self.decide(&meta, &kept.head)? {
            kept.file.path = meta.path;
            self.keep(kept)?;
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
        self.files.into_values().map(|kept| kept.file).collect()
    }
}

/// Removes everything inside this folder; the empty path is the root.
fn remove_below(files: &mut BTreeMap<String, Kept>, folder: &str) {
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
