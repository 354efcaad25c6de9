//! OCI image layouts: reading them from a folder or a tar file, and writing new ones.

use crate::{Error, RawManifest};
use palisade_types::{Descriptor, Digest, Platform, Timestamp};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// An OCI image layout on disk, read-only.
#[derive(Clone, Debug)]
pub struct Layout {}

#[allow(unused_variables)]
impl Layout {
    /// Opens a folder.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        todo!()
    }
    /// Opens a tar file.
    pub fn open_archive(file: &Path) -> Result<Self, Error> {
        todo!()
    }
    /// The entries of `index.json`.
    pub fn entries(&self) -> &[Descriptor] {
        todo!()
    }
    /// The entry with this tag or digest; without one, the only entry.
    pub fn find(&self, tag_or_digest: Option<&str>) -> Result<Descriptor, Error> {
        todo!()
    }
    /// A manifest, hashed.
    pub fn manifest(&self, descriptor: &Descriptor) -> Result<RawManifest, Error> {
        todo!()
    }
    /// A blob's bytes, hashed.
    pub fn blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, Error> {
        todo!()
    }
}

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

/// How a new image runs.
#[derive(Clone, Debug)]
pub struct ImageConfig {
    /// Where it runs.
    pub platform: Platform,
    /// The program and its first arguments.
    pub entrypoint: Vec<String>,
    /// The arguments that a user replaces.
    pub cmd: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// The user, for example `65532:65532`. Empty means root.
    pub user: String,
    /// The working directory.
    pub working_dir: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// Writes a new OCI image layout. The same input gives the same bytes.
#[derive(Debug)]
pub struct LayoutWriter {}

#[allow(unused_variables)]
impl LayoutWriter {
    /// Starts a layout in a new or empty folder. `created` (`SOURCE_DATE_EPOCH`) is every time in it.
    pub fn create(dir: &Path, created: Timestamp) -> Result<Self, Error> {
        todo!()
    }
    /// Writes a gzip layer of these files, with the folders above them.
    pub fn add_layer_from_files(
        &mut self,
        files: &[LayerFile],
        created_by: &str,
    ) -> Result<WrittenLayer, Error> {
        todo!()
    }
    /// Writes the configuration and manifest of an image; returns the manifest's descriptor with
    /// its platform.
    pub fn add_image(
        &mut self,
        config: &ImageConfig,
        layers: &[WrittenLayer],
    ) -> Result<Descriptor, Error> {
        todo!()
    }
    /// Writes an index over these manifests.
    pub fn add_index(&mut self, manifests: &[Descriptor]) -> Result<Descriptor, Error> {
        todo!()
    }
    /// Writes `index.json` with one entry, tagged when a tag is given.
    pub fn finish(self, root: &Descriptor, tag: Option<&str>) -> Result<(), Error> {
        todo!()
    }
}
