//! Writing to a registry: blobs, manifests, tags.

use palisade_types::{Algorithm, Digest, ImageRef, PinnedRef, Repository};
use reqwest::{Method, StatusCode, header};
use url::Url;

use crate::address::same_origin;
use crate::answer::Answer;
use crate::auth::{Access, words};
use crate::blob::transfer_time;
use crate::budget::{Budget, Setback};
use crate::call::{Call, Payload};
use crate::error::{Error, printable};
use crate::source::BlobSource;
use crate::{Client, limits};

/// Up to this many bytes an upload is one PUT. Above, it is a PATCH with everything and an empty
/// PUT: the sequence Docker, crane and skopeo send, which every registry takes. GHCR refuses to
/// take more than this as one chunk.
const ONE_REQUEST: u64 = 4 << 20;

impl Client {
    /// Stores a blob unless the repository has it.
    pub async fn push_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        size: u64,
        source: &BlobSource,
    ) -> Result<(), Error> {
        self.push_blob_from(repository, digest, size, source, None)
            .await
    }

    /// The same; where another repository of the registry may have the blob, the registry is asked
    /// to take it from there (distribution specification 1.1, *Mounting a blob from another
    /// repository*), and it is uploaded if the registry does not.
    pub async fn push_blob_from(
        &self,
        repository: &Repository,
        digest: &Digest,
        size: u64,
        source: &BlobSource,
        other: Option<&Repository>,
    ) -> Result<(), Error> {
        let what = format!("blob {} to {repository}", digest.short());
        let url = self.endpoint(repository, &format!("blobs/{digest}"))?;
        let head = write(&what, Method::HEAD, url, repository);
        let answer = self.transport.fetch(&head, 0).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        if answer.status != StatusCode::NOT_FOUND {
            answer.success(&what)?;
        }
        let mounted = match other {
            Some(other) => self.mount(&what, repository, digest, other).await?,
            None => Mount::Refused,
        };
        let session = match mounted {
            Mount::Done => return Ok(()),
            Mount::Upload(session) => session,
            Mount::Refused => self.upload_session(&what, repository, digest).await?,
        };
        let payload = Payload::Blob { source, size };
        let session = if size > ONE_REQUEST {
            let mut patch = write(&what, Method::PATCH, session, repository);
            patch.payload = payload;
            patch.headers.push(octets());
            patch.repeat = false;
            let answer = self.upload(&patch, size).await?.success(&what)?;
            location(&patch, &answer)?
        } else {
            session
        };
        let mut put = write(&what, Method::PUT, session, repository);
        put.url
            .query_pairs_mut()
            .append_pair("digest", &digest.to_string());
        if size <= ONE_REQUEST {
            put.payload = payload;
            put.headers.push(octets());
        }
        put.repeat = false;
        let answer = self.upload(&put, size).await?.success(&what)?;
        same_digest(&what, &answer, digest)
    }

    /// Asks the registry to take the blob from another repository. That it does not, for whatever
    /// reason, is no failure: the bytes are here.
    async fn mount(
        &self,
        what: &str,
        repository: &Repository,
        digest: &Digest,
        other: &Repository,
    ) -> Result<Mount, Error> {
        if other.registry() != repository.registry() || other == repository {
            return Ok(Mount::Refused);
        }
        let mut url = self.endpoint(repository, "blobs/uploads/")?;
        // Quay fails when `mount` stands without `from`.
        url.query_pairs_mut()
            .append_pair("mount", &digest.to_string())
            .append_pair("from", other.path());
        let post = write(what, Method::POST, url, repository);
        let answer = match self.transport.fetch(&post, limits::SMALL_BODY).await {
            Err(Error::Denied { .. }) => return Ok(Mount::Refused),
            answer => answer?,
        };
        match answer.status {
            StatusCode::CREATED => {
                same_digest(what, &answer, digest)?;
                Ok(Mount::Done)
            }
            StatusCode::ACCEPTED => location(&post, &answer).map(Mount::Upload),
            _ => Ok(Mount::Refused),
        }
    }

    /// Starts an upload; the address it continues at.
    async fn upload_session(
        &self,
        what: &str,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Url, Error> {
        let mut url = self.endpoint(repository, "blobs/uploads/")?;
        if digest.algorithm() != Algorithm::Sha256 {
            let name = digest.algorithm().name();
            url.query_pairs_mut().append_pair("digest-algorithm", name);
        }
        let post = write(what, Method::POST, url, repository);
        let answer = self.transport.fetch(&post, limits::SMALL_BODY).await?;
        location(&post, &answer.success(what)?)
    }

    async fn upload(&self, call: &Call<'_>, size: u64) -> Result<Answer, Error> {
        let time = transfer_time(self.transport.options.deadline, size);
        self.transport
            .fetch_within(call, limits::SMALL_BODY, time)
            .await
    }

    /// Stores a manifest or index under its own digest, and under `tag` when one is given.
    pub async fn push_manifest(
        &self,
        repository: &Repository,
        tag: Option<&str>,
        bytes: &[u8],
        media_type: &str,
    ) -> Result<PinnedRef, Error> {
        let digest = Digest::sha256_of(bytes);
        self.put_manifest(repository, &digest, bytes, media_type)
            .await?;
        let image = repository.pin(digest);
        if let Some(tag) = tag {
            self.put_tag(&image, tag, bytes, media_type).await?;
        }
        Ok(image)
    }

    /// Points a tag at a manifest that the repository already has.
    pub async fn tag(&self, image: &PinnedRef, tag: &str) -> Result<(), Error> {
        let manifest = self.manifest(image).await?;
        self.put_tag(image, tag, &manifest.bytes, &manifest.descriptor.media_type)
            .await
    }

    /// Stores a manifest under its digest. Repeating that is harmless.
    pub(crate) async fn put_manifest(
        &self,
        repository: &Repository,
        digest: &Digest,
        bytes: &[u8],
        media_type: &str,
    ) -> Result<(), Error> {
        let call = self.manifest_call(repository, &digest.to_string())?;
        let call = put(call, bytes, media_type);
        let mut budget = Budget::new(self.transport.options.deadline);
        loop {
            let answer = self.transport.fetch(&call, limits::SMALL_BODY).await?;
            let refusal = words(&answer.body);
            // distribution 2.8 says so for a moment after two clients stored one blob at once,
            // as ten signers do with the empty configuration.
            if answer.status.is_client_error() && refusal.contains("MANIFEST_BLOB_UNKNOWN") {
                budget.pause(&call.what, Setback::broken(refusal)).await?;
                continue;
            }
            return same_digest(&call.what, &answer.success(&call.what)?, digest);
        }
    }

    pub(crate) async fn put_tag(
        &self,
        image: &PinnedRef,
        tag: &str,
        bytes: &[u8],
        media_type: &str,
    ) -> Result<(), Error> {
        let repository = image.repository();
        // What is no tag would be another address.
        if format!("{repository}:{tag}")
            .parse::<ImageRef>()
            .ok()
            .and_then(|i| i.tag().map(str::to_owned))
            .as_deref()
            != Some(tag)
        {
            return Err(Error::Usage(format!("`{}` is not a tag", printable(tag))));
        }
        let call = put(self.manifest_call(repository, tag)?, bytes, media_type);
        let answer = self.transport.fetch(&call, limits::SMALL_BODY).await?;
        same_digest(&call.what, &answer.success(&call.what)?, image.digest())
    }
}

