//! Blobs: every way of the specification to upload one, and reading with ranges.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::response::Response;

use super::names::has_digest;
use super::store::Upload;
use super::{Call, DIGEST, auth, error, hostile, manifests, redirect};
use crate::encode::random;
use crate::fault::Fault;
use crate::http::{empty, param, reply, set, with};
use crate::world::{World, lock};

/// The largest blob.
const MAX_BLOB: usize = 1 << 30;
/// Uploads that are open at one time.
const MAX_UPLOADS: usize = 1_000;
const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");

pub(crate) fn read(world: &World, call: &Call, digest: &str) -> Response {
    if world.faults.on(Fault::RegistryRedirectLoop) {
        return redirect(&call.path);
    }
    let store = lock(&world.registry.store);
    let pushed = store.blob(&call.repository, digest);
    let Some(mut bytes) = pushed.or_else(|| store.made.blobs.get(digest).cloned()) else {
        return error(404, "BLOB_UNKNOWN", "blob unknown to registry");
    };
    drop(store);
    if world.faults.on(Fault::RegistryRedirectOtherHost) && !call.host_is_other(world) {
        return redirect(&format!("{}{}", world.other_host(), call.path));
    }
    if world.faults.on(Fault::RegistryWrongBlob) && !bytes.is_empty() {
        let mut wrong = bytes.to_vec();
        wrong[0] ^= 1;
        bytes = wrong.into();
    }
    let get = call.method == Method::GET;
    if get && world.faults.on(Fault::RegistryBlobEndless) {
        return reply(200, "application/octet-stream", hostile::endless());
    }
    if get && world.faults.on(Fault::RegistryTruncated) {
        bytes = bytes.slice(..bytes.len() / 2);
    }
    let length = bytes.len();
    let mut response = match range(&call.headers, length) {
        Some((first, last)) => {
            let part = reply(206, "application/octet-stream", bytes.slice(first..=last));
            with(
                part,
                header::CONTENT_RANGE,
                &format!("bytes {first}-{last}/{length}"),
            )
        }
        None => reply(200, "application/octet-stream", bytes),
    };
    set(&mut response, DIGEST, digest);
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    if call.method == Method::HEAD {
        set(&mut response, header::CONTENT_LENGTH, &length.to_string());
        *response.body_mut() = Body::empty();
    }
    response
}

/// One range `bytes=FIRST-[LAST]` inside the blob; other forms are answered with the whole.
fn range(headers: &HeaderMap, length: usize) -> Option<(usize, usize)> {
    let value = headers
        .get(header::RANGE)?
        .to_str()
        .ok()?
        .strip_prefix("bytes=")?;
    let (first, last) = value.split_once('-')?;
    let first = first.parse().ok()?;
    let end = length.checked_sub(1)?;
    let last = if last.is_empty() {
        end
    } else {
        last.parse().ok().map(|last: usize| last.min(end))?
    };
    (first <= last).then_some((first, last))
}

pub(crate) fn delete(world: &World, call: &Call, digest: &str) -> Response {
    let mut store = lock(&world.registry.store);
    let repository = store.repositories.get_mut(&call.repository);
    match repository.map(|repository| repository.blobs.remove(digest)) {
        Some(true) => empty(202),
        _ => error(404, "BLOB_UNKNOWN", "blob unknown to registry"),
    }
}

/// `POST …/blobs/uploads/`: mount, upload in one request, or begin a session.
pub(crate) async fn begin(world: &World, call: &Call, body: Body) -> Response {
    if let Some(response) = mount(world, call) {
        return response;
    }
    if let Some(digest) = param(&call.query, "digest") {
        return match collect(body, MAX_BLOB).await {
            Ok(bytes) => store(world, call, &digest, bytes),
            Err(response) => response,
        };
    }
    let session = hex::encode(random::<16>());
    let mut locked = lock(&world.registry.store);
    if locked.uploads.len() >= MAX_UPLOADS {
        return error(429, "TOOMANYREQUESTS", "too many uploads are open");
    }
    let upload = Upload {
        repository: call.repository.clone(),
        bytes: Vec::new(),
    };
    locked.uploads.insert(session.clone(), upload);
    progress(world, call, &session, 0, 202)
}

/// A blob that another repository has, without its bytes; otherwise the upload begins.
fn mount(world: &World, call: &Call) -> Option<Response> {
    if !world.registry.profile.mounts {
        return None;
    }
    let (digest, from) = (param(&call.query, "mount")?, param(&call.query, "from")?);
    // A token without pull on the source mounts nothing; the client then sends the bytes.
    if !auth::may(world, &call.headers, &from, "pull") {
        return None;
    }
    let mut store = lock(&world.registry.store);
    let bytes = store.blob(&from, &digest)?;
    store.add_blob(&call.repository, &digest, bytes);
    Some(created(&call.repository, &digest))
}

