//! Pushing a whole OCI layout: blobs, manifests, the index over them, then the tag.

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use palisade_types::{Descriptor, PinnedRef, Repository};

use crate::error::Error;
use crate::layout::Layout;
use crate::manifest::{Manifest, RawManifest};
use crate::{Client, media};

/// Blobs uploaded at the same time.
const UPLOADS: usize = 4;

/// Pushes the one image of an OCI layout by digest, with everything it refers to, then the tag.
/// Blobs that `from`, another repository of the same registry, has are mounted instead of sent.
/// What the layout's annotations say about where its content came from is its writer's word, and
/// would have our credentials asked for a repository that the writer chose: it is not read.
pub async fn push_layout(
    client: &Client,
    dir: &Path,
    to: &Repository,
    tag: Option<&str>,
    from: Option<&Repository>,
) -> Result<PinnedRef, Error> {
    if let Some(from) = from.filter(|from| from.registry() != to.registry()) {
        return Err(Error::Usage(format!(
            "`{from}` is in another registry than `{to}`: nothing can be mounted from there"
        )));
    }
    let layout = Layout::open(dir)?;
    let root = layout.manifest(&layout.find(None)?)?;
    client.push_tree(&layout, &root, to, from).await?;
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
        from: Option<&Repository>,
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
                self.push_blob_from(to, &blob.digest, blob.size, &source, from)
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
