//! The registry client: what it is made of, and reading manifests and tags with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use palisade_types::{Digest, ImageRef, PinnedRef, Repository};
use reqwest::header;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use crate::address::registry_base;
use crate::answer::Answer;
use crate::cache::ContentCache;
use crate::call::Call;
use crate::credentials::CredentialStore;
use crate::error::{Error, printable};
use crate::http::TlsOptions;
use crate::manifest::{RawManifest, typed};
use crate::proxy::Proxies;
use crate::shared::Writer;
use crate::transport::Transport;
use crate::{limits, media, pages};

/// The header that names the digest of a manifest.
const CONTENT_DIGEST: &str = "docker-content-digest";

/// How to reach registries.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Content by digest that earlier runs read; without it everything is asked for.
    pub cache: Option<ContentCache>,
    /// Where user names and passwords come from. Read only when a registry asks for them.
    pub credentials: CredentialStore,
    /// Hosts (`host` or `host:port`) that are spoken to over plain HTTP besides loopback. No
    /// password is ever sent to one.
    pub insecure_hosts: Vec<String>,
    /// Speak plain HTTP to every registry, as if each were listed.
    pub plain_http: bool,
    /// Which proxies requests go through.
    pub proxies: Proxies,
    /// How registries are known, and how they know us.
    pub tls: TlsOptions,
    /// How many documents may be asked of one server at once, by all clones of a client.
    pub concurrency: usize,
    /// Refuse every request instead of making it; only the cache is read.
    pub offline: bool,
    /// How long one document request may take, its retries included.
    pub deadline: Duration,
    /// The `User-Agent` header.
    pub user_agent: String,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            cache: None,
            credentials: CredentialStore::anonymous(),
            insecure_hosts: Vec::new(),
            plain_http: false,
            proxies: Proxies::none(),
            tls: TlsOptions::default(),
            concurrency: limits::CONCURRENCY,
            offline: false,
            deadline: Duration::from_mins(1),
            user_agent: concat!("palisade/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// A registry client. Cheap to clone; clones share connections, tokens and the request count.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) transport: Arc<Transport>,
    manifests: Arc<Mutex<Cache>>,
    /// Who writes the list of an image, one at a time within this process; see [`Client::attach`].
    pub(crate) writers: Arc<Mutex<HashMap<String, Arc<Writer>>>>,
}

/// What a reference named when it was asked, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The image by digest.
    pub image: PinnedRef,
    /// The bytes of its manifest or index, hashed.
    pub manifest: RawManifest,
}

/// Manifests by where they are and what they hash to; such an entry is never outdated.
#[derive(Debug, Default)]
struct Cache {
    bytes: u64,
    manifests: HashMap<PinnedRef, RawManifest>,
}

impl Client {
    /// A client. Does no work: connections, certificates and credential files wait for the first
    /// request that needs them.
    pub fn new(options: ClientOptions) -> Self {
        Self {
            transport: Arc::new(Transport::new(options)),
            manifests: Arc::default(),
            writers: Arc::default(),
        }
    }

    /// How many HTTP requests were sent so far, token requests and redirects included.
    pub fn requests_made(&self) -> u64 {
        self.transport.requests()
    }

    /// What this reference names now: a tag is asked for with HEAD, and what it names is read by
    /// digest and hashed; a digest is read and hashed.
    pub async fn resolve(&self, image: &ImageRef) -> Result<Resolved, Error> {
        let asked_by_digest = image.digest().is_some();
        let image = self.resolve_digest(image).await?;
        if asked_by_digest {
            let manifest = self.manifest(&image).await?;
            return Ok(Resolved { image, manifest });
        }
        let manifest = match self.listed_manifest(&image).await {
            // The registry has just said that there is an image: this is no "there is none".
            Err(Error::NotFound { what }) => {
                let why = "the tag names it, and it is missing or not allowed";
                return Err(Error::malformed(what, why));
            }
            other => other?,
        };
        Ok(Resolved { image, manifest })
    }

    /// The digest this reference names now, with one HEAD request (a digest needs none). It is the
    /// registry's word: use the digest, and nothing else, for everything that follows.
    pub async fn resolve_digest(&self, image: &ImageRef) -> Result<PinnedRef, Error> {
        if let Some(pinned) = image.pinned() {
            return Ok(pinned);
        }
        let repository = image.repository();
        let tag = image.tag_or_latest();
        let mut call = self.manifest_call(repository, tag)?;
        call.method = Method::HEAD;
        let answer = self.transport.fetch(&call, 0).await?;
        // Servers without HEAD are asked with GET; so are those that do not name the digest.
        let refused = matches!(answer.status.as_u16(), 405 | 501);
        if !refused {
            let answer = answer.success(&call.what)?;
            if let Some(text) = answer.header(CONTENT_DIGEST) {
                let digest = text.parse::<Digest>().map_err(|e| {
                    Error::malformed(
                        &call.what,
                        format!("the digest header: {}", printable(&e.to_string())),
                    )
                })?;
                return Ok(repository.pin(digest));
            }
        }
        call.method = Method::GET;
        let answer = self.transport.fetch(&call, limits::MANIFEST).await?;
        let answer = answer.success(&call.what)?;
        let digest = Digest::sha256_of(&answer.body);
        let manifest = read_manifest(&call.what, answer, &digest)?;
        let image = repository.pin(digest);
        self.remember(&image, &manifest);
        Ok(image)
    }

