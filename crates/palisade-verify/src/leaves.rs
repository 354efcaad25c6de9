//! The images that an index lists: each is judged by itself, and nothing that could run is left
//! out because it calls itself something else.

use futures_util::{StreamExt as _, stream};
use palisade_oci::{Client, Error, ImageIndex, ImageManifest, Manifest, limits, media};
use palisade_types::{Descriptor, Digest, PinnedRef};

/// The most images below one that was given.
const MAX_LEAVES: usize = 1_000;
/// How deep indexes may stand in each other.
const MAX_DEPTH: usize = 4;

/// The media type of BuildKit's statements.
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// One image to judge, and how it is known.
pub(crate) struct Leaf {
    pub(crate) image: PinnedRef,
    /// What the index says it is for.
    pub(crate) platform: Option<String>,
    /// The index that lists it; nothing for the image that was given.
    pub(crate) part_of: Option<Digest>,
    /// What stands in it, when it is an index.
    pub(crate) index: Option<Entries>,
    /// Why its manifest could not be read, so that it may list more than is known.
    pub(crate) unread: Option<Error>,
}

/// What an index lists, counted.
#[derive(Default)]
pub(crate) struct Entries {
    /// Entries that may run: images, further indexes, whatever is not understood.
    pub(crate) images: usize,
    pub(crate) buildkit: Vec<Statements>,
}

/// One of BuildKit's attestation manifests. Nobody signed it: the index binds it.
pub(crate) struct Statements {
    pub(crate) manifest: Digest,
    /// The entry it is about.
    pub(crate) about: Digest,
    /// What each of its statements claims to be.
    pub(crate) predicate_types: Vec<String>,
}

impl Leaf {
    /// The image that was given, alone.
    pub(crate) const fn given(image: PinnedRef) -> Self {
        Self {
            image,
            platform: None,
            part_of: None,
            index: None,
            unread: None,
        }
    }
}

/// The image first, then everything below it, each once, in the order of the indexes.
pub(crate) async fn below(client: &Client, image: &PinnedRef) -> Result<Vec<Leaf>, Error> {
    let mut leaves = vec![Leaf::given(image.clone())];
    let manifest = client.manifest(image).await?.parse()?;
    let mut open = Vec::new();
    if let Manifest::Index(index) = manifest {
        open.push((0, index));
    }
    for depth in 1.. {
        let level = std::mem::take(&mut open);
        if level.is_empty() {
            break;
        }
        if depth > MAX_DEPTH {
            return Err(over(image, MAX_DEPTH, "indexes in each other"));
        }
        for (at, index) in level {
            let (entries, children) = read(client, &leaves[at].image, index).await;
            let part_of = leaves[at].image.digest().clone();
            leaves[at].index = Some(entries);
            for (child, manifest) in children {
                // A digest that is listed twice is one image; that it is listed by itself is a
                // cycle only in a broken hash function.
                if leaves
                    .iter()
                    .any(|leaf| leaf.image.digest() == &child.digest)
                {
                    continue;
                }
                if leaves.len() > MAX_LEAVES {
                    return Err(over(image, MAX_LEAVES, "images"));
                }
                let mut leaf = Leaf {
                    platform: child.platform.as_ref().map(ToString::to_string),
                    part_of: Some(part_of.clone()),
                    ..Leaf::given(image.sibling(child.digest))
                };
                match manifest {
                    Ok(Manifest::Index(index)) => open.push((leaves.len(), index)),
                    Ok(Manifest::Image(_)) => {}
                    Err(error) => leaf.unread = Some(error),
                }
                leaves.push(leaf);
            }
        }
    }
    Ok(leaves)
}

fn over(image: &PinnedRef, limit: usize, unit: &'static str) -> Error {
    Error::LimitExceeded {
        what: image.to_string(),
        limit: limit as u64,
        unit,
    }
}

type Child = (Descriptor, Result<Manifest, Error>);

/// The entries of one index, BuildKit's statements apart.
async fn read(client: &Client, index: &PinnedRef, listed: ImageIndex) -> (Entries, Vec<Child>) {
    let digests: Vec<_> = listed.manifests.iter().map(|d| d.digest.clone()).collect();
    let fetch = |child: Descriptor| async move {
        let manifest = match client.manifest(&index.sibling(child.digest.clone())).await {
            // An image that is listed as an index, or the other way round, is read by others as
            // something else than by us (CVE-2021-41190). OCI's and Docker's types mean the same.
            Ok(raw)
                if media::is_index(&raw.descriptor.media_type)
                    == media::is_index(&child.media_type) =>
            {
                raw.parse()
            }
            Ok(raw) => Err(Error::Malformed {
                what: format!("manifest {}", child.digest.short()),
                why: format!(
                    "the index calls it `{}`, and it is `{}`",
                    child.media_type, raw.descriptor.media_type
                ),
            }),
            Err(error) => Err(error),
        };
        (child, manifest)
    };
    let children: Vec<Child> = stream::iter(listed.manifests)
        .map(fetch)
        .buffered(limits::CONCURRENCY)
        .collect()
        .await;
    let mut entries = Entries::default();
    let mut images = Vec::new();
    for (child, manifest) in children {
        if let Ok(Manifest::Image(image)) = &manifest
            && let Some(statements) = statements(&child, image, &digests)
        {
            entries.buildkit.push(statements);
            continue;
        }
        entries.images += 1;
        images.push((child, manifest));
    }
    (entries, images)
}

