//! Puts the parts together: a Sigstore bundle, version 0.3.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_attest::{IN_TOTO_PAYLOAD_TYPE, MediaType};
use serde_json::{Value, json};

use crate::rekor::Entry;

/// The envelope of a statement as JSON (DSSE 1.0.2, *Envelope*): the same text for the log and
/// for the bundle.
pub(crate) fn envelope(payload: &[u8], signature: &[u8]) -> Value {
    json!({
        "payload": STANDARD.encode(payload),
        "payloadType": IN_TOTO_PAYLOAD_TYPE,
        "signatures": [{"sig": STANDARD.encode(signature)}],
    })
}

/// A signature over an artifact of this SHA-256 digest.
pub(crate) fn message_signature(digest: &[u8], signature: &[u8]) -> Value {
    json!({
        "messageDigest": {"algorithm": "SHA2_256", "digest": STANDARD.encode(digest)},
        "signature": STANDARD.encode(signature),
    })
}

/// The whole bundle. `content` is the name and value of what was signed.
pub(crate) fn assemble(
    certificate: &[u8],
    entry: &Entry,
    timestamp: Option<&[u8]>,
    content: (&str, Value),
) -> Vec<u8> {
    let mut material = json!({
        "certificate": {"rawBytes": STANDARD.encode(certificate)},
        "tlogEntries": [log_entry(entry)],
    });
    if let Some(reply) = timestamp {
        material["timestampVerificationData"] =
            json!({"rfc3161Timestamps": [{"signedTimestamp": STANDARD.encode(reply)}]});
    }
    let (name, content) = content;
    let mut bundle = json!({"mediaType": MediaType::V0_3_TEXT, "verificationMaterial": material});
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
