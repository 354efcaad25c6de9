//! Attaching an artifact to an image so that nobody's attachment gets lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_types::{Descriptor, PinnedRef, Timestamp};
use reqwest::{Method, StatusCode, header};
use serde_json::json;

use crate::budget::jitter;
use crate::error::Error;
use crate::fallback::{TagList, TagState, fallback_tag};
use crate::push::put;
use crate::referrers::Listing;
use crate::source::BlobSource;
use crate::{Client, limits, media};

/// The first pause before reading the list back; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two looks at the list.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How long a slower writer may sit on an old copy of the list: one more look after this, and
/// after thrice the time that our own read and write took.
const SETTLE: Duration = Duration::from_millis(600);

/// What to attach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The manifest's artifact type.
    pub artifact_type: String,
    /// The media type of its only layer.
    pub layer_media_type: String,
    /// The layer's bytes.
    pub bytes: Vec<u8>,
    /// The manifest's annotations, copied to the list of referrers.
    pub annotations: BTreeMap<String, String>,
}

impl Attachment {
    /// A Sigstore bundle, in the shape that cosign 3 writes and reads.
    pub fn sigstore_bundle(bytes: Vec<u8>, predicate_type: &str, created: Timestamp) -> Self {
        let annotations = [
            ("dev.sigstore.bundle.content", "dsse-envelope".to_owned()),
            (
                "dev.sigstore.bundle.predicateType",
                predicate_type.to_owned(),
            ),
            ("org.opencontainers.image.created", created.to_string()),
        ];
        Self {
            artifact_type: media::SIGSTORE_BUNDLE.to_owned(),
            layer_media_type: media::SIGSTORE_BUNDLE.to_owned(),
            bytes,
            annotations: annotations
                .map(|(key, value)| (key.to_owned(), value))
                .into(),
        }
    }

    /// The manifest (image specification 1.1, *Guidelines for Artifact Usage*).
    fn manifest(&self, subject: &Descriptor) -> Vec<u8> {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_MANIFEST,
            "artifactType": self.artifact_type,
            "config": Descriptor::of(media::OCI_EMPTY, b"{}"),
            "layers": [Descriptor::of(&self.layer_media_type, &self.bytes)],
            "subject": {
                "mediaType": subject.media_type,
                "digest": subject.digest,
                "size": subject.size,
            },
            "annotations": self.annotations,
        });
        manifest.to_string().into_bytes()
    }
}

impl Client {
    /// Attaches an artifact to an image that the registry has, and returns the artifact's own
    /// reference. Done means listed: the registry (or the fallback tag) was read back until it
    /// showed the artifact. Attaching the same artifact again changes nothing.
    pub async fn attach(
        &self,
        subject: &PinnedRef,
        subject_descriptor: &Descriptor,
        artifact: &Attachment,
    ) -> Result<PinnedRef, Error> {
        if subject_descriptor.digest != *subject.digest() {
            let other = &subject_descriptor.digest;
            return Err(Error::Usage(format!(
                "`{other}` does not describe {subject}"
            )));
        }
        let writer = self.writer_for(subject);
        let _only_one = writer.lock().await;
        self.must_exist(subject).await?;
        let repository = subject.repository();
        for bytes in [artifact.bytes.as_slice(), b"{}"] {
            let blob = Descriptor::of("", bytes);
            let source = BlobSource::Bytes(bytes.to_vec());
            self.push_blob(repository, &blob.digest, blob.size, &source)
                .await?;
        }
        let bytes = artifact.manifest(subject_descriptor);
        let mut entry = Descriptor::of(media::OCI_MANIFEST, &bytes);
        self.put_manifest(repository, &entry.digest, &bytes, media::OCI_MANIFEST)
            .await?;
        entry.artifact_type = Some(artifact.artifact_type.clone());
        entry.annotations.clone_from(&artifact.annotations);
        // `OCI-Subject` in the answer proves nothing: ECR sent it without having the API
        // (sigstore-js #1183). The list itself is asked.
        match self.listing(subject).await? {
            Listing::Api(list) if lists(&list, &entry) => {}
            Listing::Api(_) => self.wait_for_api(subject, &entry).await?,
            Listing::Tag => self.list_on_tag(subject, &entry).await?,
        }
        Ok(subject.sibling(entry.digest))
    }

    /// One writer per subject within this process; others wait instead of racing.
    fn writer_for(&self, subject: &PinnedRef) -> Arc<tokio::sync::Mutex<()>> {
        let mut writers = self
            .writers
            .lock()
            .expect("nothing panics while holding it");
        writers.retain(|_, writer| Arc::strong_count(writer) > 1);
        writers.entry(subject.clone()).or_default().clone()
    }

