//! What a hostile registry lists and serves in place of what was pushed.
//!
//! Nothing here touches the store's own content: what is made up is kept apart from it, under the
//! digest it really has, and is gone when the fault is.

use std::collections::HashMap;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::Response;
use futures_util::stream;
use serde_json::{Value, json};

use super::store::{Manifest, Store};
use crate::encode::oci_digest;
use crate::fault::{Fault, Faults};
use crate::http::{reply, with};

pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";
const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";
const SBOM: &str = "https://cyclonedx.org/bom";
const TERABYTE: u64 = 1 << 40;
/// How often each referrer is listed while the registry repeats itself.
const REPEATS: usize = 1_500;
const FLOOD: usize = 100_000;
const SPAM: usize = 500;
const LAYERS: usize = 10_000;
const DEPTH: usize = 100_000;
const NESTED: usize = 100;
/// What a bomb holds, in members of 1 MiB.
const BOMB: usize = 1_024;
/// Made-up documents remembered; beyond that all earlier ones are forgotten.
const MAX_MADE: usize = 20_000;

/// Manifests and blobs that nobody pushed, by digest.
#[derive(Default)]
pub(super) struct Made {
    pub(super) manifests: HashMap<String, Manifest>,
    pub(super) blobs: HashMap<String, Bytes>,
}

impl Made {
    /// Keeps a manifest; returns its descriptor with the artifact type and annotations it has.
    fn manifest(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        if self.manifests.len() >= MAX_MADE {
            self.manifests.clear();
        }
        let digest = oci_digest(&bytes);
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        let manifest = Manifest::new(bytes.into(), media_type.to_owned(), body);
        let descriptor = descriptor(&digest, &manifest);
        self.manifests.insert(digest, manifest);
        descriptor
    }

    fn blob(&mut self, bytes: Vec<u8>) -> String {
        if self.blobs.len() >= MAX_MADE {
            self.blobs.clear();
        }
        let digest = oci_digest(&bytes);
        self.blobs.insert(digest.clone(), bytes.into());
        digest
    }
}

pub(super) fn descriptor(digest: &str, manifest: &Manifest) -> Value {
    let mut descriptor = json!({
        "mediaType": manifest.media_type, "digest": digest, "size": manifest.bytes.len(),
    });
    if let Some(artifact_type) = manifest.artifact_type() {
        descriptor["artifactType"] = artifact_type.into();
    }
    if let Some(annotations) = manifest.body.get("annotations") {
        descriptor["annotations"] = annotations.clone();
    }
    descriptor
}

/// The entries of a referrers list, from the API or the fallback tag, as the faults have them.
pub(super) fn entries(
    faults: &Faults,
    store: &mut Store,
    repository: &str,
    subject: &str,
    entries: Vec<Value>,
) -> Vec<Value> {
    if faults.on(Fault::RegistryReferrersStale) {
        return Vec::new();
    }
    let mut entries: Vec<Value> = disguise(faults, store, repository, entries);
    let garbage = |store: &mut Store, number| garbage(&mut store.made, subject, number);
    if faults.on(Fault::RegistryGarbage) {
        entries = vec![garbage(store, 0)];
    }
    if faults.on(Fault::RegistryGarbageBeside) {
        entries.insert(0, garbage(store, 0));
    }
    if faults.on(Fault::RegistrySpam) {
        let spam: Vec<_> = (0..SPAM).map(|number| garbage(store, number)).collect();
        entries.splice(0..0, spam);
    }
    if faults.on(Fault::RegistryReferrersFlood) {
        entries.splice(0..0, (0..FLOOD).map(nowhere));
    }
    if faults.on(Fault::RegistryReferrersDuplicates) {
        let repeat = |entry: &Value| std::iter::repeat_n(entry.clone(), REPEATS);
        entries = entries.iter().flat_map(repeat).collect();
    }
    let no_types = faults.on(Fault::RegistryListNoTypes);
    let large = faults.on(Fault::RegistryListSizeLarge).then_some(TERABYTE);
    let size = large.or(faults.on(Fault::RegistryListSizeSmall).then_some(1));
    for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
        if no_types {
            entry.insert("artifactType".to_owned(), EMPTY.into());
            entry.remove("annotations");
        }
        if let Some(size) = size {
            entry.insert("size".to_owned(), size.into());
        }
    }
    entries
}

/// The entries with other manifests in place of their own. Each of these has the digest by which
/// it is listed, so only its content gives it away.
fn disguise(
    faults: &Faults,
    store: &mut Store,
    repository: &str,
    entries: Vec<Value>,
) -> Vec<Value> {
    let made: Vec<_> = DISGUISES
        .iter()
        .filter(|(fault, _)| faults.on(*fault))
        .collect();
    entries
        .into_iter()
        .map(|entry| {
            made.iter().fold(entry, |entry, (_, change)| {
                let digest = entry["digest"].as_str().unwrap_or_default();
                let repository = store.repositories.get(repository);
                let pushed = repository.and_then(|repository| repository.manifests.get(digest));
                let Some(manifest) = pushed.or_else(|| store.made.manifests.get(digest)) else {
                    return entry;
                };
                let (media_type, body) = (manifest.media_type.clone(), manifest.body.clone());
                let bytes = change(body, &mut store.made);
                store.made.manifest(&media_type, bytes)
            })
        })
        .collect()
}

type Change = fn(Value, &mut Made) -> Vec<u8>;

