//! A small registry on loopback: correct by default, and hooks that make it hostile.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use palisade_oci::{Attachment, Client, ClientOptions, CredentialStore, media};
use palisade_types::{Descriptor, Digest, ImageRef, PinnedRef, Repository, Timestamp};
use serde_json::{Value, json};

type Hook = Box<dyn Fn(&Seen) -> Option<Response> + Send + Sync>;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The host that was asked, from the `Host` header or HTTP/2's `:authority`.
    pub(crate) host: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) version: axum::http::Version,
}

impl Seen {
    pub(crate) fn authorization(&self) -> Option<&str> {
        let value = self.headers.get(header::AUTHORIZATION)?;
        Some(value.to_str().unwrap())
    }

    pub(crate) fn is(&self, method: &Method, part: &str) -> bool {
        self.method == method && self.path.contains(part)
    }
}

#[derive(Default)]
struct Shared {
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
    round_trip: Mutex<std::time::Duration>,
    blobs: Mutex<BTreeMap<String, Bytes>>,
    claims_subjects: AtomicBool,
    hooks: Mutex<Vec<Hook>>,
    log: Mutex<Vec<Seen>>,
    manifests: Mutex<BTreeMap<String, (String, Bytes)>>,
    no_api: AtomicBool,
    heeds_conditions: AtomicBool,
    sessions: AtomicU64,
    uploads: Mutex<BTreeMap<String, Bytes>>,
}

/// A running registry.
pub(crate) struct Registry {
    pub(crate) host: String,
    shared: Arc<Shared>,
}

impl Registry {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        Self::serve(host, listener)
    }

    /// Serves as the registry with this name, on whatever this listens to.
    pub(crate) fn serve<L>(host: String, listener: L) -> Self
    where
        L: axum::serve::Listener,
        L::Addr: std::fmt::Debug,
    {
        let shared = Arc::new(Shared::default());
        let app = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { host, shared }
    }

    /// Before anything else, ask this; later hooks come first.
    pub(crate) fn on(&self, hook: impl Fn(&Seen) -> Option<Response> + Send + Sync + 'static) {
        self.shared.hooks.lock().unwrap().insert(0, Box::new(hook));
    }

    pub(crate) fn without_referrers_api(self) -> Self {
        self.shared.no_api.store(true, Ordering::Relaxed);
        self
    }

    pub(crate) fn heeding_conditions(self) -> Self {
        self.shared.heeds_conditions.store(true, Ordering::Relaxed);
        self
    }

    pub(crate) fn claiming_subjects(self) -> Self {
        self.shared.claims_subjects.store(true, Ordering::Relaxed);
        self
    }

    /// Answers everything this much later.
    pub(crate) fn with_round_trip(self, time: std::time::Duration) -> Self {
        *self.shared.round_trip.lock().unwrap() = time;
        self
    }

    /// The most requests that were waiting for an answer at the same time.
    pub(crate) fn most_in_flight(&self) -> u64 {
        self.shared.most_in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn log(&self) -> Vec<Seen> {
        self.shared.log.lock().unwrap().clone()
    }

    /// `GET /v2/…` for each request so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |seen: &Seen| format!("{} {}", seen.method, seen.path);
        self.log().iter().map(line).collect()
    }

    pub(crate) fn forget_log(&self) {
        self.shared.log.lock().unwrap().clear();
    }

    pub(crate) fn repository(&self) -> Repository {
        format!("{}/acme/app", self.host).parse().unwrap()
    }

    pub(crate) fn image(&self, tag: &str) -> ImageRef {
        format!("{}:{tag}", self.repository()).parse().unwrap()
    }

    pub(crate) fn pin(&self, digest: &Digest) -> PinnedRef {
        self.repository().pin(digest.clone())
    }

    pub(crate) fn put_blob(&self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(media_type, bytes);
        let key = descriptor.digest.to_string();
        let mut blobs = self.shared.blobs.lock().unwrap();
        blobs.insert(key, Bytes::copy_from_slice(bytes));
        descriptor
    }

    /// Stores a manifest under its digest, and under this tag.
    pub(crate) fn put_manifest(
        &self,
        media_type: &str,
        bytes: &[u8],
        tag: Option<&str>,
    ) -> Descriptor {
        let descriptor = Descriptor::of(media_type, bytes);
        let mut manifests = self.shared.manifests.lock().unwrap();
        for key in std::iter::once(descriptor.digest.to_string()).chain(tag.map(str::to_owned)) {
            let value = (media_type.to_owned(), Bytes::copy_from_slice(bytes));
            manifests.insert(key, value);
        }
        descriptor
    }

    pub(crate) fn manifest(&self, reference: &str) -> Option<Value> {
        let manifests = self.shared.manifests.lock().unwrap();
        let (_, bytes) = manifests.get(reference)?;
        Some(serde_json::from_slice(bytes).unwrap())
    }

    /// A small image with this tag.
    pub(crate) fn put_image(&self, tag: &str, platform: (&str, &str)) -> Descriptor {
        let config = json!({ "os": platform.0, "architecture": platform.1, "of": tag });
        let config = self.put_blob(media::OCI_CONFIG, config.to_string().as_bytes());
        let layer = self.put_blob(media::OCI_LAYER, &[0; 1024]);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_MANIFEST,
            "config": config,
            "layers": [layer],
        });
        self.put_manifest(
            media::OCI_MANIFEST,
            manifest.to_string().as_bytes(),
            Some(tag),
        )
    }

    /// A manifest with a bundle about this subject, as any writer would leave it.
    pub(crate) fn put_bundle(&self, subject: &Descriptor, bundle: &[u8]) -> Descriptor {
        let layer = self.put_blob(media::SIGSTORE_BUNDLE, bundle);
        self.put_artifact(subject, &[layer])
    }

    pub(crate) fn put_artifact(&self, subject: &Descriptor, layers: &[Descriptor]) -> Descriptor {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_MANIFEST,
            "artifactType": media::SIGSTORE_BUNDLE,
            "config": Descriptor::of(media::OCI_EMPTY, b"{}"),
            "layers": layers,
            "subject": {
                "mediaType": subject.media_type,
                "digest": subject.digest,
                "size": subject.size,
            },
        });
        self.put_manifest(media::OCI_MANIFEST, manifest.to_string().as_bytes(), None)
    }

    /// Writes the fallback tag with these entries.
    pub(crate) fn put_fallback(&self, subject: &Descriptor, entries: &[Descriptor]) {
        let index = index(entries);
        let tag = format!("sha256-{}", subject.digest.hex());
        self.put_manifest(media::OCI_INDEX, index.to_string().as_bytes(), Some(&tag));
    }
}

