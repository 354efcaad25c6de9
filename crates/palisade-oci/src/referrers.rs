//! What is attached to an image: the referrers API, and when the fallback tag stands in for it.

use palisade_types::{Descriptor, Digest, PinnedRef, Timestamp};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::answer::Answer;
use crate::call::Call;
use crate::error::Error;
use crate::fallback::TagState;
use crate::manifest::typed;
use crate::{Client, limits, media, pages};

/// Who keeps the list of what is attached to an image.
#[derive(Debug)]
pub(crate) enum Listing {
    /// The registry (distribution specification 1.1, *Listing Referrers*).
    Api(Vec<Descriptor>),
    /// Its clients, in a tag: the registry has no such API.
    Tag,
}

impl Client {
    /// What is attached to this image according to the registry: untrusted, deduplicated, and
    /// never filtered by artifact type. Empty only if the registry has proven that there is none.
    pub async fn referrers(&self, image: &PinnedRef) -> Result<Vec<Descriptor>, Error> {
        let (descriptors, _) = self.referrers_as_of(image).await?;
        Ok(descriptors)
    }

    /// The same, and when it was so if that is not now: a client that is offline reads the last
    /// list that any run wrote down, and fails if there is none.
    pub(crate) async fn referrers_as_of(
        &self,
        image: &PinnedRef,
    ) -> Result<(Vec<Descriptor>, Option<Timestamp>), Error> {
        let cache = self.transport.options.cache.as_ref();
        if self.transport.options.offline
            && let Some(list) = cache.and_then(|cache| cache.list(image))
        {
            return Ok((list.referrers, Some(list.read_at)));
        }
        let descriptors = match self.listing(image).await? {
            Listing::Api(descriptors) => descriptors,
            Listing::Tag => match self.tag_list(image).await? {
                // What is the image cannot list what refers to it: that is a hash of itself.
                TagState::Absent | TagState::IsSubject => Vec::new(),
                TagState::List(list) => list.descriptors,
            },
        };
        if let Some(cache) = cache {
            cache.put_list(image, &descriptors);
        }
        Ok((descriptors, None))
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
}

/// Descriptors without repetitions: a list that repeats one costs nothing more (1,500 copies of
/// one descriptor made a peer send 6,005 requests).
#[derive(Default)]
pub(crate) struct Unique {
    pub(crate) descriptors: Vec<Descriptor>,
    seen: std::collections::HashSet<Digest>,
}

impl Unique {
    pub(crate) fn add(&mut self, what: &str, index: &Value) -> Result<(), Error> {
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
