//! From an image's files to its bill of materials: the one function other crates need.

use palisade_bom::formats::cyclonedx;
use palisade_bom::image::describe;
use palisade_bom::inventory::Inventory;
use palisade_catalog::catalog;
use palisade_types::{FrozenSubject, Gap, ImageFile, Timestamp};

use crate::error::Error;

/// A bill of materials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sbom {
    /// The document: CycloneDX 1.7 as JSON, ending with a newline.
    pub json: Vec<u8>,
    /// How many components it lists.
    pub components: usize,
    /// What should have been readable and was not. The document says so too.
    pub gaps: Vec<Gap>,
    /// What the document was made from.
    pub inventory: Inventory,
}

/// The bill of materials of one platform of an image.
///
/// `subject` has exactly one leaf (see [`narrow`]), and `files` are what
/// [`Wanted`](palisade_catalog::Wanted) chooses of that leaf. `epoch` (`SOURCE_DATE_EPOCH`, seconds since 1970) is the time
/// written into it; without one, none is. The same input gives the same bytes.
pub fn document(
    subject: &FrozenSubject,
    files: Vec<ImageFile>,
    epoch: Option<i64>,
) -> Result<Sbom, Error> {
    document_with_gaps(subject, files, Vec::new(), epoch)
}

/// Like [`document`], with the gaps met while reading the files.
pub fn document_with_gaps(
    subject: &FrozenSubject,
    files: Vec<ImageFile>,
    gaps: Vec<Gap>,
    epoch: Option<i64>,
) -> Result<Sbom, Error> {
    let [leaf] = subject.leaves.as_slice() else {
        return Err(several(subject));
    };
    let timestamp = epoch.map(timestamp).transpose()?;
    let mut inventory = catalog(files)?;
    inventory.add_gaps(gaps);
    let bom = describe(&subject.image, leaf, &inventory, timestamp);
    let json = cyclonedx::document(&bom, cyclonedx::NEWEST);
    Ok(Sbom {
        json: json.into_bytes(),
        components: inventory.components.len(),
        gaps: inventory.gaps.clone(),
        inventory,
    })
}

/// The image of one platform. An index with several needs `platform`; what then is described is
/// that platform's manifest.
pub fn narrow(
    mut subject: FrozenSubject,
    platform: Option<&palisade_types::Platform>,
) -> Result<FrozenSubject, Error> {
    if let Some(wanted) = platform {
        let before = subject.leaves.len();
        let available = platforms(&subject);
        subject.leaves.retain(|leaf| leaf.platform == *wanted);
        if subject.leaves.is_empty() {
            return Err(Error::Platform {
                image: subject.image.to_string(),
                wanted: wanted.clone(),
                available,
            });
        }
        if let ([leaf], true) = (subject.leaves.as_slice(), before > 1) {
            subject.image = subject.image.sibling(leaf.manifest.clone());
            subject.index = None;
        }
    }
    if subject.leaves.len() == 1 {
        Ok(subject)
    } else {
        Err(several(&subject))
    }
}

fn platforms(subject: &FrozenSubject) -> String {
    let names: Vec<_> = subject
        .leaves
        .iter()
        .map(|leaf| leaf.platform.to_string())
        .collect();
    names.join(", ")
}

fn several(subject: &FrozenSubject) -> Error {
    let image = subject.image.to_string();
    match subject.leaves.first() {
        None => Error::NoImage { image },
        Some(first) => Error::PlatformNeeded {
            image,
            available: platforms(subject),
            first: first.platform.clone(),
        },
    }
}

fn timestamp(epoch: i64) -> Result<Timestamp, Error> {
    Timestamp::from_second(epoch).map_err(|_| Error::SourceDateEpoch {
        text: epoch.to_string(),
    })
}
