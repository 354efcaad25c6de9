//! Manifests by tag and by digest, checked when pushed.

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use serde_json::Value;

use super::names::{has_digest, is_digest, is_tag};
use super::store::{Manifest, Repository, Store};
use super::{Call, DIGEST, error, hostile, redirect};
use crate::encode::oci_digest;
use crate::fault::Fault;
use crate::http::{empty, reply, set, with};
use crate::world::{World, lock};

/// Tags that one push by digest may set.
const MAX_TAGS: usize = 10;
const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");
const TYPES: [&str; 4] = [
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
];

pub(crate) fn read(world: &World, call: &Call, reference: &str) -> Response {
    let faults = &world.faults;
    if faults.on(Fault::RegistryRedirectLoop) {
        return redirect(&call.path);
    }
    let mut store = lock(&world.registry.store);
    let as_digest = reference.replacen("sha256-", "sha256:", 1);
    let is_gitlab = is_digest(&as_digest) && faults.on(Fault::RegistryTagIsDigest);
    let reference = if is_gitlab { &as_digest } else { reference };
    let Some((digest, manifest)) = find(world, &mut store, &call.repository, reference) else {
        return error(404, "MANIFEST_UNKNOWN", "manifest unknown to registry");
    };
    let listed_by_clients =
        reference.starts_with("sha256-") && manifest.media_type == hostile::INDEX;
    if listed_by_clients && call.method == Method::GET && !is_gitlab {
        let subject = reference.replacen('-', ":", 1);
        let mut index = manifest.body;
        if let Some(entries) = index["manifests"].as_array() {
            let name = &call.repository;
            let entries = hostile::entries(faults, &mut store, name, &subject, entries.clone());
            if index["manifests"].as_array() != Some(&entries) {
                index["manifests"] = entries.into();
                return hostile::list(faults, index.to_string());
            }
        }
    }
    drop(store);
    if faults.on(Fault::RegistryEncoded) {
        return hostile::encoded(&manifest.media_type);
    }
    let mut bytes = manifest.bytes;
    if faults.on(Fault::RegistryTruncated) {
        bytes = bytes.slice(..bytes.len() / 2);
    }
    if faults.on(Fault::RegistryWrongBytes) {
        // Still the same JSON.
        bytes = [&bytes[..], b"\n"].concat().into();
    }
    let length = bytes.len();
    let mut response = reply(200, &manifest.media_type, bytes);
    if world.registry.profile.etag {
        set(&mut response, header::ETAG, &format!("\"{digest}\""));
    }
    set(&mut response, DIGEST, &digest);
    if call.method == Method::HEAD {
        set(&mut response, header::CONTENT_LENGTH, &length.to_string());
        *response.body_mut() = Body::empty();
    }
    let lies = if call.method == Method::HEAD {
        Fault::RegistryLyingHead
    } else {
        Fault::RegistryLyingGet
    };
    if faults.on(lies) {
        set(&mut response, DIGEST, &oci_digest(b"something else"));
    }
    if faults.on(Fault::RegistryNoDigest) {
        response.headers_mut().remove(DIGEST);
        response.headers_mut().remove(header::ETAG);
    }
    response
}

fn find(
    world: &World,
    store: &mut Store,
    repository: &str,
    reference: &str,
) -> Option<(String, Manifest)> {
    let Store {
        repositories, made, ..
    } = store;
    let repository = repositories.get_mut(repository)?;
    let digest = if is_digest(reference) {
        reference.to_owned()
    } else {
        let tag = repository.tags.get_mut(reference)?;
        let flip = world.faults.on(Fault::RegistryTagFlip);
        let digest = if flip { tag.flip()? } else { tag.digest()? };
        let other = hostile::tagged(&world.faults, made, digest);
        other.unwrap_or_else(|| digest.to_owned())
    };
    let manifest = repository.manifests.get(&digest);
    let manifest = manifest.or_else(|| made.manifests.get(&digest))?.clone();
    Some((digest, manifest))
}

