//! The registry client: what callers ask it for.

use palisade_types::{Descriptor, FrozenSubject, ImageRef, PinnedRef, Repository};
use std::time::Duration;

use crate::credentials::CredentialStore;
use crate::manifest::RawManifest;
use crate::{Error, Location};

/// How to reach registries.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Where user names and passwords come from. Read only when a registry asks for them.
    pub credentials: CredentialStore,
    /// Hosts (`host` or `host:port`) that may be spoken to over plain HTTP besides loopback.
    pub insecure_hosts: Vec<String>,
    /// Refuse every request instead of making it.
    pub offline: bool,
    /// How long one document request may take, its retries included.
    pub deadline: Duration,
    /// The `User-Agent` header.
    pub user_agent: String,
}

/// A registry client. Cheap to clone; clones share connections, tokens and the request count.
#[derive(Clone, Debug)]
pub struct Client {}

/// What a reference named when it was asked, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The image by digest.
    pub image: PinnedRef,
    /// The bytes of its manifest or index, hashed.
    pub manifest: RawManifest,
}

#[allow(unused_variables)]
impl Client {
    /// A client. Does no work: connections, certificates and credential files wait for the first
    /// request that needs them.
    pub fn new(options: ClientOptions) -> Self {
        todo!()
    }

    /// What this reference names now: a tag is asked for with HEAD, and what it names is read by
    /// digest and hashed; a digest is read and hashed.
    pub async fn resolve(&self, image: &ImageRef) -> Result<Resolved, Error> {
        todo!()
    }

    /// Like [`Client::resolve`], in a layout or archive too. What is in a file gets the repository
    /// `oci-layout.invalid/image`, since it has none.
    pub async fn resolve_at(&self, location: &Location) -> Result<Resolved, Error> {
        todo!()
    }

    /// The digest this reference names now, with one HEAD request (a digest needs none). The
    /// registry's word for it: use the digest for everything that follows.
    pub async fn resolve_digest(&self, image: &ImageRef) -> Result<PinnedRef, Error> {
        todo!()
    }

    /// Resolves once and reads everything the image commits to: the manifests of its platforms
    /// and, where the index does not say, their configurations.
    pub async fn freeze(&self, location: impl Into<Location>) -> Result<FrozenSubject, Error> {
        todo!()
    }

    /// The manifest or index with this digest, hashed.
    pub async fn manifest(&self, image: &PinnedRef) -> Result<RawManifest, Error> {
        todo!()
    }

    /// What is attached to this image according to the registry: untrusted, deduplicated, and
    /// never filtered by artifact type. Empty only if the registry has proven that there is none.
    pub async fn referrers(&self, image: &PinnedRef) -> Result<Vec<Descriptor>, Error> {
        todo!()
    }

    /// The tags of a repository.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<String>, Error> {
        todo!()
    }

    /// A blob's bytes, hashed; at most `limit` of them.
    pub async fn blob(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        limit: u64,
    ) -> Result<Vec<u8>, Error> {
        todo!()
    }

    /// Writes a blob while hashing it. On an error, what was written is worth nothing.
    pub async fn blob_to(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        to: &mut impl std::io::Write,
    ) -> Result<(), Error> {
        todo!()
    }

    /// How many HTTP requests were sent so far.
    pub fn requests_made(&self) -> u64 {
        todo!()
    }
}