pub(crate) fn index(entries: &[Descriptor]) -> Value {
    json!({ "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": entries })
}

/// A client without credentials.
pub(crate) fn client() -> Client {
    client_with(CredentialStore::anonymous())
}

pub(crate) fn client_with(credentials: CredentialStore) -> Client {
    Client::new(ClientOptions {
        credentials,
        deadline: std::time::Duration::from_secs(30),
        ..ClientOptions::default()
    })
}

pub(crate) fn bundle_attachment(text: &str) -> Attachment {
    let created = Timestamp::from_second(1_700_000_000).unwrap();
    Attachment::sigstore_bundle(
        text.as_bytes().to_vec(),
        "https://slsa.dev/provenance/v1",
        created,
    )
}

/// An answer with these headers.
pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        let name = header::HeaderName::from_bytes(name.as_bytes()).unwrap();
        response
            .headers_mut()
            .append(name, HeaderValue::from_str(value).unwrap());
    }
    response
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let named = parts.headers.get(header::HOST);
    let host = match parts.uri.authority() {
        Some(authority) => authority.to_string(),
        None => named.map_or(String::new(), |host| host.to_str().unwrap().to_owned()),
    };
    let seen = Seen {
        host,
        version: parts.version,
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: axum::body::to_bytes(body, 64 << 20)
            .await
            .unwrap_or_default(),
    };
    shared.log.lock().unwrap().push(seen.clone());
    let now = shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
    shared.most_in_flight.fetch_max(now, Ordering::Relaxed);
    let round_trip = *shared.round_trip.lock().unwrap();
    tokio::time::sleep(round_trip).await;
    shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    let hooked = shared
        .hooks
        .lock()
        .unwrap()
        .iter()
        .find_map(|hook| hook(&seen));
    hooked.unwrap_or_else(|| shared.behave(&seen))
}

impl Shared {
    /// What a correct registry answers.
    fn behave(&self, seen: &Seen) -> Response {
        let Some(rest) = seen.path.strip_prefix("/v2/acme/app/") else {
            let known = seen.path == "/v2/";
            return reply(if known { 200 } else { 404 }, &[], "");
        };
        match rest.split_once('/') {
            Some(("manifests", reference)) if seen.method == Method::PUT => {
                self.store(seen, reference)
            }
            Some(("manifests", reference)) => self.read_manifest(reference),
            Some(("referrers", digest)) => self.referrers(digest),
            Some(("tags", _)) => self.tags(seen),
            Some(("blobs", rest)) => match rest.strip_prefix("uploads/") {
                Some(session) => self.upload(seen, session),
                None => self.read_blob(rest),
            },
            _ => reply(404, &[], ""),
        }
    }

    fn read_manifest(&self, reference: &str) -> Response {
        let manifests = self.manifests.lock().unwrap();
        let Some((media_type, bytes)) = manifests.get(reference) else {
            let body = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
            return reply(404, &[("content-type", "application/json")], body);
        };
        let digest = Digest::sha256_of(bytes).to_string();
        let etag = format!("\"{digest}\"");
        let headers = [
            ("content-type", media_type.as_str()),
            ("docker-content-digest", &digest),
            ("etag", &etag),
        ];
        reply(200, &headers, bytes.clone())
    }