/// What became of the request to take a blob from another repository.
enum Mount {
    Done,
    Refused,
    /// An upload was started instead.
    Upload(Url),
}

/// A call that may write.
pub(crate) fn write<'a>(
    what: &str,
    method: Method,
    url: Url,
    repository: &'a Repository,
) -> Call<'a> {
    let mut call = Call::read(what.to_owned(), method, url, repository);
    call.access = Access::Push;
    call
}

/// The write of a manifest at the address of its read.
pub(crate) fn put<'a>(mut call: Call<'a>, bytes: &'a [u8], media_type: &str) -> Call<'a> {
    call.method = Method::PUT;
    call.access = Access::Push;
    call.headers = vec![(header::CONTENT_TYPE, media_type.to_owned())];
    call.payload = Payload::Bytes(bytes);
    call
}

fn octets() -> (header::HeaderName, String) {
    (header::CONTENT_TYPE, "application/octet-stream".to_owned())
}

/// Where an upload continues: on the same server, or the bytes and the password would go to
/// whomever the registry names (CVE-2026-50151). Its query is kept.
fn location(call: &Call<'_>, answer: &Answer) -> Result<Url, Error> {
    let target = answer
        .header("location")
        .and_then(|location| call.url.join(location).ok())
        .ok_or_else(|| Error::malformed(&call.what, "the server names no upload address"))?;
    if !same_origin(&target, &call.url) {
        return Err(Error::malformed(
            &call.what,
            "the upload address is on another server",
        ));
    }
    Ok(target)
}

/// A server that stored our bytes under another digest did not store our bytes.
fn same_digest(what: &str, answer: &Answer, digest: &Digest) -> Result<(), Error> {
    let named = answer.header("docker-content-digest");
    match named.map(str::parse::<Digest>) {
        Some(Ok(got)) if got != *digest && got.algorithm() == digest.algorithm() => {
            Err(Error::DigestMismatch {
                what: what.to_owned(),
                want: digest.clone(),
                got,
            })
        }
        _ => Ok(()),
    }
}
