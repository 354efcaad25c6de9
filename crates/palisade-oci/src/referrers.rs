//! What is attached to an image: the referrers API, and the tag that stands in for it.

use palisade_types::{Descriptor, Digest, PinnedRef};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::error::Error;
use crate::manifest::{RawManifest, json, typed};
use crate::transport::{Answer, Call};
use crate::{Client, limits, media, pages};

/// Who keeps the list of what is attached to an image.
#[derive(Debug)]
pub(crate) enum Listing {
    /// The registry (distribution specification 1.1, *Listing Referrers*).
    Api(Vec<Descriptor>),
    /// Its clients, in a tag: the registry has no such API.
    Tag,
}

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
    /// The version to replace, for a conditional write.
    pub(crate) etag: Option<String>,
    /// Whether there is no such tag yet.
    pub(crate) absent: bool,
}

impl Client {
    /// What is attached to this image according to the registry: untrusted, deduplicated, and
    /// never filtered by artifact type. Empty only if the registry has proven that there is none.
    pub async fn referrers(&self, image: &PinnedRef) -> Result<Vec<Descriptor>, Error> {
        match self.listing(image).await? {
            Listing::Api(descriptors) => Ok(descriptors),
            Listing::Tag => match self.tag_list(image).await? {
                // What is the image cannot list what refers to it: that is a hash of itself.
                TagState::Absent | TagState::IsSubject => Ok(Vec::new()),
                TagState::List(list) => Ok(list.descriptors),
            },
        }
    }

    /// Asks the referrers API. Only "404" says that there is none; a refusal, a rate limit or an
    /// outage is an error, or a signed image would look unsigned.
    pub(crate) async fn listing(&self, image: &PinnedRef) -> Result<Listing, Error> {
        let repository = image.repository();
        let digest = image.digest();
        // Without `artifactType`: cosign's entries on the fallback tag carry a wrong one.
        let url = self.endpoint(repository, &format!("referrers/{digest}"))?;
        let what = format!("referrers of {image}");
        let mut pages = pages::Pages::new(Call::read(what.clone(), Method::GET, url, repository));
        let mut found = Unique::default();
        let mut first = true;
        while let Some(page) = pages.next(self).await? {
            if first && self.lacks_api(image, &page).await? {
                return Ok(Listing::Tag);
            }
            first = false;
            let page = page.success(&what)?;
            let content_type = media::essence(page.header("content-type").unwrap_or_default());
            if content_type != media::OCI_INDEX {
                return Err(Error::malformed(&what, "the answer is no image index"));
            }
            found.add(&what, &page.json(&what)?)?;
        }
        Ok(Listing::Api(found.descriptors))
    }

    /// Whether this answer means that there is no referrers API. Old servers say 400 or 406 to
    /// an unknown path; that counts only where the rest of the API works.
    async fn lacks_api(&self, image: &PinnedRef, answer: &Answer) -> Result<bool, Error> {
        match answer.status {
            StatusCode::NOT_FOUND => Ok(true),
            StatusCode::BAD_REQUEST
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_ACCEPTABLE => {
                let repository = image.repository();
                let url = self.endpoint(repository, "")?;
                let base = url.join("/v2/").expect("a fixed path joins any address");
                let ping = Call::read(
                    format!("API of {}", repository.registry()),
                    Method::GET,
                    base,
                    repository,
                );
                Ok(self
                    .transport
                    .fetch(&ping, limits::SMALL_BODY)
                    .await?
                    .status
                    .is_success())
            }
            _ => Ok(false),
        }
    }

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
        raw.parse()?;
        let index = json(&call.what, &raw.bytes)?;
        let mut found = Unique::default();
        found.add(&call.what, &index)?;
        Ok(TagState::List(TagList {
            index,
            descriptors: found.descriptors,
            etag,
            absent: false,
        }))
    }
}

/// Descriptors without repetitions: a list that repeats one costs nothing more (1,500 copies of
/// one descriptor made a peer send 6,005 requests).
#[derive(Default)]
struct Unique {
    descriptors: Vec<Descriptor>,
    seen: std::collections::HashSet<Digest>,
}

impl Unique {
    fn add(&mut self, what: &str, index: &Value) -> Result<(), Error> {
        let Some(entries) = index.get("manifests").and_then(Value::as_array) else {
            return Err(Error::malformed(what, "the index has no list of manifests"));
        };
        for entry in entries {
            let descriptor: Descriptor = typed(what, entry.clone())?;
            if self.seen.insert(descriptor.digest.clone()) {
                self.descriptors.push(descriptor);
            }
            if self.descriptors.len() > limits::REFERRERS {
                return Err(Error::limit(what, limits::REFERRERS as u64, "referrers"));
            }
        }
        Ok(())
    }
}

/// The tag that stands in for the API: the algorithm cut to 32 characters, `-`, the digits cut to
/// 64 (distribution specification 1.1, *Referrers Tag Schema*).
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
