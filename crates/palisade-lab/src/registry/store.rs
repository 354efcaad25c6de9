//! What was pushed: repositories with manifests and tags over one pool of blobs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::body::Bytes;
use serde_json::Value;

use super::hostile::Made;

#[derive(Default)]
pub(crate) struct Store {
    pub(crate) repositories: BTreeMap<String, Repository>,
    /// By digest. A repository sees those in its own list only.
    pub(crate) blobs: HashMap<String, Bytes>,
    /// Uploads that wait for more bytes, by session.
    pub(crate) uploads: HashMap<String, Upload>,
    /// What faults serve though nobody pushed it.
    pub(super) made: Made,
}

#[derive(Default)]
pub(crate) struct Repository {
    pub(crate) manifests: BTreeMap<String, Manifest>,
    pub(crate) blobs: BTreeSet<String>,
    pub(crate) tags: BTreeMap<String, Tag>,
    pushed: usize,
}

#[derive(Clone)]
pub(crate) struct Manifest {
    pub(crate) bytes: Bytes,
    pub(crate) media_type: String,
    pub(crate) body: Value,
    /// Counts pushes, so that referrers are listed in the order in which they came.
    number: usize,
}

/// The digests a tag had, the present one last.
#[derive(Default)]
pub(crate) struct Tag {
    history: Vec<String>,
    reads: usize,
}

pub(crate) struct Upload {
    pub(crate) repository: String,
    pub(crate) bytes: Vec<u8>,
}

impl Store {
    pub(crate) fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        let known = self.repositories.get(repository)?.blobs.contains(digest);
        known.then(|| self.blobs.get(digest).cloned()).flatten()
    }

    pub(crate) fn add_blob(&mut self, repository: &str, digest: &str, bytes: Bytes) {
        self.blobs.insert(digest.to_owned(), bytes);
        let repository = self.repositories.entry(repository.to_owned()).or_default();
        repository.blobs.insert(digest.to_owned());
    }
}

impl Repository {
    pub(crate) fn add_manifest(&mut self, digest: &str, manifest: Manifest) {
        self.pushed += 1;
        let number = self.pushed;
        let manifest = Manifest { number, ..manifest };
        self.manifests.entry(digest.to_owned()).or_insert(manifest);
    }

    pub(crate) fn tag(&mut self, tag: &str, digest: &str) {
        let tag = self.tags.entry(tag.to_owned()).or_default();
        if tag.history.last().is_none_or(|last| last != digest) {
            tag.history.push(digest.to_owned());
        }
    }

    /// Manifests that name `subject`, oldest first; every manifest with a subject for `None`.
    pub(crate) fn referrers(&self, subject: Option<&str>) -> Vec<(&String, &Manifest)> {
        let mut found: Vec<_> = self
            .manifests
            .iter()
            .filter(|(_, manifest)| match subject {
                Some(subject) => manifest.subject() == Some(subject),
                None => manifest.subject().is_some(),
            })
            .collect();
        found.sort_by_key(|(_, manifest)| manifest.number);
        found
    }
}

impl Manifest {
    pub(crate) fn new(bytes: Bytes, media_type: String, body: Value) -> Manifest {
        Manifest {
            bytes,
            media_type,
            body,
            number: 0,
        }
    }

    pub(crate) fn subject(&self) -> Option<&str> {
        self.body["subject"]["digest"].as_str()
    }

    /// OCI distribution, "Listing Referrers": `artifactType`, else the config's media type.
    pub(crate) fn artifact_type(&self) -> Option<&str> {
        let own = self.body["artifactType"]
            .as_str()
            .filter(|own| !own.is_empty());
        own.or_else(|| self.body["config"]["mediaType"].as_str())
    }
}

impl Tag {
    pub(crate) fn digest(&self) -> Option<&str> {
        self.history.last().map(String::as_str)
    }

    /// The last two digests in turn, the older one first.
    pub(crate) fn flip(&mut self) -> Option<&str> {
        let back = if self.reads.is_multiple_of(2) { 2 } else { 1 };
        self.reads += 1;
        let index = self.history.len().saturating_sub(back);
        self.history.get(index).map(String::as_str)
    }
}
