//! What cosign stored before bundles: converted into a bundle, so that there is one verifier, and
//! back, for those who still read it.
//!
//! Nothing here verifies. A `.sig` tag holds layers of *simple signing* payloads, a `.att` tag
//! layers of DSSE envelopes; certificate, log entry and timestamp stand in annotations.

mod layer;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_types::Digest;
use palisade_types::json::parse_strict;
use serde_json::{Map, Value, json};

use crate::bundle::{Bundle, BundleError};

pub use layer::{LegacyLayer, attestation_layer, signature_layer};

/// The media type of a layer with a simple signing payload.
pub const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The media type of a layer with an envelope.
pub const DSSE_ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";

/// The largest simple signing payload we read, in bytes.
pub const MAX_PAYLOAD: usize = 1 << 20;

/// `critical.type` of a payload that signs an image.
const SIGNATURE_TYPE: &str = "cosign container image signature";
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle+json;version=0.1";

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const LOG_ENTRY: &str = "dev.sigstore.cosign/bundle";
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// Why something of cosign's older formats cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LegacyError {
    /// A part is missing or is not what the format says.
    #[error("the legacy signature's `{0}` is missing or malformed")]
    Part(&'static str),
    /// The payload signs something else than an image.
    #[error("the payload is a `{0}`, not a `{SIGNATURE_TYPE}`")]
    Type(String),
    /// The converted parts are no bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

/// A simple signing payload: which image its signature is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimpleSigning {
    /// `critical.image.docker-manifest-digest`: the image's digest.
    pub image: Digest,
    /// `critical.identity.docker-reference`: where the signer saw it. Binds nothing.
    pub reference: String,
}

impl SimpleSigning {
    /// The payload, as cosign writes it.
    pub fn to_json(&self) -> Vec<u8> {
        let payload = json!({
            "critical": {
                "identity": {"docker-reference": self.reference},
                "image": {"docker-manifest-digest": self.image},
                "type": SIGNATURE_TYPE,
            },
            "optional": null,
        });
        payload.to_string().into_bytes()
    }

    /// Reads a payload; `critical.type` must be cosign's.
    pub fn parse(payload: &[u8]) -> Result<Self, LegacyError> {
        if payload.len() > MAX_PAYLOAD {
            return Err(LegacyError::Part("payload"));
        }
        // Strict, so that no second `docker-manifest-digest` is read by somebody else.
        let value = parse_strict(payload).map_err(|_| LegacyError::Part("payload"))?;
        let text = |pointer: &str, name| {
            let found = value.pointer(pointer).and_then(Value::as_str);
            found.ok_or(LegacyError::Part(name))
        };
        let kind = text("/critical/type", "critical.type")?;
        if kind != SIGNATURE_TYPE {
            return Err(LegacyError::Type(kind.to_owned()));
        }
        let image = "critical.image.docker-manifest-digest";
        Ok(Self {
            image: text("/critical/image/docker-manifest-digest", image)?
                .parse()
                .map_err(|_| LegacyError::Part(image))?,
            reference: text(
                "/critical/identity/docker-reference",
                "critical.identity.docker-reference",
            )
            .unwrap_or_default()
            .to_owned(),
        })
    }
}

/// The bundle that says what a layer of a `.sig` tag says: its payload and its annotations. What
/// it signs are the payload's bytes; [`SimpleSigning::parse`] tells which image they mean.
pub fn signature_bundle(
    payload: &[u8],
    annotations: &BTreeMap<String, String>,
) -> Result<Bundle, LegacyError> {
    let signature = annotations
        .get(SIGNATURE)
        .filter(|signature| !signature.is_empty())
        .ok_or(LegacyError::Part(SIGNATURE))?;
    let content = json!({
        "messageDigest": {
            "algorithm": "SHA2_256",
            "digest": STANDARD.encode(Digest::sha256_of(payload).bytes()),
        },
        "signature": signature,
    });
    bundle(annotations, "messageSignature", &content)
}

/// The bundle that says what a layer of a `.att` tag says: its envelope and its annotations.
pub fn attestation_bundle(
    envelope: &[u8],
    annotations: &BTreeMap<String, String>,
) -> Result<Bundle, LegacyError> {
    let envelope = parse_strict(envelope).map_err(|_| LegacyError::Part("envelope"))?;
    if !envelope.is_object() {
        return Err(LegacyError::Part("envelope"));
    }
    bundle(annotations, "dsseEnvelope", &envelope)
}