const DISGUISES: &[(Fault, Change)] = &[
    (Fault::RegistryAnnotationLies, |mut body, _| {
        let said = body["annotations"][PREDICATE_TYPE].as_str();
        let lie = if said == Some(SIGNATURE) {
            SBOM
        } else {
            SIGNATURE
        };
        body["annotations"][PREDICATE_TYPE] = lie.into();
        bytes(&body)
    }),
    (Fault::RegistryBundleBomb, |mut body, made| {
        let bomb = bomb();
        body["layers"][0]["size"] = bomb.len().into();
        body["layers"][0]["digest"] = made.blob(bomb).into();
        bytes(&body)
    }),
    (Fault::RegistryBundleHuge, |mut body, _| {
        body["layers"][0]["size"] = TERABYTE.into();
        bytes(&body)
    }),
    (Fault::RegistryBundleShort, |mut body, _| {
        body["layers"][0]["size"] = 10.into();
        bytes(&body)
    }),
    (Fault::RegistryForeignSubject, |mut body, _| {
        body["subject"]["digest"] = oci_digest(b"another image").into();
        bytes(&body)
    }),
    (Fault::RegistryManifestDeep, |body, _| {
        with_field(&body, &format!("\"deep\":{}", nest()))
    }),
    (Fault::RegistryManifestKeysTwice, |body, _| {
        with_field(&body, "\"layers\":[]")
    }),
    (Fault::RegistryManifestLayers, |mut body, _| {
        let layer = body["layers"][0].clone();
        body["layers"] = vec![layer; LAYERS].into();
        bytes(&body)
    }),
    (Fault::RegistryManifestOdd, |mut body, _| {
        body["artifactType"] = "application/vnd.palisade.lab.odd".into();
        for layer in body["layers"].as_array_mut().into_iter().flatten() {
            layer["mediaType"] = "application/octet-stream".into();
        }
        bytes(&body)
    }),
];

fn bytes(body: &Value) -> Vec<u8> {
    body.to_string().into_bytes()
}

/// The document with one more field before its own.
fn with_field(body: &Value, field: &str) -> Vec<u8> {
    body.to_string()
        .replacen('{', &format!("{{{field},"), 1)
        .into_bytes()
}

fn nest() -> String {
    format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH))
}

/// A manifest about `subject` whose bundle is none.
fn garbage(made: &mut Made, subject: &str, number: usize) -> Value {
    let layer = format!("garbage {number}").into_bytes();
    let size = layer.len();
    let layer = json!({"mediaType": BUNDLE, "digest": made.blob(layer), "size": size});
    let config = json!({"mediaType": EMPTY, "digest": made.blob(b"{}".to_vec()), "size": 2});
    let body = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": BUNDLE, "config": config,
        "layers": [layer], "annotations": {PREDICATE_TYPE: SIGNATURE},
        "subject": {"mediaType": MANIFEST, "digest": subject, "size": 1},
    });
    made.manifest(MANIFEST, bytes(&body))
}

/// The descriptor of a manifest that is not there.
fn nowhere(number: usize) -> Value {
    let digest = format!("sha256:{number:064x}");
    json!({"mediaType": MANIFEST, "digest": digest, "size": 600, "artifactType": BUNDLE})
}

/// The text of a list, as the faults have it.
pub(super) fn list(faults: &Faults, text: String) -> Response {
    if faults.on(Fault::RegistryListBomb) {
        return encoded(INDEX);
    }
    let text = if faults.on(Fault::RegistryListDeep) {
        text.replacen('{', &format!("{{\"deep\":{},", nest()), 1)
    } else if faults.on(Fault::RegistryListKeysTwice) {
        text.replacen('{', "{\"manifests\":[],", 1)
    } else {
        text
    };
    reply(200, INDEX, text)
}

/// A digest that a tag names instead of its own, if a fault has it so.
pub(super) fn tagged(faults: &Faults, made: &mut Made, digest: &str) -> Option<String> {
    if faults.on(Fault::RegistryCyclicIndex) {
        // No index can list itself: `other` is not the digest of what is served under it.
        let other = oci_digest(b"the other index of the cycle");
        let first = made.manifest(INDEX, index(INDEX, &other));
        let first = first["digest"].as_str()?.to_owned();
        let bytes = index(INDEX, &first);
        let manifest = Manifest::new(bytes.into(), INDEX.to_owned(), Value::Null);
        made.manifests.insert(other, manifest);
        return Some(first);
    }
    if faults.on(Fault::RegistryNestedIndex) {
        let mut inner = (MANIFEST, digest.to_owned());
        for _ in 0..NESTED {
            let outer = made.manifest(INDEX, index(inner.0, &inner.1));
            inner = (INDEX, outer["digest"].as_str()?.to_owned());
        }
        return Some(inner.1);
    }
    None
}

fn index(media_type: &str, digest: &str) -> Vec<u8> {
    let entry = json!({"mediaType": media_type, "digest": digest, "size": 300});
    bytes(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}))
}

/// A small answer that decodes to 1 GiB.
pub(super) fn encoded(content_type: &str) -> Response {
    with(
        reply(200, content_type, bomb()),
        header::CONTENT_ENCODING,
        "gzip",
    )
}

/// One gzip member holds 1 MiB of spaces; RFC 1952 lets members follow one another.
fn bomb() -> Vec<u8> {
    use std::io::Write as _;
    let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    member
        .write_all(&vec![b' '; 1 << 20])
        .and_then(|()| member.try_finish())
        .expect("memory takes every write");
    member.get_ref().repeat(BOMB)
}

/// A body that never ends.
pub(super) fn endless() -> Body {
    let piece = Bytes::from(vec![b' '; 1 << 16]);
    Body::from_stream(stream::repeat_with(move || {
        Ok::<_, std::io::Error>(piece.clone())
    }))
}
