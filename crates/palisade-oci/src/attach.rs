//! Attaching an artifact to an image so that nobody's attachment gets lost.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use palisade_types::{Descriptor, PinnedRef, Timestamp};
use reqwest::Method;
use serde_json::json;

use crate::error::Error;
use crate::fallback::{TagList, TagState, fallback_tag};
use crate::push::put;
use crate::referrers::Listing;
use crate::shared::{Document, Pauses, settle};
use crate::source::BlobSource;
use crate::{Client, media};

/// How many images are given an attachment at one time: registries throttle writes sooner than
/// reads.
const WRITERS: usize = 8;

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
        let subjects = [(subject.clone(), subject_descriptor.clone())];
        let mut attached = self.attach_all(&subjects, artifact).await?;
        Ok(attached.pop().expect("there is one for each subject"))
    }

    /// The same for several images of one repository, such as an index and its entries: their
    /// attachments share the artifact's bytes, which are sent once. Nothing is written before it
    /// is known that each image is there. Returns what was attached to each, in order.
    pub async fn attach_all(
        &self,
        subjects: &[(PinnedRef, Descriptor)],
        artifact: &Attachment,
    ) -> Result<Vec<PinnedRef>, Error> {
        let Some((first, _)) = subjects.first() else {
            return Ok(Vec::new());
        };
        let repository = first.repository();
        for (subject, descriptor) in subjects {
            if descriptor.digest != *subject.digest() {
                let other = &descriptor.digest;
                return Err(Error::Usage(format!(
                    "`{other}` does not describe {subject}"
                )));
            }
            if subject.repository() != repository {
                return Err(Error::Usage(format!("`{subject}` is not in {repository}")));
            }
        }
        let mut looks = Vec::new();
        for (subject, _) in subjects {
            looks.push(self.must_exist(subject));
        }
        let looks = stream::iter(looks).buffered(WRITERS);
        looks.try_collect::<()>().await?;
        for bytes in [artifact.bytes.as_slice(), b"{}"] {
            let blob = Descriptor::of("", bytes);
            let source = BlobSource::Bytes(bytes.to_vec());
            self.push_blob(repository, &blob.digest, blob.size, &source)
                .await?;
        }
        let mut writes = Vec::new();
        for (subject, descriptor) in subjects {
            writes.push(self.attach_one(subject, descriptor, artifact));
        }
        let writes = stream::iter(writes).buffered(WRITERS);
        writes.try_collect().await
    }

    /// Stores the manifest, whose blobs are there, and gets it listed.
    async fn attach_one(
        &self,
        subject: &PinnedRef,
        subject_descriptor: &Descriptor,
        artifact: &Attachment,
    ) -> Result<PinnedRef, Error> {
        let bytes = artifact.manifest(subject_descriptor);
        let mut entry = Descriptor::of(media::OCI_MANIFEST, &bytes);
        let repository = subject.repository();
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
        let writer = self.writer_for(subject.to_string());
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

    /// Adds the entries to the fallback tag, and sees to it that they stay.
    async fn list_on_tag(
        &self,
        subject: &PinnedRef,
        entries: &[Descriptor],
        pauses: Pauses,
    ) -> Result<(), Error> {
        let list = ListOnTag {
            client: self,
            subject,
            entries,
        };
        if settle(&list, pauses).await? {
            return Ok(());
        }
        let why = "other writers keep replacing the list";
        Err(unlisted(subject, &entries[0], why))
    }
}

/// Entries to be listed on the fallback tag of a subject.
struct ListOnTag<'a> {
    client: &'a Client,
    subject: &'a PinnedRef,
    entries: &'a [Descriptor],
}

impl Document for ListOnTag<'_> {
    type Found = TagList;

    async fn read(&self) -> Result<TagList, Error> {
        match self.client.tag_list(self.subject).await? {
            TagState::Absent => Ok(TagList::empty()),
            TagState::IsSubject => {
                let why = "the registry answers the image itself under the tag for the list";
                Err(unlisted(self.subject, &self.entries[0], why))
            }
            TagState::List(list) => Ok(list),
        }
    }

    fn is_complete(&self, list: &TagList) -> bool {
        list.missing(self.entries).is_empty()
    }

    async fn add(&self, list: &TagList) -> Result<(), Error> {
        let bytes = list.with(&list.missing(self.entries))?;
        let tag = fallback_tag(self.subject.digest());
        let call = self.client.manifest_call(self.subject.repository(), &tag)?;
        let call = put(call, &bytes, media::OCI_INDEX);
        let replaced = self.client.replace(call, &list.version).await;
        replaced.map_err(|error| {
            let why = format!("its tag cannot be written: {error}");
            unlisted(self.subject, &self.entries[0], &why)
        })
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
