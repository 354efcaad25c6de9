//! The last list of what is attached to an image: for `offline`, where the registry is not asked.
//!
//! It finds evidence, which is then verified as ever, and proves nothing: what it lacks may have
//! been attached since. So whoever reads it is told when it was made, and must not answer "no".

use palisade_types::json::parse_strict;
use palisade_types::{Descriptor, Digest, PinnedRef, Timestamp};
use serde::{Deserialize, Serialize};

use super::ContentCache;
use crate::limits;

/// A list as a registry gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recorded {
    /// The image: lists of different images never stand in for each other.
    image: String,
    /// When it was read.
    pub(crate) read_at: Timestamp,
    pub(crate) referrers: Vec<Descriptor>,
}

impl ContentCache {
    /// The last list that was read for this image.
    pub(crate) fn list(&self, image: &PinnedRef) -> Option<Recorded> {
        let bytes = self.read(&self.list_path(image), limits::MANIFEST)?;
        let list: Recorded = serde_json::from_value(parse_strict(&bytes).ok()?).ok()?;
        let fits = list.image == image.to_string() && list.referrers.len() <= limits::REFERRERS;
        fits.then_some(list)
    }

    /// Keeps the list that was just read. An empty one is nothing to find evidence by.
    pub(crate) fn put_list(&self, image: &PinnedRef, referrers: &[Descriptor]) {
        let path = self.list_path(image);
        if referrers.is_empty() {
            std::fs::remove_file(path).ok();
            return;
        }
        let list = Recorded {
            image: image.to_string(),
            read_at: Timestamp::now(),
            referrers: referrers.to_vec(),
        };
        let bytes = serde_json::to_vec(&list).expect("strings and numbers are JSON");
        self.write(&path, &bytes);
    }

    fn list_path(&self, image: &PinnedRef) -> std::path::PathBuf {
        let name = Digest::sha256_of(image.to_string().as_bytes());
        self.0
            .dir
            .join("lists")
            .join(format!("{}.json", name.hex()))
    }
}
