//! Attaching an artifact to an image so that nobody's attachment gets lost.

use crate::{Client, Error};
use palisade_types::{Descriptor, PinnedRef, Timestamp};
use std::collections::BTreeMap;

/// What to attach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The manifest's artifact type.
    pub artifact_type: String,
    /// The media type of its only layer.
    pub layer_media_type: String,
    /// The layer's bytes.
    pub bytes: Vec<u8>,
    /// The manifest's annotations, copied to the list of referrers.
    pub annotations: BTreeMap<String, String>,
}

impl Attachment {
    /// A Sigstore bundle, in the shape cosign 3 reads.
    pub fn sigstore_bundle(bytes: Vec<u8>, predicate_type: &str, created: Timestamp) -> Self {
        let _ = (bytes, predicate_type, created);
        todo!()
    }
}

#[allow(unused_variables)]
impl Client {
    /// Attaches an artifact to an image that the registry has, and returns the artifact's own
    /// reference. Done means listed: the registry (or the fallback tag) was read back until it
    /// showed the artifact. Attaching the same artifact again changes nothing.
    pub async fn attach(
        &self,
        subject: &PinnedRef,
        subject_descriptor: &Descriptor,
        artifact: &Attachment,
    ) -> Result<PinnedRef, Error> {
        todo!()
    }
}
