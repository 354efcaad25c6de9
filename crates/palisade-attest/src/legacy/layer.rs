//! The way back: what a bundle says, as a layer of a `.sig` or `.att` tag.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_types::json::parse_strict;
use serde_json::{Value, json};

use super::{
    CERTIFICATE, DSSE_ENVELOPE, LOG_ENTRY, LegacyError, SIGNATURE, SIMPLE_SIGNING, TIMESTAMP,
    string,
};
use crate::bundle::Bundle;

/// Says on a layer of a `.att` tag what its envelope is about.
const PREDICATE_TYPE: &str = "predicateType";
/// Characters in a line of PEM (RFC 7468 §2).
const LINE: usize = 64;

/// A layer of an older tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyLayer {
    /// Its media type.
    pub media_type: &'static str,
    /// Its content: a payload or an envelope.
    pub bytes: Vec<u8>,
    /// Signature, certificate, log entry and timestamp.
    pub annotations: BTreeMap<String, String>,
}

/// The layer of a `.sig` tag that says what this bundle says: a signature over `payload`, which
/// [`SimpleSigning::to_json`](super::SimpleSigning::to_json) makes.
pub fn signature_layer(payload: &[u8], bundle: &Bundle) -> Result<LegacyLayer, LegacyError> {
    let value = read(bundle)?;
    let pointer = "/messageSignature/signature";
    let signature = string(&value, pointer, "messageSignature")?.to_owned();
    let mut annotations = evidence(&value)?;
    annotations.insert(SIGNATURE.to_owned(), signature);
    Ok(LegacyLayer {
        media_type: SIMPLE_SIGNING,
        bytes: payload.to_vec(),
        annotations,
    })
}

/// The layer of a `.att` tag that says what this bundle says. It is the same signature.
pub fn attestation_layer(bundle: &Bundle) -> Result<LegacyLayer, LegacyError> {
    let value = read(bundle)?;
    let envelope = value.get("dsseEnvelope");
    let envelope = envelope.ok_or(LegacyError::Part("dsseEnvelope"))?;
    let mut annotations = evidence(&value)?;
    // It stands in the envelope, and cosign wants the annotation all the same.
    annotations.insert(SIGNATURE.to_owned(), String::new());
    if let Some(predicate_type) = bundle.claimed_predicate_type() {
        annotations.insert(PREDICATE_TYPE.to_owned(), predicate_type.to_owned());
    }
    Ok(LegacyLayer {
        media_type: DSSE_ENVELOPE,
        bytes: envelope.to_string().into_bytes(),
        annotations,
    })
}

fn read(bundle: &Bundle) -> Result<Value, LegacyError> {
    parse_strict(bundle.bytes()).map_err(|_| LegacyError::Part("bundle"))
}

/// Whose signature it is, and what vouches for its time. The format has room for one log entry
/// and one timestamp: the first of each.
fn evidence(bundle: &Value) -> Result<BTreeMap<String, String>, LegacyError> {
    let material = &bundle["verificationMaterial"];
    let mut annotations = BTreeMap::new();
    if let Some(certificate) = material
        .pointer("/certificate/rawBytes")
        .and_then(Value::as_str)
    {
        annotations.insert(CERTIFICATE.to_owned(), pem(certificate));
    }
    if let Some(entry) = material.pointer("/tlogEntries/0") {
        annotations.insert(LOG_ENTRY.to_owned(), promise(entry)?.to_string());
    }
    let timestamp = "/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp";
    if let Some(timestamp) = material.pointer(timestamp) {
        let timestamp = json!({"SignedRFC3161Timestamp": timestamp});
        annotations.insert(TIMESTAMP.to_owned(), timestamp.to_string());
    }
    Ok(annotations)
}

/// cosign's `bundle` annotation: the log's promise, which entries of Rekor v2 do not have.
fn promise(entry: &Value) -> Result<Value, LegacyError> {
    let text = |pointer| string(entry, pointer, "tlogEntries");
    let number = |pointer| {
        let number = text(pointer)?.parse::<u64>();
        number.map_err(|_| LegacyError::Part("tlogEntries"))
    };
    let log = STANDARD.decode(text("/logId/keyId")?);
    let log = log.map_err(|_| LegacyError::Part("tlogEntries"))?;
    let pointer = "/inclusionPromise/signedEntryTimestamp";
    Ok(json!({
        "SignedEntryTimestamp": string(entry, pointer, "inclusionPromise")?,
        "Payload": {
            "body": text("/canonicalizedBody")?,
            "integratedTime": number("/integratedTime")?,
            "logIndex": number("/logIndex")?,
            "logID": hex::encode(log),
        },
    }))
}

fn pem(base64: &str) -> String {
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for (position, character) in base64.chars().enumerate() {
        if position > 0 && position % LINE == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str("\n-----END CERTIFICATE-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::super::{attestation_bundle, signature_bundle};
    use super::*;

    fn bundle(name: &str) -> Bundle {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../fixtures/sigstore-faults/"
        );
        let bytes = std::fs::read(format!("{folder}{name}")).expect("a fixture");
        Bundle::parse(&bytes).expect("a bundle")
    }

    /// The parts of a bundle that the older format has room for.
    fn parts(bundle: &Bundle) -> Vec<Value> {
        let value: Value = serde_json::from_slice(bundle.bytes()).expect("JSON");
        let material = &value["verificationMaterial"];
        let chain = &material["x509CertificateChain"]["certificates"][0];
        let certificate = material.get("certificate").unwrap_or(chain);
        let entry = &material["tlogEntries"][0];
        [
            &value["messageSignature"]["signature"],
            &value["dsseEnvelope"],
            certificate,
            &entry["canonicalizedBody"],
            &entry["inclusionPromise"],
            &entry["integratedTime"],
            &entry["logIndex"],
            &entry["logId"],
            &entry["kindVersion"],
        ]
        .map(Clone::clone)
        .into()
    }

    #[test]
    fn a_layer_converts_back_into_what_it_was_made_of() {
        let payload =
            include_bytes!("../../../../fixtures/sigstore-faults/keyed/legacy-sig-payload.json");
        let signed = bundle("keyed/image-sign-keyless-rekor1.json");
        let layer = attestation_layer(&signed).expect("a layer");
        assert_eq!(layer.annotations[SIGNATURE], "");
        assert!(layer.annotations[PREDICATE_TYPE].starts_with("https://"));
        let back = attestation_bundle(&layer.bytes, &layer.annotations).expect("a bundle");
        assert_eq!(parts(&back), parts(&signed));
        let recorded = bundle("keyed/legacy-sig-converted-v0.1.json");
        let layer = signature_layer(payload, &recorded).expect("a layer");
        let back = signature_bundle(&layer.bytes, &layer.annotations).expect("a bundle");
        assert_eq!(parts(&back)[0], parts(&recorded)[0]);
    }

    #[test]
    fn an_entry_of_rekor_v2_has_no_promise_and_no_place_in_the_older_format() {
        let signed = bundle("keyed/image-sign-keyless-rekor2.json");
        let error = attestation_layer(&signed).expect_err("no promise");
        assert!(
            matches!(error, LegacyError::Part("inclusionPromise")),
            "{error}"
        );
    }
}
