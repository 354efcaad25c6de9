//! Writing to a registry: blobs, manifests, tags, whole layouts.

use crate::{Client, Error};
use palisade_types::{Descriptor, Digest, PinnedRef, Repository};
use std::path::{Path, PathBuf};

/// Where a blob's bytes come from; it can be opened again for a retry.
#[derive(Clone, Debug)]
pub enum BlobSource {
    /// Memory.
    Bytes(Vec<u8>),
    /// A part of a file.
    File {
        /// The file.
        path: PathBuf,
        /// Where the blob starts.
        offset: u64,
    },
}

#[allow(unused_variables)]
impl Client {
    /// Stores a blob unless the repository has it.
    pub async fn push_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        size: u64,
        source: &BlobSource,
    ) -> Result<(), Error> {
        todo!()
    }

    /// Stores a manifest or index under its own digest, and under `tag` when one is given.
    pub async fn push_manifest(
        &self,
        repository: &Repository,
        tag: Option<&str>,
        bytes: &[u8],
        media_type: &str,
    ) -> Result<PinnedRef, Error> {
        todo!()
    }

    /// Points a tag at a manifest that the repository already has.
    pub async fn tag(&self, image: &PinnedRef, tag: &str) -> Result<(), Error> {
        todo!()
    }
}

/// Pushes the one image of an OCI layout by digest, with everything it refers to, then the tag.
pub async fn push_layout(
    client: &Client,
    dir: &Path,
    to: &Repository,
    tag: Option<&str>,
) -> Result<PinnedRef, Error> {
    let _ = (client, dir, to, tag);
    todo!()
}