/// `PATCH`: the next bytes of a session.
pub(crate) async fn append(world: &World, call: &Call, session: &str, body: Body) -> Response {
    let Some(held) = held(world, call, session) else {
        return no_upload();
    };
    if !continues(&call.headers, held) || too_long(world, &call.headers) {
        return progress(world, call, session, held, 416);
    }
    let bytes = match collect(body, MAX_BLOB - held.min(MAX_BLOB)).await {
        Ok(bytes) => bytes,
        Err(response) => return response,
    };
    let mut store = lock(&world.registry.store);
    let Some(upload) = store.uploads.get_mut(session) else {
        return no_upload();
    };
    upload.bytes.extend_from_slice(&bytes);
    let length = upload.bytes.len();
    progress(world, call, session, length, 202)
}

/// Whether this is a chunk, which it is by `Content-Range`, and larger than the registry takes.
fn too_long(world: &World, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    let limit = world.registry.profile.max_chunk;
    headers.contains_key(header::CONTENT_RANGE) && limit.is_some_and(|limit| length > Some(limit))
}

/// Whether a chunk begins where the session ends; one without `Content-Range` always does.
fn continues(headers: &HeaderMap, held: usize) -> bool {
    let Some(range) = headers.get(header::CONTENT_RANGE) else {
        return true;
    };
    let first = range
        .to_str()
        .ok()
        .and_then(|range| range.split('-').next());
    first.and_then(|first| first.parse().ok()) == Some(held)
}

/// `PUT …?digest=`: the last bytes, if any; then the digest must fit.
pub(crate) async fn finish(world: &World, call: &Call, session: &str, body: Body) -> Response {
    let Some(digest) = param(&call.query, "digest") else {
        return error(400, "DIGEST_INVALID", "the digest is missing");
    };
    let Some(held) = held(world, call, session) else {
        return no_upload();
    };
    if !continues(&call.headers, held) || too_long(world, &call.headers) {
        return progress(world, call, session, held, 416);
    }
    let last = match collect(body, MAX_BLOB - held.min(MAX_BLOB)).await {
        Ok(bytes) => bytes,
        Err(response) => return response,
    };
    let Some(upload) = lock(&world.registry.store).uploads.remove(session) else {
        return no_upload();
    };
    let bytes = if upload.bytes.is_empty() {
        last
    } else {
        let mut bytes = upload.bytes;
        bytes.extend_from_slice(&last);
        bytes.into()
    };
    store(world, call, &digest, bytes)
}

fn store(world: &World, call: &Call, digest: &str, bytes: Bytes) -> Response {
    if !has_digest(&bytes, digest) {
        return error(
            400,
            "DIGEST_INVALID",
            "the content does not match the digest",
        );
    }
    lock(&world.registry.store).add_blob(&call.repository, digest, bytes);
    created(&call.repository, digest)
}

fn created(repository: &str, digest: &str) -> Response {
    manifests::created(&format!("/v2/{repository}/blobs/{digest}"), digest)
}

/// `GET` of a session: how far it is.
pub(crate) fn status(world: &World, call: &Call, session: &str) -> Response {
    match held(world, call, session) {
        Some(length) => progress(world, call, session, length, 204),
        None => no_upload(),
    }
}

pub(crate) fn cancel(world: &World, call: &Call, session: &str) -> Response {
    match held(world, call, session) {
        Some(_) => {
            lock(&world.registry.store).uploads.remove(session);
            empty(204)
        }
        None => no_upload(),
    }
}

/// The bytes a session of this repository has so far.
fn held(world: &World, call: &Call, session: &str) -> Option<usize> {
    let state = format!("_state={}", state(session));
    if world.registry.profile.stateful_uploads && !call.query.contains(&state) {
        return None;
    }
    let store = lock(&world.registry.store);
    let upload = store.uploads.get(session)?;
    (upload.repository == call.repository).then_some(upload.bytes.len())
}

fn progress(world: &World, call: &Call, session: &str, length: usize, status: u16) -> Response {
    let mut location = format!("/v2/{}/blobs/uploads/{session}", call.repository);
    if world.registry.profile.stateful_uploads {
        // By the name the client came by: another one would be another host.
        let host = call
            .headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let host = host.unwrap_or_default();
        location = format!("http://{host}{location}?_state={}", state(session));
    }
    if world.faults.on(Fault::RegistryLocationOtherHost) {
        location = world.other_host() + &location;
    }
    let mut response = with(empty(status), header::LOCATION, &location);
    // The specification writes the range of an empty upload as 0-0, like one of one byte.
    set(
        &mut response,
        header::RANGE,
        &format!("0-{}", length.saturating_sub(1)),
    );
    set(&mut response, UPLOAD_ID, session);
    response
}

/// What has to come back with the next request of the session.
fn state(session: &str) -> String {
    format!("{session}%2B%3D")
}

fn no_upload() -> Response {
    error(
        404,
        "BLOB_UPLOAD_UNKNOWN",
        "blob upload unknown to registry",
    )
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, Response> {
    let bytes = axum::body::to_bytes(body, limit).await;
    bytes.map_err(|_| error(413, "SIZE_INVALID", "the body is too large or ended early"))
}
