//! The Sigstore bundles attached to an image.

use std::pin::pin;

use futures_util::{StreamExt as _, stream};
use palisade_types::{Descriptor, Digest, PinnedRef, Repository};

use crate::error::{Error, printable};
use crate::held::{Held, Hold};
use crate::manifest::{ImageManifest, Manifest};
use crate::{Client, limits, media};

/// The annotation that says what a bundle's statement is about. Written by anyone.
const PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";

/// What was found attached to an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundBundles {
    /// The bundles, ordered by manifest digest. Untrusted until verified.
    pub bundles: Vec<FoundBundle>,
    /// What cosign's experimental OCI 1.1 mode attached instead of bundles, ordered by manifest and
    /// layer digest: the layers of its `.sig` and `.att` tags. Untrusted as well.
    pub older: Vec<FoundLayer>,
    /// Attached manifests that hold no bundle of this image, and why, ordered by digest.
    pub skipped: Vec<(Digest, String)>,
    /// What is listed and could not be read: absent, too large, other bytes than
    /// listed, or an answer that cannot be used. What
    /// it would have said is not known, so "there is none" is no answer beside it. A client that
    /// is offline takes the last list; it stands here under the image's own digest.
    pub unreadable: Vec<(Digest, String)>,
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

/// One layer of cosign's older formats, attached as a referrer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLayer {
    /// The digest of the attached manifest.
    pub manifest: Digest,
    /// The layer; certificate, log entry and signature stand in its annotations.
    pub layer: Descriptor,
    /// The layer's bytes, hashed.
    pub bytes: Vec<u8>,
}

/// A layer that says it is a bundle.
struct Candidate {
    manifest: Digest,
    layer: Descriptor,
    predicate_hint: Option<String>,
}

impl Client {
    /// Every Sigstore bundle attached to this image. Fails when the registry does not answer;
    /// what is no bundle of this image is in `skipped`, what cannot be read in `unreadable`.
    pub async fn bundles(&self, image: &PinnedRef) -> Result<FoundBundles, Error> {
        let room = Held::at_most(limits::BUNDLES_TOTAL);
        let (found, _hold) = self.bundles_within(image, &room).await?;
        Ok(found)
    }

    /// The same for one of many images: their bytes are asked for when there is room for all of
    /// them. What comes beside them gives the room back, and is dropped when they are.
    pub async fn bundles_within(
        &self,
        image: &PinnedRef,
        room: &Held,
    ) -> Result<(FoundBundles, Hold), Error> {
        let at_once = self.transport.options.concurrency.max(1);
        let (referrers, as_of) = self.referrers_as_of(image).await?;
        let mut found = FoundBundles::default();
        if let Some(as_of) = as_of {
            let why = format!("the list of what is attached is of {as_of}, and may be longer now");
            found.unreadable.push((image.digest().clone(), why));
        }
        let read =
            stream::iter(&referrers).map(|r| async move { (r, self.referrer(image, r).await) });
        let mut candidates = Vec::new();
        // In any order, so that the first failure that counts ends it: a registry that is down is
        // not asked a thousand times, each with its own retries.
        let mut read = pin!(read.buffer_unordered(at_once));
        while let Some((referrer, result)) = read.next().await {
            found.sort_out(&referrer.digest, result, |layers| candidates.extend(layers))?;
        }
        let total: u64 = candidates
            .iter()
            .map(|c| c.layer.size)
            .fold(0, u64::saturating_add);
        if total > limits::BUNDLES_TOTAL {
            let what = format!("bundles of {image}");
            return Err(Error::limit(what, limits::BUNDLES_TOTAL, "bytes"));
        }
        let hold = room.hold(format!("bundles of {image}"), total).await?;
        let read = stream::iter(candidates).map(|c| async move {
            let bytes = self
                .blob(image.repository(), &c.layer, limits::BUNDLE)
                .await;
            (c, bytes)
        });
        let (mut bundles, mut older) = (Vec::new(), Vec::new());
        let mut read = pin!(read.buffer_unordered(at_once));
        while let Some((candidate, result)) = read.next().await {
            let digest = candidate.manifest.clone();
            found.sort_out(&digest, result, |bytes| {
                if !media::is_sigstore_bundle(&candidate.layer.media_type) {
                    older.push(FoundLayer {
                        manifest: candidate.manifest,
                        layer: candidate.layer,
                        bytes,
                    });
                    return;
                }
                bundles.push(FoundBundle {
                    manifest: candidate.manifest,
                    layer: candidate.layer.digest,
                    bytes,
                    predicate_hint: candidate.predicate_hint,
                });
            })?;
        }
        bundles.sort_by(|a, b| (&a.manifest, &a.layer).cmp(&(&b.manifest, &b.layer)));
        older.sort_by(|a, b| (&a.manifest, &a.layer.digest).cmp(&(&b.manifest, &b.layer.digest)));
        found.bundles = bundles;
        found.older = older;
        found.skipped.sort();
        found.unreadable.sort();
        Ok((found, hold))
    }

