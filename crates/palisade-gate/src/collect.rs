//! Where bundles come from: what is attached to the image and its platforms, or a folder.

use std::path::Path;
use std::time::Duration;

use palisade_attest::predicates::vsa;
use palisade_attest::{Bundle, MAX_BUNDLE};
use palisade_oci::{Client, FoundBundles};
use palisade_policy::RejectedEvidence;
use palisade_types::{FrozenSubject, Gap, PinnedRef};
use tokio::time::{Instant, timeout_at};

use crate::error::Error;
use crate::file;

/// The most bundles of one decision.
const MAX_BUNDLES: usize = 1_000;
/// All bundles of one decision together, in bytes.
const MAX_TOTAL: usize = 256 << 20;
/// How long asking the registry for all of them may take.
const DEADLINE: Duration = Duration::from_mins(5);

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
    for path in file::json_files("evidence", dir, MAX_BUNDLES)? {
        let bundle = file::read("bundle", &path, MAX_BUNDLE)?;
        if is_summary(&bundle) {
            continue;
        }
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

/// What the registry lists for the image and each of its leaves. A list that cannot be read, or
/// that there is no time or room for, is a gap; what the other lists hold still counts.
pub(crate) async fn from_registry(client: &Client, subject: &FrozenSubject) -> Found {
    let until = Instant::now() + DEADLINE;
    let mut found = Found::default();
    for digest in subject.evidence_digests() {
        let image = subject.image.sibling(digest);
        // One after the other: the bound on memory is then that of one list beside the total.
        let answer = timeout_at(until, client.bundles(&image)).await;
        let reason = match answer {
            Ok(Ok(bundles)) => match found.add(&image, bundles) {
                Ok(()) => continue,
                Err(full) => full,
            },
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", DEADLINE.as_secs()),
        };
        found.gaps.push(Gap {
            source: format!("what is attached to {image}"),
            reason,
        });
    }
    found
}

/// Whether a bundle says of itself that it is a verification summary. Every allow attaches some,
/// and no check reads them, so they are no evidence: they do not count against the limits, where
/// a hundred allows of ten platforms would crowd out everything else, and an answer does not
/// depend on how often it was given. By the signed statement's own word, not by an annotation that
/// anybody may write: a false word here is that of a bundle that no check would read.
fn is_summary(bytes: &[u8]) -> bool {
    Bundle::parse(bytes).is_ok_and(|bundle| bundle.claimed_predicate_type() == Some(vsa::TYPE))
}

impl Found {
    /// Adds a list, whole or not at all.
    fn add(&mut self, image: &PinnedRef, list: FoundBundles) -> Result<(), String> {
        let size = |bundles: &[Vec<u8>]| bundles.iter().map(Vec::len).sum::<usize>();
        let bundles = list.bundles.into_iter().map(|b| b.bytes);
        let new: Vec<Vec<u8>> = bundles.filter(|bytes| !is_summary(bytes)).collect();
        if self.bundles.len() + new.len() > MAX_BUNDLES {
            return Err(format!("more than {MAX_BUNDLES} bundles for one image"));
        }
        if size(&self.bundles) + size(&new) > MAX_TOTAL {
            return Err(format!(
                "more than {MAX_TOTAL} bytes of bundles for one image"
            ));
        }
        self.bundles.extend(new);
        let unreadable = list.unreadable.into_iter();
        self.gaps.extend(unreadable.map(|(attached, reason)| Gap {
            source: format!("{attached}, attached to {image}"),
            reason,
        }));
        let older = list.older.into_iter().map(|found| {
            let why = "it is cosign's older format, attached: the gate reads bundles".to_owned();
            (found.manifest, why)
        });
        let skipped = list.skipped.into_iter().chain(older);
        self.skipped
            .extend(skipped.map(|(bundle, why)| RejectedEvidence {
                bundle,
                claimed_type: None,
                why,
                near_misses: Vec::new(),
            }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_oci::FoundBundle;
    use palisade_types::Digest;

    fn list(count: usize, size: usize) -> FoundBundles {
        let bundle = FoundBundle {
            manifest: Digest::sha256_of(b"manifest"),
            layer: Digest::sha256_of(b"layer"),
            bytes: vec![b' '; size],
            predicate_hint: None,
        };
        FoundBundles {
            bundles: vec![bundle; count],
            ..FoundBundles::default()
        }
    }

    fn image() -> PinnedRef {
        let digest = Digest::sha256_of(b"image");
        format!("ghcr.io/acme/app@{digest}")
            .parse()
            .expect("a reference")
    }

    #[test]
    fn a_list_that_is_too_much_is_left_out_whole_and_said_to_be() {
        let mut found = Found::default();
        assert_eq!(found.add(&image(), list(MAX_BUNDLES, 1)), Ok(()));
        assert!(found.add(&image(), list(1, 1)).is_err());
        assert_eq!(found.bundles.len(), MAX_BUNDLES);
        let mut found = Found::default();
        assert_eq!(found.add(&image(), list(1, MAX_TOTAL)), Ok(()));
        assert!(found.add(&image(), list(1, 1)).is_err());
    }

    #[test]
    fn what_is_listed_and_cannot_be_read_is_a_gap_and_what_is_no_bundle_is_not() {
        let entry = || vec![(Digest::sha256_of(b"attached"), "why".to_owned())];
        let mut found = Found::default();
        let unreadable = FoundBundles {
            unreadable: entry(),
            ..FoundBundles::default()
        };
        assert_eq!(found.add(&image(), unreadable), Ok(()));
        assert_eq!((found.gaps.len(), found.skipped.len()), (1, 0));
        let skipped = FoundBundles {
            skipped: entry(),
            ..FoundBundles::default()
        };
        assert_eq!(found.add(&image(), skipped), Ok(()));
        assert_eq!((found.gaps.len(), found.skipped.len()), (1, 1));
    }
}
