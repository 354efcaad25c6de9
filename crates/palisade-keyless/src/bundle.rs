//! Puts the parts together: a Sigstore bundle, version 0.3.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_attest::{IN_TOTO_PAYLOAD_TYPE, MediaType};
use serde_json::{Value, json};

use crate::rekor::Entry;
use crate::witness::Testimony;

/// The envelope of a statement as JSON (DSSE 1.0.2, *Envelope*): the same text for the log and
/// for the bundle.
pub(crate) fn envelope(payload: &[u8], signature: &[u8]) -> Value {
    json!({
        "payload": STANDARD.encode(payload),
        "payloadType": IN_TOTO_PAYLOAD_TYPE,
        "signatures": [{"sig": STANDARD.encode(signature)}],
    })
}

/// A signature over an artifact of this digest.
pub(crate) fn message_signature(algorithm: &str, digest: &[u8], signature: &[u8]) -> Value {
    json!({
        "messageDigest": {"algorithm": algorithm, "digest": STANDARD.encode(digest)},
        "signature": STANDARD.encode(signature),
    })
}

/// Whose signature it is.
pub(crate) enum Material<'a> {
    /// The leaf certificate, in DER.
    Certificate(&'a [u8]),
    /// What bundles hint at a key by: the SHA-256 of its DER, as cosign does.
    Key(&'a [u8]),
}

/// The whole bundle. `content` is the name and value of what was signed.
pub(crate) fn assemble(
    material: &Material<'_>,
    testimony: &Testimony,
    content: (&str, Value),
) -> Vec<u8> {
    let entries: Vec<Value> = testimony.entries.iter().map(log_entry).collect();
    let mut value = json!({"tlogEntries": entries});
    match material {
        Material::Certificate(bytes) => {
            value["certificate"] = json!({"rawBytes": STANDARD.encode(bytes)});
        }
        Material::Key(hint) => value["publicKey"] = json!({"hint": STANDARD.encode(hint)}),
    }
    if !testimony.timestamps.is_empty() {
        let timestamps: Vec<Value> = testimony
            .timestamps
            .iter()
            .map(|reply| json!({"signedTimestamp": STANDARD.encode(reply)}))
            .collect();
        value["timestampVerificationData"] = json!({"rfc3161Timestamps": timestamps});
    }
    let (name, content) = content;
    let mut bundle = json!({"mediaType": MediaType::V0_3_TEXT, "verificationMaterial": value});
    bundle[name] = content;
    bundle.to_string().into_bytes()
}

/// `TransparencyLogEntry`. Zeros are written out: sigstore-python refuses an entry without them.
fn log_entry(entry: &Entry) -> Value {
    let mut value = json!({
        "logIndex": entry.index.to_string(),
        "logId": {"keyId": entry.log_id},
        "kindVersion": {"kind": entry.kind, "version": entry.version},
        "inclusionProof": {
            "logIndex": entry.proof.index.to_string(),
            "rootHash": entry.proof.root,
            "treeSize": entry.proof.size.to_string(),
            "hashes": entry.proof.hashes,
            "checkpoint": {"envelope": entry.proof.checkpoint},
        },
        "canonicalizedBody": entry.body,
    });
    if let Some(time) = entry.integrated_time {
        value["integratedTime"] = time.to_string().into();
    }
    if let Some(promise) = &entry.promise {
        value["inclusionPromise"] = json!({"signedEntryTimestamp": promise});
    }
    value
}