/// What an entry states, if it is one of BuildKit's attestation manifests and can be nothing else.
/// Runtimes choose by platform and unpack layers, and an annotation stops neither, so it is asked
/// for all of: that it says so (by annotation, or since 2026 by artifact type), that no machine has
/// its platform, that every layer is a statement and none a file system, and that it is about
/// another entry of this index. Whatever lacks one of these is an image to judge.
fn statements(
    child: &Descriptor,
    manifest: &ImageManifest,
    listed: &[Digest],
) -> Option<Statements> {
    let annotation = |name: &str| child.annotations.get(name).map(String::as_str);
    let annotated = annotation("vnd.docker.reference.type") == Some("attestation-manifest");
    let typed = manifest.artifact_type.as_deref() == Some(media::BUILDKIT_ATTESTATION);
    let nowhere = child
        .platform
        .as_ref()
        .is_some_and(|p| p.os == "unknown" && p.architecture == "unknown");
    let stated = !manifest.layers.is_empty()
        && manifest
            .layers
            .iter()
            .all(|layer| layer.media_type == IN_TOTO);
    if !((annotated || typed) && nowhere && stated) {
        return None;
    }
    let by_subject = manifest
        .subject_descriptor
        .as_ref()
        .map(|s| s.digest.clone());
    let by_annotation = annotation("vnd.docker.reference.digest").and_then(|d| d.parse().ok());
    let about = match (by_subject, by_annotation) {
        (Some(subject), Some(annotated)) if subject != annotated => return None,
        (Some(about), _) | (None, Some(about)) => about,
        (None, None) => return None,
    };
    if about == child.digest || !listed.contains(&about) {
        return None;
    }
    let predicate_type = |layer: &Descriptor| {
        layer
            .annotations
            .get("in-toto.io/predicate-type")
            .cloned()
            .unwrap_or_else(|| "unknown".to_owned())
    };
    Some(Statements {
        manifest: child.digest.clone(),
        about,
        predicate_types: manifest.layers.iter().map(predicate_type).collect(),
    })
}

#[cfg(test)]
mod tests {
    use palisade_types::Platform;

    use super::*;

    type Change = fn(&mut Descriptor, &mut ImageManifest);

    fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
        Descriptor::of(media_type, bytes)
    }

    /// An entry of BuildKit's and its manifest; `new` is the layout since 2026.
    fn buildkit(new: bool) -> (Descriptor, ImageManifest) {
        let image = descriptor(media::OCI_MANIFEST, b"image");
        let mut child = descriptor(media::OCI_MANIFEST, b"statements");
        child.platform = Some(Platform {
            os: "unknown".to_owned(),
            architecture: "unknown".to_owned(),
            variant: None,
        });
        let mut manifest = ImageManifest {
            artifact_type: None,
            config: descriptor(media::OCI_CONFIG, b"{}"),
            layers: vec![descriptor(IN_TOTO, b"provenance")],
            subject_descriptor: None,
            annotations: std::collections::BTreeMap::new(),
        };
        if new {
            manifest.artifact_type = Some(media::BUILDKIT_ATTESTATION.to_owned());
            manifest.subject_descriptor = Some(image);
        } else {
            child.annotations = [
                (
                    "vnd.docker.reference.type",
                    "attestation-manifest".to_owned(),
                ),
                ("vnd.docker.reference.digest", image.digest.to_string()),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        }
        (child, manifest)
    }

    #[test]
    fn both_of_buildkit_s_layouts_are_statements_and_each_twin_is_an_image() {
        let listed = [
            Digest::sha256_of(b"image"),
            Digest::sha256_of(b"statements"),
        ];
        let changes: [(&str, Change); 6] = [
            ("a platform that machines have", |child, _| {
                "linux".clone_into(&mut child.platform.as_mut().expect("has one").os);
            }),
            (
                "no platform, which some runtimes take for any",
                |child, _| {
                    child.platform = None;
                },
            ),
            ("a file system among the layers", |_, manifest| {
                manifest
                    .layers
                    .push(descriptor(media::OCI_LAYER_GZIP, b"x"));
            }),
            ("no layer", |_, manifest| manifest.layers.clear()),
            ("about something that is not listed", |child, manifest| {
                let other = descriptor(media::OCI_MANIFEST, b"other");
                let name = "vnd.docker.reference.digest".to_owned();
                child.annotations.insert(name, other.digest.to_string());
                if manifest.subject_descriptor.is_some() {
                    manifest.subject_descriptor = Some(other);
                }
            }),
            ("nothing that says so", |child, manifest| {
                child.annotations.clear();
                manifest.artifact_type = None;
            }),
        ];
        for new in [false, true] {
            let (child, manifest) = buildkit(new);
            let found = statements(&child, &manifest, &listed).expect("statements");
            assert_eq!(found.about, listed[0]);
            for (what, change) in &changes {
                let (mut child, mut manifest) = buildkit(new);
                change(&mut child, &mut manifest);
                let found = statements(&child, &manifest, &listed);
                assert!(found.is_none(), "{what}, new layout: {new}");
            }
        }
    }
}