/// What is demanded of a legacy blob bundle's `cert`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobSigner {
    /// The certificate that names the signer: a public key in its place is an error.
    Certificate,
    /// Whatever: a key that the caller has decides. cosign wrote the signing key into `cert` when
    /// it signed with one, and that key is not looked at (GHSA-fx35: it outranked the caller's).
    Key,
}

/// Whether this is cosign's bundle about a file, as `sign-blob --bundle` wrote it before version 3:
/// an object with `base64Signature`, and no `mediaType` as bundles of Sigstore have.
pub fn is_blob_bundle(bytes: &[u8]) -> bool {
    parse_strict(bytes).is_ok_and(|value| {
        value.get("base64Signature").is_some() && value.get("mediaType").is_none()
    })
}

/// The bundle that says what cosign's `{base64Signature, cert, rekorBundle}` says about a file
/// with this SHA-256. The format names no file: whose signature it is decides verification.
pub fn blob_bundle(bytes: &[u8], file: &Digest, signer: BlobSigner) -> Result<Bundle, LegacyError> {
    let value = parse_strict(bytes).map_err(|_| LegacyError::Part("bundle"))?;
    let signature = string(&value, "/base64Signature", "base64Signature")?;
    let mut annotations = BTreeMap::new();
    match value.get("cert") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) if text.is_empty() => {}
        Some(Value::String(text)) => {
            let pem = STANDARD
                .decode(text)
                .ok()
                .and_then(|pem| String::from_utf8(pem).ok())
                .ok_or(LegacyError::Part("cert"))?;
            match (certificate(&pem), signer) {
                (Ok(_), _) => {
                    annotations.insert(CERTIFICATE.to_owned(), pem);
                }
                // Its own name: the annotation's would send the reader to a registry.
                (Err(_), BlobSigner::Certificate) => return Err(LegacyError::Part("cert")),
                (Err(_), BlobSigner::Key) => {}
            }
        }
        Some(_) => return Err(LegacyError::Part("cert")),
    }
    match value.get("rekorBundle") {
        None | Some(Value::Null) => {}
        Some(entry) => {
            annotations.insert(LOG_ENTRY.to_owned(), entry.to_string());
        }
    }
    let content = json!({
        "messageDigest": {
            "algorithm": "SHA2_256",
            "digest": STANDARD.encode(file.bytes()),
        },
        "signature": signature,
    });
    bundle(&annotations, "messageSignature", &content)
}

fn bundle(
    annotations: &BTreeMap<String, String>,
    name: &str,
    content: &Value,
) -> Result<Bundle, LegacyError> {
    let present = |name: &str| annotations.get(name).filter(|text| !text.is_empty());
    let mut material = Map::new();
    // The chain beside the certificate is the signer's word and is left out: verification builds
    // the chain from the trust root.
    match present(CERTIFICATE) {
        Some(pem) => {
            let chain = json!({"certificates": [{"rawBytes": certificate(pem)?}]});
            material.insert("x509CertificateChain".to_owned(), chain);
        }
        None => {
            material.insert("publicKey".to_owned(), json!({"hint": ""}));
        }
    }
    let entries = present(LOG_ENTRY).map(|text| log_entry(text)).transpose()?;
    let entries: Vec<Value> = entries.into_iter().collect();
    material.insert("tlogEntries".to_owned(), json!(entries));
    if let Some(text) = present(TIMESTAMP).filter(|text| *text != "null") {
        let value = strict(text, TIMESTAMP)?;
        let timestamp = string(&value, "/SignedRFC3161Timestamp", TIMESTAMP)?;
        let timestamps = json!({"rfc3161Timestamps": [{"signedTimestamp": timestamp}]});
        material.insert("timestampVerificationData".to_owned(), timestamps);
    }
    let bundle = json!({
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": material,
        name: content,
    });
    Ok(Bundle::parse(bundle.to_string().as_bytes())?.converted())
}