    /// Every Sigstore bundle about this image that is kept in another repository (cosign's
    /// `COSIGN_REPOSITORY`). The image itself need not be there.
    pub async fn bundles_in(
        &self,
        image: &PinnedRef,
        repository: &Repository,
    ) -> Result<FoundBundles, Error> {
        self.bundles(&repository.pin(image.digest().clone())).await
    }

    /// The bundle layers of one attached manifest.
    async fn referrer(
        &self,
        image: &PinnedRef,
        listed: &Descriptor,
    ) -> Result<Vec<Candidate>, Error> {
        let what = format!("attached manifest {}", listed.digest.short());
        if listed.size > limits::MANIFEST {
            return Err(Error::limit(what, limits::MANIFEST, "bytes"));
        }
        let listed_image = image.sibling(listed.digest.clone());
        let raw = self.listed_manifest(&listed_image).await?;
        let Manifest::Image(manifest) = raw.parse()? else {
            return Err(Error::malformed(what, "it is an index"));
        };
        // On registries where the fallback tag means the image, its children would look attached.
        let subject = manifest.subject_descriptor.as_ref();
        if subject.map(|subject| &subject.digest) != Some(image.digest()) {
            return Err(Error::malformed(what, "its subject is not this image"));
        }
        let layers = bundle_layers(&what, &manifest)?;
        let predicate_hint = manifest
            .annotations
            .get(PREDICATE_TYPE)
            .map(|hint| printable(hint));
        let candidate = |layer: Descriptor| Candidate {
            manifest: listed.digest.clone(),
            layer,
            predicate_hint: predicate_hint.clone(),
        };
        Ok(layers.into_iter().map(candidate).collect())
    }
}

impl FoundBundles {
    /// Keeps what was read and notes what cannot count: garbage beside a good bundle must not hide
    /// the good one. Fails on what may be there when it is asked for again.
    fn sort_out<T>(
        &mut self,
        manifest: &Digest,
        result: Result<T, Error>,
        keep: impl FnOnce(T),
    ) -> Result<(), Error> {
        match result {
            Ok(value) => keep(value),
            Err(error @ Error::Malformed { .. }) => {
                self.skipped.push((manifest.clone(), error.to_string()));
            }
            Err(
                error @ (Error::DigestMismatch { .. }
                | Error::Garbled { .. }
                | Error::LimitExceeded { .. }
                | Error::NotFound { .. }),
            ) => self.unreadable.push((manifest.clone(), error.to_string())),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The layers with the media type of a bundle, or of what cosign attached before there were any. The list's artifact type decides nothing.
fn bundle_layers(what: &str, manifest: &ImageManifest) -> Result<Vec<Descriptor>, Error> {
    let is_bundle = |layer: &&Descriptor| {
        media::is_sigstore_bundle(&layer.media_type) || media::is_older_layer(&layer.media_type)
    };
    let layers: Vec<_> = manifest.layers.iter().filter(is_bundle).cloned().collect();
    if layers.is_empty() {
        let held = manifest
            .layers
            .first()
            .map_or("nothing", |l| l.media_type.as_str());
        let why = format!("it holds {}, no Sigstore bundle", printable(held));
        return Err(Error::malformed(what, why));
    }
    if layers.len() > limits::BUNDLES_PER_MANIFEST {
        return Err(Error::limit(
            what,
            limits::BUNDLES_PER_MANIFEST as u64,
            "bundles",
        ));
    }
    Ok(layers)
}
