//! Where bundles come from: what is attached to the image and its platforms, or a folder.

use std::path::Path;

use palisade_attest::MAX_BUNDLE;
use palisade_oci::{Client, FoundBundles};
use palisade_policy::RejectedEvidence;
use palisade_types::{FrozenSubject, Gap};

use crate::error::Error;
use crate::file;

/// The most bundles of one folder.
const MAX_FILES: usize = 1_000;
/// All bundles of one folder together, in bytes.
const MAX_TOTAL: usize = 256 << 20;

/// What was found. Untrusted.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) bundles: Vec<Vec<u8>>,
    /// What was there and gave no bundle.
    pub(crate) skipped: Vec<RejectedEvidence>,
    /// What could not be read.
    pub(crate) gaps: Vec<Gap>,
}

/// The bundles in a folder. A file that cannot be read stops everything: the folder is the
/// evidence, and half of it is another folder.
pub(crate) fn from_folder(dir: &Path) -> Result<Found, Error> {
    let mut found = Found::default();
    let mut total = 0;
    for path in file::json_files("evidence", dir, MAX_FILES)? {
        let bundle = file::read("bundle", &path, MAX_BUNDLE)?;
        total += bundle.len();
        if total > MAX_TOTAL {
            return Err(Error::TooLarge {
                what: "evidence",
                path: dir.to_owned(),
                limit: MAX_TOTAL as u64,
                unit: "bytes",
            });
        }
        found.bundles.push(bundle);
    }
    Ok(found)
}

/// What the registry lists for the image and each of its leaves. A list that cannot be read is a
/// gap, and what the other lists hold still counts.
pub(crate) async fn from_registry(client: &Client, subject: &FrozenSubject) -> Found {
    let mut found = Found::default();
    for digest in subject.evidence_digests() {
        let image = subject.image.sibling(digest);
        match client.bundles(&image).await {
            Ok(bundles) => found.add(bundles),
            Err(error) => found.gaps.push(Gap {
                source: format!("what is attached to {image}"),
                reason: error.to_string(),
            }),
        }
    }
    found
}

impl Found {
    fn add(&mut self, found: FoundBundles) {
        let bundles = found.bundles.into_iter().map(|bundle| bundle.bytes);
        self.bundles.extend(bundles);
        let skipped = found
            .skipped
            .into_iter()
            .map(|(bundle, why)| RejectedEvidence {
                bundle,
                claimed_type: None,
                why,
                near_misses: Vec::new(),
            });
        self.skipped.extend(skipped);
    }
}