    /// The manifest or index with this digest, hashed. The repository has it: it is asked, once in
    /// a client's life, unless the client is offline.
    pub async fn manifest(&self, image: &PinnedRef) -> Result<RawManifest, Error> {
        let known = self.cache(|cache| cache.manifests.get(image).cloned());
        if let Some(manifest) = known {
            return Ok(manifest);
        }
        if self.transport.options.offline
            && let Some(manifest) = self.kept_manifest(image)
        {
            return Ok(manifest);
        }
        let digest = image.digest();
        let call = self.manifest_call(image.repository(), &digest.to_string())?;
        let answer = self.transport.fetch(&call, limits::MANIFEST).await?;
        let manifest = read_manifest(&call.what, answer.success(&call.what)?, digest)?;
        self.remember(image, &manifest);
        Ok(manifest)
    }

    /// The manifest with this digest, which the registry has just named as the repository's: its
    /// bytes may come from the cache.
    pub(crate) async fn listed_manifest(&self, image: &PinnedRef) -> Result<RawManifest, Error> {
        match self.kept_manifest(image) {
            Some(manifest) => Ok(manifest),
            None => self.manifest(image).await,
        }
    }

    fn kept_manifest(&self, image: &PinnedRef) -> Option<RawManifest> {
        let cache = self.transport.options.cache.as_ref()?;
        let bytes = cache.get(image.digest(), limits::MANIFEST)?;
        let what = image.to_string();
        let value = crate::manifest::json(&what, &bytes).ok()?;
        // A registry would have said what it is; without one the bytes must.
        let media_type = value.get("mediaType")?.as_str()?;
        let manifest = RawManifest::checked(&what, bytes, media_type, image.digest()).ok()?;
        manifest.parse().ok()?;
        Some(manifest)
    }

    /// Fails where the registry does not have this repository, or where this account may not see
    /// it: that it lists nothing there is no answer then. One without any tag is seen.
    pub async fn see(&self, repository: &Repository) -> Result<(), Error> {
        let url = self.endpoint(repository, "tags/list?n=1")?;
        let what = format!("tags of {repository}");
        let call = Call::read(what, Method::GET, url, repository);
        let answer = self.transport.fetch(&call, limits::MANIFEST).await?;
        answer.success(&call.what).map(drop)
    }

    /// The tags of a repository, in the registry's order.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        // ECR refuses more than 1,000 at a time.
        let url = self.endpoint(repository, "tags/list?n=1000")?;
        let call = Call::read(
            format!("tags of {repository}"),
            Method::GET,
            url,
            repository,
        );
        let mut tags = Vec::new();
        let mut pages = pages::Pages::new(call);
        while let Some(page) = pages.next(self).await? {
            let page: Page = typed(
                &pages.call.what,
                page.success(&pages.call.what)?.json(&pages.call.what)?,
            )?;
            tags.extend(page.tags.unwrap_or_default());
            if tags.len() > limits::TAGS {
                return Err(Error::limit(&pages.call.what, limits::TAGS as u64, "tags"));
            }
        }
        Ok(tags)
    }

    /// An address in a repository's part of the API.
    pub(crate) fn endpoint(&self, repository: &Repository, rest: &str) -> Result<Url, Error> {
        let base = registry_base(repository.registry(), &self.transport.options)?;
        base.join(&format!("{}/{rest}", repository.path()))
            .map_err(|e| Error::Usage(format!("`{repository}`: {e}")))
    }

    /// GET of a manifest by tag or digest.
    pub(crate) fn manifest_call<'a>(
        &self,
        repository: &'a Repository,
        reference: &str,
    ) -> Result<Call<'a>, Error> {
        let by_digest = reference.contains(':');
        let what = format!(
            "{repository}{}{reference}",
            if by_digest { '@' } else { ':' }
        );
        let url = self.endpoint(repository, &format!("manifests/{reference}"))?;
        let mut call = Call::read(what, Method::GET, url, repository);
        call.headers
            .push((header::ACCEPT, media::ACCEPT.to_owned()));
        Ok(call)
    }

    fn cache<T>(&self, with: impl FnOnce(&mut Cache) -> T) -> T {
        with(
            &mut self
                .manifests
                .lock()
                .expect("nothing panics while holding it"),
        )
    }

    fn remember(&self, image: &PinnedRef, manifest: &RawManifest) {
        if let Some(cache) = &self.transport.options.cache {
            cache.put(image.digest(), &manifest.bytes);
        }
        self.cache(|cache| {
            let size = manifest.descriptor.size;
            if cache.bytes + size <= limits::MANIFEST_CACHE {
                cache.bytes += size;
                cache.manifests.insert(image.clone(), manifest.clone());
            }
        });
    }
}

/// A manifest answer as bytes that hash to this digest and are what the server says they are.
pub(crate) fn read_manifest(
    what: &str,
    answer: Answer,
    digest: &Digest,
) -> Result<RawManifest, Error> {
    if answer.status != StatusCode::OK {
        let why = format!("status {} is no answer to a read", answer.status.as_u16());
        return Err(Error::garbled(what, why));
    }
    let content_type = answer.header("content-type").map(media::essence);
    // Hashed before anything is read in it: only then is what is wrong with it the writer's.
    let mut manifest = RawManifest::checked(what, answer.body, "", digest)?;
    let own = manifest.own_media_type()?;
    manifest.descriptor.media_type = match (content_type, own) {
        (Some(came), Some(own)) if came != own => {
            let (own, came) = (printable(&own), printable(&came));
            let why = format!("it calls itself `{own}` and came as `{came}`");
            return Err(Error::garbled(what, why));
        }
        (Some(came), None) if !media::is_manifest(&came) && !media::is_index(&came) => {
            let why = format!("`{}` is no manifest type we read", printable(&came));
            return Err(Error::garbled(what, why));
        }
        (came, own) => own.or(came).unwrap_or_default(),
    };
    manifest.parse()?;
    Ok(manifest)
}
