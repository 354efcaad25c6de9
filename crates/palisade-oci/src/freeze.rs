//! From a reference to everything one image commits to, read once.

use futures_util::{StreamExt as _, stream};
use palisade_types::{Descriptor, FrozenSubject, Ignored, Leaf, Platform};

use crate::error::{Error, printable};
use crate::layout::is_buildkit_attestation;
use crate::manifest::{ImageIndex, ImageManifest, Manifest, json, typed};
use crate::store::Store;
use crate::{Client, Location, Resolved, limits, media};

impl Client {
    /// Like [`Client::resolve`], in a layout or archive too. What is in a file gets the repository
    /// `oci-layout.invalid/image`, since it has none.
    pub async fn resolve_at(&self, location: &Location) -> Result<Resolved, Error> {
        Store::open(self, location)?.resolve(location).await
    }

    /// Resolves once and reads everything the image commits to: the manifests of its platforms
    /// and, where the index does not say, their configurations.
    pub async fn freeze(&self, location: impl Into<Location>) -> Result<FrozenSubject, Error> {
        let location = location.into();
        let store = Store::open(self, &location)?;
        let Resolved { image, manifest } = store.resolve(&location).await?;
        let mut subject = FrozenSubject {
            image,
            resolved_from: tag_of(&location),
            descriptor: manifest.descriptor.clone(),
            index: None,
            leaves: Vec::new(),
            ignored: Vec::new(),
        };
        match manifest.parse()? {
            Manifest::Image(image) => {
                subject
                    .leaves
                    .push(leaf(&store, &manifest.descriptor, &image).await?);
            }
            Manifest::Index(index) => {
                subject.index = Some(manifest.descriptor.digest.clone());
                read_children(&store, &index, &mut subject).await?;
            }
        }
        if subject.leaves.is_empty() {
            let why = "it lists nothing that can run";
            return Err(Error::malformed(subject.image.to_string(), why));
        }
        Ok(subject)
    }
}

/// The tag that decides what the location names; beside a digest a tag decides nothing.
fn tag_of(location: &Location) -> Option<String> {
    match location {
        Location::Registry(image) if image.digest().is_some() => None,
        Location::Registry(image) => Some(image.tag_or_latest().to_owned()),
        Location::Archive { tag_or_digest, .. } | Location::Layout { tag_or_digest, .. } => {
            tag_or_digest.clone().filter(|text| !text.contains(':'))
        }
    }
}

enum Entry {
    Ignored(Ignored),
    Leaf(Leaf),
}

/// The entries of an index, each once, in its order.
async fn read_children(
    store: &Store,
    index: &ImageIndex,
    subject: &mut FrozenSubject,
) -> Result<(), Error> {
    let mut entries: Vec<&Descriptor> = Vec::new();
    for entry in &index.manifests {
        // One manifest for two platforms is a leaf of each.
        let same =
            |known: &&Descriptor| known.digest == entry.digest && known.platform == entry.platform;
        if !entries.iter().any(same) {
            entries.push(entry);
        }
    }
    let read = stream::iter(entries).map(|entry| child(store, entry));
    let read: Vec<_> = read.buffered(limits::CONCURRENCY).collect().await;
    for entry in read {
        match entry? {
            Entry::Ignored(ignored) => subject.ignored.push(ignored),
            Entry::Leaf(leaf) => subject.leaves.push(leaf),
        }
    }
    Ok(())
}

/// An entry as a leaf, or why it cannot run.
///
/// Runtimes pick an entry by its platform; some look at no media type, and take configurations of
/// types that are no image's. So only a platform that no machine has makes an entry harmless, and
/// anything else that is not plainly an image is refused: ignoring it would leave what may run
/// unexamined.
async fn child(store: &Store, entry: &Descriptor) -> Result<Entry, Error> {
    if entry.platform.as_ref().is_some_and(is_unknown) {
        let why = if is_buildkit_attestation(entry) {
            "an attestation of BuildKit, which nobody signed"
        } else {
            "its platform is unknown/unknown"
        };
        return Ok(Entry::Ignored(Ignored {
            digest: entry.digest.clone(),
            why: why.to_owned(),
        }));
    }
    let refused = |why: String| {
        let what = format!("entry {} of the index", entry.digest.short());
        Err(Error::malformed(what, why))
    };
    if media::is_index(&entry.media_type) {
        return refused("an index inside an index is not supported".to_owned());
    }
    if !media::is_manifest(&entry.media_type) {
        return refused(format!("`{}` is no image", printable(&entry.media_type)));
    }
    let Manifest::Image(image) = store.manifest(entry).await?.parse()? else {
        return refused("it is an index that calls itself a manifest".to_owned());
    };
    leaf(store, entry, &image).await.map(Entry::Leaf)
}

/// A manifest as a leaf; its configuration has to be an image's.
async fn leaf(store: &Store, entry: &Descriptor, image: &ImageManifest) -> Result<Leaf, Error> {
    let config = &image.config.media_type;
    if !media::is_image_config(config) {
        let what = format!("manifest {}", entry.digest.short());
        let why = format!("its configuration is `{}`, no image's", printable(config));
        return Err(Error::malformed(what, why));
    }
    let platform = match &entry.platform {
        Some(platform) => platform.clone(),
        None => config_platform(store, &image.config).await?,
    };
    Ok(Leaf {
        platform,
        manifest: entry.digest.clone(),
        config: image.config.digest.clone(),
        layers: image
            .layers
            .iter()
            .map(|layer| layer.digest.clone())
            .collect(),
    })
}

async fn config_platform(store: &Store, config: &Descriptor) -> Result<Platform, Error> {
    let what = format!("configuration {}", config.digest.short());
    let bytes = store.blob(config, limits::CONFIG).await?;
    typed(&what, json(&what, &bytes)?)
}

fn is_unknown(platform: &Platform) -> bool {
    platform.os == "unknown" && platform.architecture == "unknown"
}
