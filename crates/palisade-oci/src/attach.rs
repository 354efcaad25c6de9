//! Attaching an artifact to an image so that nobody's attachment gets lost.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use palisade_types::{Descriptor, Digest, PinnedRef, Timestamp};
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
            Listing::Tag => self.list_in_turn(subject, &entry).await?,
        }
        Ok(subject.sibling(entry.digest))
    }

    /// Lists the entry on the fallback tag. One task of this process at a time writes the tag, and
    /// takes along whatever the others have ready: a hundred attachments cost a few writes.
    async fn list_in_turn(&self, subject: &PinnedRef, entry: &Descriptor) -> Result<(), Error> {
        // The wait for a turn counts: after a failure the others do not take 30 seconds each.
        let pauses = Pauses::new(self.transport.options.deadline);
        let writer = self.writer_for(subject);
        writer.ready().push(entry.clone());
        let mut listed = writer.listed.lock().await;
        if listed.contains(&entry.digest) {
            return Ok(());
        }
        let mut batch = std::mem::take(&mut *writer.ready());
        // Whoever took it along before us failed.
        if !lists(&batch, entry) {
            batch.push(entry.clone());
        }
        self.list_on_tag(subject, &batch, pauses).await?;
        listed.extend(batch.into_iter().map(|entry| entry.digest));
        Ok(())
    }

    /// One writer per subject within this process; others wait instead of racing.
    fn writer_for(&self, subject: &PinnedRef) -> Arc<Writer> {
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

    /// Adds the entries to the fallback tag. The tag has no locks and its writers overwrite each
    /// other, so the list is read back until the entries stay.
    async fn list_on_tag(
        &self,
        subject: &PinnedRef,
        entries: &[Descriptor],
        mut pauses: Pauses,
    ) -> Result<(), Error> {
        let mut wrote = false;
        let mut slowest = Duration::ZERO;
        loop {
            let began = Instant::now();
            let list = match self.tag_list(subject).await? {
                TagState::Absent => TagList::empty(),
                TagState::IsSubject => {
                    let why = "the registry answers the image itself under the tag for the list";
                    return Err(unlisted(subject, &entries[0], why));
                }
                TagState::List(list) => list,
            };
            let missing = list.missing(entries);
            if missing.is_empty() {
                if !wrote {
                    return Ok(());
                }
                tokio::time::sleep(SETTLE + jitter(SETTLE) + slowest * 3).await;
                if let TagState::List(list) = self.tag_list(subject).await?
                    && list.missing(entries).is_empty()
                {
                    return Ok(());
                }
            } else {
                self.replace_tag_list(subject, &missing, &list).await?;
                wrote = true;
                slowest = slowest.max(began.elapsed());
            }
            if !pauses.next().await {
                let why = "other writers keep replacing the list";
                return Err(unlisted(subject, &entries[0], why));
            }
        }
    }

    /// Writes the list with more entries. Losing a race is no error: the caller looks again.
    async fn replace_tag_list(
        &self,
        subject: &PinnedRef,
        missing: &[&Descriptor],
        list: &TagList,
    ) -> Result<(), Error> {
        let bytes = list.with(missing)?;
        let tag = fallback_tag(subject.digest());
        let call = self.manifest_call(subject.repository(), &tag)?;
        let mut call = put(call, &bytes, media::OCI_INDEX);
        call.repeat = false;
        // Few registries heed this, so success proves nothing; but a 412 saves a round.
        call.headers.push(match &list.etag {
            Some(etag) => (header::IF_MATCH, etag.clone()),
            None if list.absent => (header::IF_NONE_MATCH, "*".to_owned()),
            None => (header::ACCEPT, "*/*".to_owned()),
        });
        match self.transport.fetch(&call, limits::SMALL_BODY).await {
            Ok(answer) if answer.status == StatusCode::PRECONDITION_FAILED => Ok(()),
            Ok(answer) => answer.success(&call.what).map(|_| ()).map_err(|e| {
                let why = format!("its tag cannot be written: {e}");
                unlisted(subject, missing[0], &why)
            }),
            // It may have been stored all the same: the next look tells.
            Err(Error::Unreachable { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The tasks of this process that attach to one image.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    /// Entries whose manifests are pushed, for the next one in turn to list.
    ready: Mutex<Vec<Descriptor>>,
    /// What was read back from the list; held by the one whose turn it is.
    listed: tokio::sync::Mutex<HashSet<Digest>>,
}

impl Writer {
    fn ready(&self) -> MutexGuard<'_, Vec<Descriptor>> {
        self.ready.lock().expect("nothing panics while holding it")
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