    async fn must_exist(&self, subject: &PinnedRef) -> Result<(), Error> {
        let mut call = self.manifest_call(subject.repository(), &subject.digest().to_string())?;
        call.method = Method::HEAD;
        let answer = self.transport.fetch(&call, 0).await?;
        answer.success(&call.what).map(|_| ())
    }

    async fn wait_for_api(&self, subject: &PinnedRef, entry: &Descriptor) -> Result<(), Error> {
        let mut pauses = Pauses::new(self.transport.options.deadline);
        while pauses.next().await {
            if let Listing::Api(list) = self.listing(subject).await?
                && lists(&list, entry)
            {
                return Ok(());
            }
        }
        Err(unlisted(
            subject,
            entry,
            "the referrers API does not show it",
        ))
    }

    /// Adds the entry to the fallback tag. The tag has no locks and its writers overwrite each
    /// other, so the list is read back until the entry stays.
    async fn list_on_tag(&self, subject: &PinnedRef, entry: &Descriptor) -> Result<(), Error> {
        let mut pauses = Pauses::new(self.transport.options.deadline);
        let mut wrote = false;
        let mut slowest = Duration::ZERO;
        loop {
            let began = Instant::now();
            let list = match self.tag_list(subject).await? {
                TagState::Absent => TagList::empty(),
                TagState::IsSubject => {
                    let why = "the registry answers the image itself under the tag for the list";
                    return Err(unlisted(subject, entry, why));
                }
                TagState::List(list) => list,
            };
            if lists(&list.descriptors, entry) {
                if !wrote {
                    return Ok(());
                }
                tokio::time::sleep(SETTLE + jitter(SETTLE) + slowest * 3).await;
                if let TagState::List(list) = self.tag_list(subject).await?
                    && lists(&list.descriptors, entry)
                {
                    return Ok(());
                }
            } else {
                self.replace_tag_list(subject, entry, list).await?;
                wrote = true;
                slowest = slowest.max(began.elapsed());
            }
            if !pauses.next().await {
                return Err(unlisted(
                    subject,
                    entry,
                    "other writers keep replacing the list",
                ));
            }
        }
    }

    /// Writes the list with one more entry. Losing a race is no error: the caller looks again.
    async fn replace_tag_list(
        &self,
        subject: &PinnedRef,
        entry: &Descriptor,
        list: TagList,
    ) -> Result<(), Error> {
        let bytes = list.with(entry)?;
        let tag = fallback_tag(subject.digest());
        let call = self.manifest_call(subject.repository(), &tag)?;
        let mut call = put(call, &bytes, media::OCI_INDEX);
        call.repeat = false;
        // Few registries heed this, so success proves nothing; but a 412 saves a round.
        call.headers.push(match list.etag {
            Some(etag) => (header::IF_MATCH, etag),
            None if list.absent => (header::IF_NONE_MATCH, "*".to_owned()),
            None => (header::ACCEPT, "*/*".to_owned()),
        });
        match self.transport.fetch(&call, limits::SMALL_BODY).await {
            Ok(answer) if answer.status == StatusCode::PRECONDITION_FAILED => Ok(()),
            Ok(answer) => answer
                .success(&call.what)
                .map(|_| ())
                .map_err(|e| unlisted(subject, entry, &format!("its tag cannot be written: {e}"))),
            // It may have been stored all the same: the next look tells.
            Err(Error::Unreachable { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Growing, jittered pauses until the time to get listed is over.
struct Pauses {
    end: Instant,
    pause: Duration,
}

impl Pauses {
    fn new(deadline: Duration) -> Self {
        Self {
            end: Instant::now() + deadline.min(limits::LISTED_WITHIN),
            pause: FIRST_PAUSE,
        }
    }

    /// Waits; `false` when the time is over.
    async fn next(&mut self) -> bool {
        let wait = self.pause + jitter(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        if Instant::now() + wait > self.end {
            return false;
        }
        tokio::time::sleep(wait).await;
        true
    }
}

fn lists(list: &[Descriptor], entry: &Descriptor) -> bool {
    list.iter().any(|listed| listed.digest == entry.digest)
}

fn unlisted(subject: &PinnedRef, entry: &Descriptor, why: &str) -> Error {
    Error::Unlisted {
        image: subject.to_string(),
        manifest: entry.digest.clone(),
        why: why.to_owned(),
    }
}