pub(crate) async fn push(world: &World, call: &Call, reference: &str, body: Body) -> Response {
    let Ok(bytes) = axum::body::to_bytes(body, world.registry.profile.max_manifest).await else {
        return error(413, "SIZE_INVALID", "the manifest is too large");
    };
    // A reference with a colon can only be meant as a digest.
    if reference.contains(':') && !has_digest(&bytes, reference) {
        return error(
            400,
            "DIGEST_INVALID",
            "the manifest does not match the digest",
        );
    }
    if !is_digest(reference) && !is_tag(reference) {
        return error(400, "TAG_INVALID", "the tag is malformed");
    }
    let digest = if is_digest(reference) {
        reference.to_owned()
    } else {
        oci_digest(&bytes)
    };
    let manifest = match parse(call, bytes) {
        Ok(manifest) => manifest,
        Err(message) => return error(400, "MANIFEST_INVALID", message),
    };
    let profile = world.registry.profile;
    if profile.plain_media_types && media_types(&manifest.body).any(|kind| kind.contains(';')) {
        return error(400, "MANIFEST_INVALID", "a media type has parameters");
    }
    let mut store = lock(&world.registry.store);
    if let Err((code, message)) = complete(&store, &call.repository, &manifest.body) {
        return error(404, code, &message);
    }
    let subject = manifest.subject().map(str::to_owned);
    let repository = store
        .repositories
        .entry(call.repository.clone())
        .or_default();
    if repository.tags.contains_key(reference) && world.faults.on(Fault::RegistryImmutableTags) {
        let message = format!("the tag {reference} is immutable and there already");
        return error(400, "TAG_INVALID", &message);
    }
    repository.add_manifest(&digest, manifest);
    let lost = world.faults.on(Fault::RegistryLostWrite) && repository.tags.contains_key(reference);
    if !is_digest(reference) && !lost {
        repository.tag(reference, &digest);
    }
    let tags = also_tags(call, reference);
    for tag in &tags {
        repository.tag(tag, &digest);
    }
    let mut response = created(
        &format!("/v2/{}/manifests/{digest}", call.repository),
        &digest,
    );
    if !profile.manifest_location {
        response.headers_mut().remove(header::LOCATION);
    }
    // Registries without the referrers API do not know `subject`; ECR sent the header regardless.
    let lies = profile.referrers.is_err() || world.faults.on(Fault::RegistryOciSubjectLie);
    let listed = profile.oci_subject && (world.registry.referrers_api() || lies);
    if let Some(subject) = subject.filter(|_| listed) {
        set(&mut response, OCI_SUBJECT, &subject);
    }
    for tag in tags
        .iter()
        .filter_map(|tag| HeaderValue::from_str(tag).ok())
    {
        response.headers_mut().append(OCI_TAG, tag);
    }
    response
}

/// Tags to set along with a push by digest, `?tag=a&tag=b` (distribution specification, 2026).
fn also_tags(call: &Call, reference: &str) -> Vec<String> {
    let pairs = url::form_urlencoded::parse(call.query.as_bytes());
    let tags = pairs.filter(|(name, tag)| name == "tag" && is_tag(tag) && is_digest(reference));
    tags.take(MAX_TAGS)
        .map(|(_, tag)| tag.into_owned())
        .collect()
}

/// A 201 for a manifest or blob.
pub(crate) fn created(location: &str, digest: &str) -> Response {
    with(with(empty(201), header::LOCATION, location), DIGEST, digest)
}

fn parse(call: &Call, bytes: Bytes) -> Result<Manifest, &'static str> {
    let body: Value = serde_json::from_slice(&bytes).map_err(|_| "the manifest is no JSON")?;
    let sent = call
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|sent| sent.split(';').next()).map(str::trim);
    let media_type = sent.ok_or("the manifest has no Content-Type")?;
    if !TYPES.contains(&media_type) {
        return Err("the manifest has an unknown media type");
    }
    if body["mediaType"]
        .as_str()
        .is_some_and(|own| own != media_type)
    {
        return Err("the manifest's mediaType is not its Content-Type");
    }
    if body["schemaVersion"] != 2 {
        return Err("the manifest has an unknown schemaVersion");
    }
    let media_type = media_type.to_owned();
    Ok(Manifest::new(bytes, media_type, body))
}

/// The media types of the config and the layers.
fn media_types(body: &Value) -> impl Iterator<Item = &str> {
    let layers = body["layers"].as_array().into_iter().flatten();
    let parts = layers.chain(body.get("config"));
    parts.filter_map(|part| part["mediaType"].as_str())
}

/// Everything the manifest names was pushed before it. A `subject` may be missing.
fn complete(store: &Store, repository: &str, body: &Value) -> Result<(), (&'static str, String)> {
    let layers = body["layers"].as_array().into_iter().flatten();
    // Layers that may not be redistributed lie elsewhere (image specification, "Non-Distributable
    // Layers").
    let elsewhere = |layer: &&Value| {
        let kind = layer["mediaType"].as_str().unwrap_or_default();
        kind.contains("nondistributable") || kind.contains(".foreign.")
    };
    let layers = layers.filter(|layer| !elsewhere(layer));
    for descriptor in layers.chain(body.get("config")) {
        let digest = descriptor["digest"].as_str().unwrap_or_default();
        if store.blob(repository, digest).is_none() {
            return Err(("MANIFEST_BLOB_UNKNOWN", format!("blob {digest} is unknown")));
        }
    }
    for child in body["manifests"].as_array().into_iter().flatten() {
        let digest = child["digest"].as_str().unwrap_or_default();
        let known = |repository: &Repository| repository.manifests.contains_key(digest);
        if !store.repositories.get(repository).is_some_and(known) {
            return Err(("MANIFEST_UNKNOWN", format!("manifest {digest} is unknown")));
        }
    }
    Ok(())
}

/// A tag loses its name, a digest its manifest and every tag on it.
pub(crate) fn delete(world: &World, call: &Call, reference: &str) -> Response {
    let mut store = lock(&world.registry.store);
    let gone = store
        .repositories
        .get_mut(&call.repository)
        .is_some_and(|repository| {
            if is_digest(reference) {
                repository
                    .tags
                    .retain(|_, tag| tag.digest() != Some(reference));
                repository.manifests.remove(reference).is_some()
            } else {
                repository.tags.remove(reference).is_some()
            }
        });
    if gone {
        empty(202)
    } else {
        error(404, "MANIFEST_UNKNOWN", "manifest unknown to registry")
    }
}
