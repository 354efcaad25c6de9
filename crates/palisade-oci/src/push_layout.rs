//! Pushing a whole OCI layout: blobs, manifests, the index over them, then the tag.

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use palisade_types::{Descriptor, PinnedRef, Repository};

use crate::error::Error;
use crate::layout::Layout;
use crate::manifest::{Manifest, RawManifest};
use crate::{Client, media};

/// The beginning of the annotation that names repositories of one registry which have a blob.
const DISTRIBUTION_SOURCE: &str = "containerd.io/distribution.source.";
/// Blobs uploaded at the same time.
const UPLOADS: usize = 4;

/// Pushes the one image of an OCI layout by digest, with everything it refers to, then the tag.
pub async fn push_layout(
    client: &Client,
    dir: &Path,
    to: &Repository,
    tag: Option<&str>,
) -> Result<PinnedRef, Error> {
    let layout = Layout::open(dir)?;
    let root = layout.manifest(&layout.find(None)?)?;
    client.push_tree(&layout, &root, to).await?;
    let image = to.pin(root.descriptor.digest.clone());
    if let Some(tag) = tag {
        client
            .put_tag(&image, tag, &root.bytes, &root.descriptor.media_type)
            .await?;
    }
    Ok(image)
}

impl Client {
    /// Stores a manifest from a layout with everything it refers to, what is referred to first.
    async fn push_tree(
        &self,
        layout: &Layout,
        root: &RawManifest,
        to: &Repository,
    ) -> Result<(), Error> {
        let mut images = Vec::new();
        match root.parse()? {
            Manifest::Image(image) => images.push((root.clone(), image)),
            Manifest::Index(index) => {
                for entry in &index.manifests {
                    let raw = layout.manifest(entry)?;
                    let Manifest::Image(image) = raw.parse()? else {
                        let what = format!("entry {} of the index", entry.digest.short());
                        let why = "an index inside an index is not supported";
                        return Err(Error::malformed(what, why));
                    };
                    images.push((raw, image));
                }
            }
        }
        let mut seen = BTreeSet::new();
        let blobs: Vec<Descriptor> = images
            .iter()
            .flat_map(|(_, image)| image.layers.iter().chain([&image.config]))
            .filter(|blob| seen.insert(blob.digest.clone()))
            .cloned()
            .collect();
        stream::iter(blobs)
            .map(|blob| async move {
                let source = layout.source(&blob.digest)?;
                let other = origin(&blob, to);
                self.push_blob_from(to, &blob.digest, blob.size, &source, other.as_ref())
                    .await
            })
            .buffer_unordered(UPLOADS)
            .try_collect::<()>()
            .await?;
        for (raw, _) in &images {
            let Descriptor {
                digest, media_type, ..
            } = &raw.descriptor;
            self.put_manifest(to, digest, &raw.bytes, media_type)
                .await?;
        }
        if media::is_index(&root.descriptor.media_type) {
            let Descriptor {
                digest, media_type, ..
            } = &root.descriptor;
            self.put_manifest(to, digest, &root.bytes, media_type)
                .await?;
        }
        Ok(())
    }
}

/// Another repository of this registry that has the blob, according to whoever pulled it:
/// containerd notes in an annotation where content came from.
fn origin(blob: &Descriptor, to: &Repository) -> Option<Repository> {
    let key = format!("{DISTRIBUTION_SOURCE}{}", to.registry());
    let paths = blob.annotations.get(&key)?;
    let path = paths.split(',').map(str::trim).find(|p| *p != to.path())?;
    format!("{}/{path}", to.registry()).parse().ok()
}