/// The base64 inside a PEM block `CERTIFICATE`, and nothing else: a bare public key in its place
/// would be a signer that nobody issued (GHSA-fx35).
fn certificate(pem: &str) -> Result<String, LegacyError> {
    let body = pem
        .trim()
        .strip_prefix("-----BEGIN CERTIFICATE-----")
        .and_then(|rest| rest.strip_suffix("-----END CERTIFICATE-----"))
        .filter(|body| !body.contains('-'))
        .ok_or(LegacyError::Part(CERTIFICATE))?;
    let base64: String = body.split_ascii_whitespace().collect();
    STANDARD
        .decode(&base64)
        .map_err(|_| LegacyError::Part(CERTIFICATE))?;
    Ok(base64)
}

/// cosign's `bundle` annotation: the log's promise, and what it promises.
fn log_entry(text: &str) -> Result<Value, LegacyError> {
    let value = strict(text, LOG_ENTRY)?;
    let number = |pointer: &str| {
        let found = value.pointer(pointer).and_then(Value::as_u64);
        found.ok_or(LegacyError::Part(LOG_ENTRY))
    };
    let body = string(&value, "/Payload/body", LOG_ENTRY)?;
    let decoded = STANDARD
        .decode(body)
        .map_err(|_| LegacyError::Part(LOG_ENTRY))?;
    let inner = parse_strict(&decoded).map_err(|_| LegacyError::Part(LOG_ENTRY))?;
    let log = hex::decode(string(&value, "/Payload/logID", LOG_ENTRY)?)
        .map_err(|_| LegacyError::Part(LOG_ENTRY))?;
    Ok(json!({
        "logIndex": number("/Payload/logIndex")?.to_string(),
        "logId": {"keyId": STANDARD.encode(log)},
        "kindVersion": {
            "kind": string(&inner, "/kind", LOG_ENTRY)?,
            "version": string(&inner, "/apiVersion", LOG_ENTRY)?,
        },
        "integratedTime": number("/Payload/integratedTime")?.to_string(),
        "inclusionPromise": {
            "signedEntryTimestamp": string(&value, "/SignedEntryTimestamp", LOG_ENTRY)?,
        },
        "canonicalizedBody": body,
    }))
}

fn strict(text: &str, name: &'static str) -> Result<Value, LegacyError> {
    parse_strict(text.as_bytes()).map_err(|_| LegacyError::Part(name))
}

