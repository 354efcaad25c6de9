//! From an image's name to a digest, and from a bundle to what is attached to it.

use std::time::Duration;

use palisade_oci::{Attachment, Client, ClientOptions, LegacyTag, Manifest, RawManifest};
use palisade_types::{Algorithm, Descriptor, ImageRef, PinnedRef, Timestamp};
use palisade_ui::Context;

use crate::args::PublishArgs;
use crate::error::Error;
use crate::files;
use crate::session::{Setup, Signed};

/// How long one registry document may take.
const DEADLINE: Duration = Duration::from_mins(2);

/// The most entries of an index that are signed with it.
const MAX_ENTRIES: usize = 1_000;

/// An image that was resolved, once.
pub(crate) struct Target {
    pub(crate) image: PinnedRef,
    manifest: RawManifest,
}

/// An image and what belongs to it, to be signed as one.
pub(crate) struct Family {
    /// The image first.
    pub(crate) members: Vec<(PinnedRef, Descriptor)>,
}

impl Target {
    /// The image alone.
    pub(crate) fn alone(&self) -> Family {
        let member = (self.image.clone(), self.manifest.descriptor.clone());
        Family {
            members: vec![member],
        }
    }

    /// The image and, when it is an index, each entry that the index lists, attestations too:
    /// which of them is an image is only known to those who fetch them. An index inside an index
    /// is signed as it stands, and what it lists is not.
    pub(crate) fn with_entries(&self) -> Result<Family, Error> {
        let mut family = self.alone();
        let manifest = self.manifest.parse().map_err(|error| Error::Registry {
            done: "read",
            error: Box::new(error),
        })?;
        let Manifest::Index(index) = manifest else {
            return Ok(family);
        };
        if index.manifests.len() > MAX_ENTRIES {
            return Err(Error::Entries {
                image: self.image.to_string(),
                limit: MAX_ENTRIES,
            });
        }
        for entry in index.manifests {
            let image = self.image.sibling(entry.digest.clone());
            check_algorithm(&image)?;
            if family.members.iter().all(|(known, _)| *known != image) {
                family.members.push((image, entry));
            }
        }
        Ok(family)
    }
}

/// Verifiers look for SHA-256 digests alone.
fn check_algorithm(image: &PinnedRef) -> Result<(), Error> {
    let algorithm = image.digest().algorithm();
    if algorithm == Algorithm::Sha256 {
        return Ok(());
    }
    let (image, algorithm) = (image.to_string(), algorithm.name());
    Err(Error::Algorithm { image, algorithm })
}

/// Where what was signed is now.
#[derive(Clone, Default)]
pub(crate) struct Attached {
    /// The manifest that carries the bundle.
    pub(crate) bundle: Option<PinnedRef>,
    /// The older tag.
    pub(crate) legacy: Option<ImageRef>,
}

/// Where bundles go.
pub(crate) struct Publisher<'a> {
    pub(crate) client: Client,
    args: &'a PublishArgs,
    context: &'a Context,
}

/// Reads an image's name. Only registries can hold what is attached.
pub(crate) fn parse_image(text: &str) -> Result<ImageRef, Error> {
    text.parse().map_err(|source| Error::Image {
        text: text.to_owned(),
        source,
    })
}

impl<'a> Publisher<'a> {
    pub(crate) fn new(args: &'a PublishArgs, context: &'a Context) -> Result<Self, Error> {
        if let Some(path) = &args.bundle {
            files::check_writable(path)?;
        }
        let variable = |name: &str| context.environment.get(name).map(str::to_owned);
        let client = Client::new(ClientOptions {
            deadline: DEADLINE,
            ..args.reach.options("sign", variable)
        });
        Ok(Self {
            client,
            args,
            context,
        })
    }

    /// Refuses services and keys whose signatures nobody could read in the older tag.
    pub(crate) fn check(&self, setup: &Setup, tag: LegacyTag) -> Result<(), Error> {
        if !self.args.legacy_tag {
            return Ok(());
        }
        if setup.may_ask_rekor_v2(self.context.now)? {
            return Err(Error::LegacyLog);
        }
        if setup.is_unknown_to_older(tag) {
            return Err(Error::LegacyKey);
        }
        Ok(())
    }

    /// Asks the registry what the name names. Everything after goes by the digest.
    pub(crate) async fn resolve(&self, image: &ImageRef) -> Result<Target, Error> {
        let resolved = self
            .client
            .resolve(image)
            .await
            .map_err(|error| Error::Registry {
                done: "read",
                error: Box::new(error),
            })?;
        check_algorithm(&resolved.image)?;
        if image.digest().is_none() {
            self.context.printer.warn(&format!(
                "`{image}` is a tag, and tags move; what it names now is signed: {}",
                resolved.image.digest()
            ));
        }
        Ok(Target {
            image: resolved.image,
            manifest: resolved.manifest,
        })
    }

    /// Writes an attestation to its file, then attaches it.
    pub(crate) async fn publish(
        &self,
        target: &Target,
        signed: &Signed,
    ) -> Result<Attached, Error> {
        let attached = self.publish_to(&target.alone(), signed).await?;
        let mut attached = attached.into_iter().next().unwrap_or_default();
        if self.args.legacy_tag {
            attached.legacy = Some(self.attest_legacy(&target.image, &signed.bundle).await?);
        }
        Ok(attached)
    }

    /// Writes a signature to its file, then attaches it to each member. Returns where it is, in
    /// order.
    pub(crate) async fn publish_to(
        &self,
        family: &Family,
        signed: &Signed,
    ) -> Result<Vec<Attached>, Error> {
        let bytes = signed.bundle.bytes();
        if let Some(path) = &self.args.bundle {
            files::write(path, bytes)?;
        }
        if self.args.no_upload {
            return Ok(vec![Attached::default(); family.members.len()]);
        }
        let predicate_type = signed
            .bundle
            .claimed_predicate_type()
            .expect("what is said about an image is a statement");
        let now = self.context.now.as_second();
        let created = Timestamp::from_second(now).expect("a time without its fraction is one");
        let attachment = Attachment::sigstore_bundle(bytes.to_vec(), predicate_type, created);
        let attached = self.client.attach_all(&family.members, &attachment).await;
        let attached = attached.map_err(|error| Error::Registry {
            done: "given its signature",
            error: Box::new(error),
        })?;
        let attached = attached.into_iter().map(|bundle| Attached {
            bundle: Some(bundle),
            legacy: None,
        });
        Ok(attached.collect())
    }
}