    fn store(&self, seen: &Seen, reference: &str) -> Response {
        let digest = Digest::sha256_of(&seen.body);
        let mut manifests = self.manifests.lock().unwrap();
        if self.heeds_conditions.load(Ordering::Relaxed) {
            let current = manifests
                .get(reference)
                .map(|(_, bytes)| Digest::sha256_of(bytes));
            let etag = current.map(|digest| format!("\"{digest}\""));
            let wants = |name| {
                seen.headers
                    .get(name)
                    .map(|v| v.to_str().unwrap().to_owned())
            };
            let stale = wants(header::IF_MATCH).is_some_and(|want| Some(want) != etag);
            let taken = wants(header::IF_NONE_MATCH).is_some() && etag.is_some();
            if stale || taken {
                return reply(412, &[], "");
            }
        }
        let media_type = seen.headers[header::CONTENT_TYPE].to_str().unwrap();
        let value = (media_type.to_owned(), seen.body.clone());
        manifests.insert(digest.to_string(), value.clone());
        manifests.insert(reference.to_owned(), value);
        let digest = digest.to_string();
        let headers = [
            ("docker-content-digest", digest.as_str()),
            ("oci-subject", &digest),
        ];
        let count = 1 + usize::from(self.claims_subjects.load(Ordering::Relaxed));
        reply(201, &headers[..count], "")
    }

    fn referrers(&self, digest: &str) -> Response {
        if self.no_api.load(Ordering::Relaxed) {
            return reply(404, &[], "404 page not found");
        }
        let manifests = self.manifests.lock().unwrap();
        let about = |bytes: &Bytes| {
            let value: Value = serde_json::from_slice(bytes).ok()?;
            Some(value.pointer("/subject/digest")? == digest)
        };
        let by_digest = manifests
            .iter()
            .filter(|(key, _)| key.starts_with("sha256:"));
        let entries: Vec<_> = by_digest
            .filter(|(_, (_, bytes))| about(bytes) == Some(true))
            .map(|(_, (media_type, bytes))| Descriptor::of(media_type, bytes))
            .collect();
        reply(
            200,
            &[("content-type", media::OCI_INDEX)],
            index(&entries).to_string(),
        )
    }

    /// Pages of two, behind a cursor that means nothing to anybody else.
    fn tags(&self, seen: &Seen) -> Response {
        let manifests = self.manifests.lock().unwrap();
        let tags: Vec<_> = manifests.keys().filter(|key| !key.contains(':')).collect();
        let start: usize = match seen.query.strip_prefix("opaque=") {
            Some(cursor) => cursor.strip_suffix("%3D%26").unwrap().parse().unwrap(),
            None => 0,
        };
        let page = &tags[start..tags.len().min(start + 2)];
        let body = json!({ "name": "acme/app", "tags": page }).to_string();
        let link = format!("<?opaque={}%3D%26>; rel=\"next\"", start + 2);
        if start + 2 < tags.len() {
            return reply(200, &[("link", &link)], body);
        }
        reply(200, &[], body)
    }

    fn read_blob(&self, digest: &str) -> Response {
        match self.blobs.lock().unwrap().get(digest) {
            Some(bytes) => reply(200, &[], bytes.clone()),
            None => reply(404, &[], ""),
        }
    }

    /// POST, PATCH and PUT of an upload; the session's query has to come back unchanged.
    fn upload(&self, seen: &Seen, session: &str) -> Response {
        if seen.method == Method::POST {
            let id = self.sessions.fetch_add(1, Ordering::Relaxed);
            let location = format!("/v2/acme/app/blobs/uploads/{id}?_state=a%2Fb%3D");
            return reply(202, &[("location", &location)], "");
        }
        let Some(digest) = seen.query.strip_prefix("_state=a%2Fb%3D") else {
            return reply(400, &[], "the session's state is lost");
        };
        let mut uploads = self.uploads.lock().unwrap();
        let mut bytes = uploads.remove(session).unwrap_or_default().to_vec();
        bytes.extend_from_slice(&seen.body);
        if seen.method == Method::PATCH {
            uploads.insert(session.to_owned(), bytes.into());
            let location = format!("{session}?_state=a%2Fb%3D");
            return reply(202, &[("location", &location)], "");
        }
        let got = Digest::sha256_of(&bytes).to_string();
        if digest != format!("&digest={}", got.replace(':', "%3A")) {
            let body = r#"{"errors":[{"code":"DIGEST_INVALID","message":"digest invalid"}]}"#;
            return reply(400, &[], body);
        }
        self.blobs.lock().unwrap().insert(got, bytes.into());
        reply(201, &[], "")
    }
}