fn string<'a>(value: &'a Value, pointer: &str, name: &'static str) -> Result<&'a str, LegacyError> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.ok_or(LegacyError::Part(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{Content, MediaType};

    const PAYLOAD: &[u8] =
        include_bytes!("../../../fixtures/sigstore-faults/keyed/legacy-sig-payload.json");

    fn recorded() -> Value {
        let bundle = include_bytes!(
            "../../../fixtures/sigstore-faults/keyed/legacy-sig-converted-v0.1.json"
        );
        serde_json::from_slice(bundle).expect("JSON")
    }

    /// The annotations that cosign wrote, out of the bundle they were converted into.
    fn annotations() -> BTreeMap<String, String> {
        let bundle = recorded();
        let text = |pointer: &str| {
            bundle
                .pointer(pointer)
                .and_then(Value::as_str)
                .expect("text")
        };
        let entry = "/verificationMaterial/tlogEntries/0";
        let certificate =
            text("/verificationMaterial/x509CertificateChain/certificates/0/rawBytes");
        let log = STANDARD
            .decode(text(&format!("{entry}/logId/keyId")))
            .expect("base64");
        let number = |name| {
            text(&format!("{entry}/{name}"))
                .parse::<u64>()
                .expect("a number")
        };
        let promise = json!({
            "SignedEntryTimestamp":
                text(&format!("{entry}/inclusionPromise/signedEntryTimestamp")),
            "Payload": {
                "body": text(&format!("{entry}/canonicalizedBody")),
                "integratedTime": number("integratedTime"),
                "logIndex": number("logIndex"),
                "logID": hex::encode(log),
            },
        });
        let pem =
            format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n");
        [
            (SIGNATURE, text("/messageSignature/signature").to_owned()),
            (CERTIFICATE, pem),
            ("dev.sigstore.cosign/chain", String::new()),
            (LOG_ENTRY, promise.to_string()),
        ]
        .map(|(name, text)| (name.to_owned(), text))
        .into()
    }

    #[test]
    fn a_recorded_signature_converts_into_the_bundle_that_verifies() {
        let bundle = signature_bundle(PAYLOAD, &annotations()).expect("a bundle");
        let value: Value = serde_json::from_slice(bundle.bytes()).expect("JSON");
        assert_eq!(value, recorded());
        assert_eq!(bundle.media_type(), MediaType::V0_1);
        assert_eq!(*bundle.claimed(), Content::MessageSignature);
    }

    /// Attack: `bind_legacy_cert_is_key`.
    #[test]
    fn a_public_key_in_place_of_the_certificate_is_refused() {
        let mut key = annotations();
        let pem = include_str!("../../../fixtures/sigstore-faults/keyed/ecdsa-p256.pub");
        key.insert(CERTIFICATE.to_owned(), pem.to_owned());
        let error = signature_bundle(PAYLOAD, &key).expect_err("a key");
        assert!(matches!(error, LegacyError::Part(CERTIFICATE)), "{error}");
    }

    /// Attack: `bind_legacy_cert_is_key`. GHSA-fx35.
    #[test]
    fn a_blob_bundle_converts_and_a_key_in_place_of_its_certificate_is_none() {
        let keyless = include_bytes!("../../../fixtures/cosign-legacy/blob-keyless.json");
        let keyed = include_bytes!("../../../fixtures/cosign-legacy/blob-key.json");
        let file = Digest::sha256_of(include_bytes!("../../../fixtures/cosign-legacy/blob"));
        assert!(is_blob_bundle(keyless) && is_blob_bundle(keyed));
        assert!(!is_blob_bundle(recorded().to_string().as_bytes()));
        assert!(!is_blob_bundle(b"[]"));
        let bundle = blob_bundle(keyless, &file, BlobSigner::Certificate).expect("a bundle");
        let value: Value = serde_json::from_slice(bundle.bytes()).expect("JSON");
        assert!(value["verificationMaterial"]["x509CertificateChain"].is_object());
        assert_eq!(bundle.media_type(), MediaType::V0_1);
        let error = blob_bundle(keyed, &file, BlobSigner::Certificate).expect_err("a key");
        assert!(matches!(error, LegacyError::Part("cert")), "{error}");
        let bundle = blob_bundle(keyed, &file, BlobSigner::Key).expect("a bundle");
        let value: Value = serde_json::from_slice(bundle.bytes()).expect("JSON");
        assert_eq!(value["verificationMaterial"]["publicKey"]["hint"], "");
        for broken in [
            "{}",
            "{\"base64Signature\":1}",
            "{\"base64Signature\":\"x\",\"cert\":1}",
        ] {
            assert!(
                blob_bundle(broken.as_bytes(), &file, BlobSigner::Key).is_err(),
                "{broken}"
            );
        }
    }

    #[test]
    fn a_missing_signature_and_a_broken_log_entry_are_errors_and_not_skipped() {
        let mut unsigned = annotations();
        unsigned.insert(SIGNATURE.to_owned(), String::new());
        assert!(signature_bundle(PAYLOAD, &unsigned).is_err());
        let mut broken = annotations();
        broken.insert(LOG_ENTRY.to_owned(), "{}".to_owned());
        assert!(signature_bundle(PAYLOAD, &broken).is_err());
    }

    #[test]
    fn a_payload_that_is_written_again_is_the_same() {
        let payload = SimpleSigning::parse(PAYLOAD).expect("a payload");
        assert_eq!(payload.to_json(), PAYLOAD);
    }

    #[test]
    fn a_payload_names_one_image_and_says_that_it_signs_it() {
        let payload = SimpleSigning::parse(PAYLOAD).expect("a payload");
        assert!(payload.image.hex().starts_with("4d7d2c7c50b3dac3"));
        let text = String::from_utf8(PAYLOAD.to_vec()).expect("text");
        let other = text.replace(SIGNATURE_TYPE, "atomic container signature");
        assert!(matches!(
            SimpleSigning::parse(other.as_bytes()),
            Err(LegacyError::Type(_))
        ));
        let twice = text.replacen("\"critical\":{", "\"critical\":{\"type\":\"x\",", 1);
        assert!(SimpleSigning::parse(twice.as_bytes()).is_err());
        let digest = payload.image.to_string();
        let none = text.replace(&digest, "sha256:00");
        assert!(SimpleSigning::parse(none.as_bytes()).is_err());
    }
}
