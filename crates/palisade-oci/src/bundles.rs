//! The Sigstore bundles attached to an image.

use crate::{Client, Error};
use palisade_types::{Digest, PinnedRef};

/// What was found attached to an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundBundles {
    /// The bundles, ordered by manifest digest. Untrusted until verified.
    pub bundles: Vec<FoundBundle>,
    /// Attached manifests that gave no bundle, and why.
    pub skipped: Vec<(Digest, String)>,
}

/// One attached bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundBundle {
    /// The digest of the attached manifest.
    pub manifest: Digest,
    /// The digest of the layer, which is the bundle's.
    pub layer: Digest,
    /// The bundle's bytes, hashed against `layer`.
    pub bytes: Vec<u8>,
    /// What the manifest's annotations claim the predicate type is. Orders work, proves nothing.
    pub predicate_hint: Option<String>,
}

#[allow(unused_variables)]
impl Client {
    /// Every Sigstore bundle attached to this image. Fails when any of them could not be looked
    /// at; what is there but is no bundle of this image is listed in `skipped`.
    pub async fn bundles(&self, image: &PinnedRef) -> Result<FoundBundles, Error> {
        todo!()
    }
}
