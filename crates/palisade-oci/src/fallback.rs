//! The tag that lists what is attached to an image where the registry keeps no such list
//! (distribution specification 1.1, *Referrers Tag Schema*).

use std::collections::HashSet;

use palisade_types::{Descriptor, Digest, PinnedRef};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::error::Error;
use crate::manifest::RawManifest;
use crate::referrers::Unique;
use crate::shared::Version;
use crate::{Client, limits, media};

/// What the fallback tag holds.
#[derive(Debug)]
pub(crate) enum TagState {
    Absent,
    /// The image itself, as on GitLab, which reads the tag as the digest (oras-go #1396).
    IsSubject,
    List(TagList),
}

/// The fallback tag's content.
#[derive(Debug)]
pub(crate) struct TagList {
    /// The index as it is, with fields we do not know.
    pub(crate) index: Value,
    /// What it lists.
    pub(crate) descriptors: Vec<Descriptor>,
    /// The version to replace.
    pub(crate) version: Version,
}

impl Client {
    /// The fallback tag's list.
    pub(crate) async fn tag_list(&self, image: &PinnedRef) -> Result<TagState, Error> {
        let tag = fallback_tag(image.digest());
        let call = self.manifest_call(image.repository(), &tag)?;
        let answer = self.transport.fetch(&call, limits::MANIFEST).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(TagState::Absent);
        }
        let answer = answer.success(&call.what)?;
        if image.digest().matches(&answer.body) {
            return Ok(TagState::IsSubject);
        }
        let etag = answer.header("etag").map(str::to_owned);
        let content_type = answer.header("content-type").unwrap_or_default().to_owned();
        let digest = Digest::sha256_of(&answer.body);
        let raw = RawManifest::checked(&call.what, answer.body, &content_type, &digest)?;
        if raw.descriptor.media_type != media::OCI_INDEX {
            let why = "the tag that lists what is attached holds something else than an index";
            return Err(Error::malformed(&call.what, why));
        }
        // Not counted before it is deduplicated: a repeated entry costs nothing.
        let index = raw.document()?;
        let mut found = Unique::default();
        found.add(&call.what, &index)?;
        Ok(TagState::List(TagList {
            index,
            descriptors: found.descriptors,
            version: Version::Present(etag),
        }))
    }
}

impl TagList {
    pub(crate) fn empty() -> Self {
        Self {
            index: json!({
                "schemaVersion": 2,
                "mediaType": media::OCI_INDEX,
                "manifests": [],
            }),
            descriptors: Vec::new(),
            version: Version::Absent,
        }
    }

    /// Those of the entries that it does not list.
    pub(crate) fn missing<'a>(&self, entries: &'a [Descriptor]) -> Vec<&'a Descriptor> {
        let listed: HashSet<_> = self.descriptors.iter().map(|d| &d.digest).collect();
        let is_missing = |entry: &&Descriptor| !listed.contains(&entry.digest);
        entries.iter().filter(is_missing).collect()
    }

    /// The index with more entries; everything else in it stays as others wrote it.
    pub(crate) fn with(&self, more: &[&Descriptor]) -> Result<Vec<u8>, Error> {
        let what = "the list of what is attached";
        if self.descriptors.len() + more.len() > limits::REFERRERS {
            return Err(Error::limit(what, limits::REFERRERS as u64, "referrers"));
        }
        let mut index = self.index.clone();
        let entries = index.get_mut("manifests").and_then(Value::as_array_mut);
        entries
            .ok_or_else(|| Error::malformed(what, "the index has no list of manifests"))?
            .extend(more.iter().map(|entry| json!(entry)));
        let bytes = index.to_string().into_bytes();
        if bytes.len() as u64 > limits::MANIFEST {
            return Err(Error::limit(what, limits::MANIFEST, "bytes"));
        }
        Ok(bytes)
    }
}

/// The tag that stands in for the API: the algorithm cut to 32 characters, `-`, the digits cut to
/// 64.
pub(crate) fn fallback_tag(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm().name(), &digest.hex()[..64])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_a_long_digest_is_cut_to_64_digits() {
        let short = Digest::sha256_of(b"x");
        assert_eq!(fallback_tag(&short), format!("sha256-{}", short.hex()));
        let long: Digest = format!("sha512:{}", "ab".repeat(64))
            .parse()
            .expect("valid");
        assert_eq!(fallback_tag(&long), format!("sha512-{}", "ab".repeat(32)));
    }
}
