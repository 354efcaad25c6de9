//! Where an image's parts are read from, the same way for registries and layouts.

use palisade_types::{Descriptor, Digest, PinnedRef, Repository};

use crate::blob::BlobStream;
use crate::error::{Error, printable};
use crate::layout::Layout;
use crate::manifest::{Manifest, RawManifest};
use crate::{Client, Location, Resolved};

/// The repository of images that come from files: a name that no registry can have (RFC 2606).
const NO_REPOSITORY: &str = "oci-layout.invalid/image";

/// Where an image's parts are.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    Layout(Layout),
    Registry(Client, Repository),
}

impl Store {
    /// Opens a location without asking a registry anything.
    pub(crate) fn open(client: &Client, location: &Location) -> Result<Self, Error> {
        Ok(match location {
            Location::Archive { file, .. } => Self::Layout(Layout::open_archive(file)?),
            Location::Layout { dir, .. } => Self::Layout(Layout::open(dir)?),
            Location::Registry(image) => Self::Registry(client.clone(), image.repository().clone()),
        })
    }

    /// What the location names, resolved once.
    pub(crate) async fn resolve(&self, location: &Location) -> Result<Resolved, Error> {
        let layout_entry = |tag_or_digest: &Option<String>| match self {
            Self::Layout(layout) => layout.resolve(tag_or_digest.as_deref()),
            Self::Registry(..) => Err(Error::Usage(format!("`{location}` is no registry"))),
        };
        match (self, location) {
            (Self::Registry(client, _), Location::Registry(image)) => client.resolve(image).await,
            (
                _,
                Location::Archive { tag_or_digest, .. } | Location::Layout { tag_or_digest, .. },
            ) => layout_entry(tag_or_digest),
            (Self::Layout(_), Location::Registry(image)) => {
                Err(Error::Usage(format!("`{image}` is in no layout")))
            }
        }
    }

    /// A manifest or index; it must be what the descriptor says in every respect.
    pub(crate) async fn manifest(&self, descriptor: &Descriptor) -> Result<RawManifest, Error> {
        let raw = match self {
            Self::Layout(layout) => layout.manifest(descriptor)?,
            Self::Registry(client, repository) => {
                let image = repository.pin(descriptor.digest.clone());
                client.listed_manifest(&image).await.map_err(incomplete)?
            }
        };
        let got = &raw.descriptor;
        if got.media_type != descriptor.media_type || got.size != descriptor.size {
            let why = format!(
                "the index says {} bytes of `{}`, and it has {} of `{}`",
                descriptor.size,
                printable(&descriptor.media_type),
                got.size,
                printable(&got.media_type),
            );
            return Err(Error::malformed(
                format!("manifest {}", got.digest.short()),
                why,
            ));
        }
        Ok(raw)
    }

    /// A manifest that the image at this location consists of or lists.
    pub(crate) async fn member(
        &self,
        location: &Location,
        digest: &Digest,
    ) -> Result<RawManifest, Error> {
        if let Self::Registry(client, repository) = self {
            return client.manifest(&repository.pin(digest.clone())).await;
        }
        let root = self.resolve(location).await?.manifest;
        if root.descriptor.digest == *digest {
            return Ok(root);
        }
        let entry = match root.parse()? {
            Manifest::Image(_) => None,
            Manifest::Index(index) => index.manifests.into_iter().find(|m| m.digest == *digest),
        };
        match entry {
            Some(entry) => self.manifest(&entry).await,
            None => Err(Error::NotFound {
                what: format!("`{digest}` in `{location}`"),
            }),
        }
    }

    /// A blob's bytes, hashed; at most `limit` of them.
    pub(crate) async fn blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, Error> {
        let bytes = match self {
            Self::Layout(layout) => layout.blob_stream(descriptor)?.collect(limit).await,
            Self::Registry(client, repository) => client.blob(repository, descriptor, limit).await,
        };
        bytes.map_err(incomplete)
    }

    /// A blob as it arrives.
    pub(crate) fn stream(&self, descriptor: &Descriptor) -> Result<BlobStream, Error> {
        match self {
            Self::Layout(layout) => layout.blob_stream(descriptor),
            Self::Registry(client, repository) => client.blob_stream(repository, descriptor),
        }
    }
}

/// What an image lists belongs to it: that it is missing is no answer about the image.
pub(crate) fn incomplete(error: Error) -> Error {
    match error {
        Error::NotFound { what } => {
            Error::malformed(what, "the image lists it, and it is missing or not allowed")
        }
        other => other,
    }
}

impl Layout {
    /// The chosen entry as a resolved image.
    fn resolve(&self, tag_or_digest: Option<&str>) -> Result<Resolved, Error> {
        let manifest = self.manifest(&self.find(tag_or_digest)?)?;
        let repository: Repository = NO_REPOSITORY.parse().expect("a valid repository");
        let image: PinnedRef = repository.pin(manifest.descriptor.digest.clone());
        Ok(Resolved { image, manifest })
    }
}
