//! What a decision is about: one image, resolved once and frozen.

use serde::Serialize;

use crate::descriptor::{Descriptor, Platform};
use crate::digest::Digest;
use crate::reference::PinnedRef;

/// Everything one approved image commits to, all of it hashed while it was read.
///
/// When the digest names an index, `leaves` are its platform manifests; when it names a single
/// manifest, `index` is absent and `leaves` has exactly that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrozenSubject {
    /// The image as it will be decided about and deployed.
    pub image: PinnedRef,
    /// The tag that was resolved to it, if one was given.
    pub resolved_from: Option<String>,
    /// The descriptor of what `image` names.
    pub descriptor: Descriptor,
    /// The index, when `image` names one.
    pub index: Option<Digest>,
    /// The runnable manifests, in the order of the index.
    pub leaves: Vec<Leaf>,
    /// Entries of the index that are not runnable, and why each is left out.
    pub ignored: Vec<Ignored>,
}

/// One runnable manifest of a subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leaf {
    /// Where it runs. From the index, else from the image's configuration.
    pub platform: Platform,
    /// The digest of the manifest.
    pub manifest: Digest,
    /// The digest of the configuration, which Heroku calls the image id.
    pub config: Digest,
    /// The digests of the layers, base first.
    pub layers: Vec<Digest>,
}

/// An entry of an index that is no platform of the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ignored {
    /// The entry's digest.
    pub digest: Digest,
    /// Why it does not run, in words.
    pub why: String,
}

impl FrozenSubject {
    /// The digests that evidence may be about: the image itself and each of its leaves.
    pub fn evidence_digests(&self) -> Vec<Digest> {
        let mut digests = vec![self.image.digest().clone()];
        for leaf in &self.leaves {
            if !digests.contains(&leaf.manifest) {
                digests.push(leaf.manifest.clone());
            }
        }
        digests
    }

    /// Every digest the image commits to: index, manifests, configurations, layers.
    pub fn identities(&self) -> Vec<Digest> {
        let mut digests = self.evidence_digests();
        for leaf in &self.leaves {
            for digest in std::iter::once(&leaf.config).chain(&leaf.layers) {
                if !digests.contains(digest) {
                    digests.push(digest.clone());
                }
            }
        }
        digests
    }
}
