//! New layers: a deterministic tar, compressed fast, hashed on both sides of the compression.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use flate2::{Compression, GzBuilder};
use palisade_types::digest::Hasher;
use palisade_types::{Algorithm, Descriptor, Digest};

use super::{LayoutWriter, blob_name};
use crate::error::Error;
use crate::media;

/// What a file in a new layer holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What this file holds when the layer is written.
    File(PathBuf),
}

/// A file in a new layer.
#[derive(Clone, Debug)]
pub struct LayerFile {
    /// The path in the image, without a leading slash.
    pub path: String,
    /// What it holds.
    pub content: Content,
    /// The permission bits: `0o755`.
    pub mode: u32,
}

/// A layer that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenLayer {
    /// The compressed blob.
    pub descriptor: Descriptor,
    /// The digest of the uncompressed tar.
    pub diff_id: Digest,
    /// How the layer came to be, for the image's history.
    pub created_by: String,
}

impl LayoutWriter {
    /// Writes a gzip layer of these files, with the folders above them.
    pub fn add_layer_from_files(
        &mut self,
        files: &[LayerFile],
        created_by: &str,
    ) -> Result<WrittenLayer, Error> {
        let draft = self.dir.join("blobs/layer.partial");
        let io = |e| Error::io(&draft, e);
        let file = fs::File::create(&draft).map_err(io)?;
        let compressed = Counted::new(io::BufWriter::new(file));
        let gzip = GzBuilder::new().write(compressed, Compression::fast());
        let mut tar = tar::Builder::new(Counted::new(gzip));
        self.append_all(&mut tar, files)?;
        let inner = tar.into_inner().map_err(io)?;
        let diff_id = inner.hasher.finish();
        let mut compressed = inner.inner.finish().map_err(io)?;
        compressed.flush().map_err(io)?;
        let size = compressed.count;
        let digest = compressed.hasher.finish();
        let name = self.dir.join(blob_name(&digest));
        fs::rename(&draft, &name).map_err(|e| Error::io(name, e))?;
        let mut descriptor = Descriptor::of(media::OCI_LAYER_GZIP, b"");
        descriptor.digest = digest;
        descriptor.size = size;
        Ok(WrittenLayer {
            descriptor,
            diff_id,
            created_by: created_by.to_owned(),
        })
    }

    fn append_all(
        &self,
        tar: &mut tar::Builder<impl Write>,
        files: &[LayerFile],
    ) -> Result<(), Error> {
        let mut sorted: Vec<&LayerFile> = files.iter().collect();
        sorted.sort_by(|a, b| a.path.cmp(&b.path));
        let mut folders = BTreeSet::new();
        let mut names = BTreeSet::new();
        for file in sorted {
            if !is_plain(&file.path) || !names.insert(&file.path) {
                let path = &file.path;
                return Err(Error::Usage(format!(
                    "`{path}` cannot be a path in a new layer"
                )));
            }
            for (slash, _) in file.path.match_indices('/') {
                let folder = &file.path[..=slash];
                if folders.insert(folder.to_owned()) {
                    self.append(
                        tar,
                        folder,
                        tar::EntryType::Directory,
                        0o755,
                        0,
                        io::empty(),
                    )
                    .map_err(|e| Error::io(folder, e))?;
                }
            }
            self.append_file(tar, file)?;
        }
        Ok(())
    }

    fn append_file(
        &self,
        tar: &mut tar::Builder<impl Write>,
        file: &LayerFile,
    ) -> Result<(), Error> {
        let kind = tar::EntryType::Regular;
        match &file.content {
            Content::Bytes(bytes) => self
                .append(
                    tar,
                    &file.path,
                    kind,
                    file.mode,
                    bytes.len() as u64,
                    bytes.as_slice(),
                )
                .map_err(|e| Error::io(&file.path, e)),
            Content::File(path) => {
                let io = |e| Error::io(path, e);
                let source = fs::File::open(path).map_err(io)?;
                let size = source.metadata().map_err(io)?.len();
                self.append(
                    tar,
                    &file.path,
                    kind,
                    file.mode,
                    size,
                    io::Read::take(source, size),
                )
                .map_err(io)
            }
        }
    }

    fn append(
        &self,
        tar: &mut tar::Builder<impl Write>,
        path: &str,
        kind: tar::EntryType,
        mode: u32,
        size: u64,
        content: impl io::Read,
    ) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(u64::try_from(self.created.as_second()).unwrap_or(0));
        tar.append_data(&mut header, path, content)
    }
}

/// A relative path without `.`, `..` or empty parts.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Counts and hashes what passes through.
struct Counted<W> {
    inner: W,
    hasher: Hasher,
    count: u64,
}

impl<W> Counted<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Hasher::new(Algorithm::Sha256),
            count: 0,
        }
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
