//! Requests to both Rekor versions become canonical entry bodies, after their signatures verify.

use serde_json::{Value, json};

use super::signatures::{PublicKey, pae};
use crate::encode::{b64, from_pem, jcs, pem, sha256, unb64};
use crate::fault::{Fault, Faults};

type Canonical = Result<Vec<u8>, &'static str>;

/// What a log does differently while it misbehaves.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    /// Log entries whose signature is not by their key, as no real log does.
    unchecked: bool,
    /// Accept dsse 0.0.2.
    allow_dsse: bool,
    /// Write another digest into the entry.
    other_digest: bool,
}

impl Rules {
    pub(crate) fn of(faults: &Faults) -> Rules {
        Rules {
            // Otherwise no client would get as far as a bundle with such a certificate.
            unchecked: faults.on(Fault::CertOtherKey),
            allow_dsse: faults.on(Fault::V2AllowDsse),
            other_digest: faults.on(Fault::V2BodyOther),
        }
    }
}

/// The body of a v1 entry; the kinds are hashedrekord 0.0.1 and dsse 0.0.1.
pub(crate) fn canonical_v1(request: &[u8], rules: Rules) -> Canonical {
    let request: Value = serde_json::from_slice(request).map_err(|_| "the entry is no JSON")?;
    if request["apiVersion"] != "0.0.1" {
        return Err("the entry has an unknown version");
    }
    match request["kind"].as_str() {
        Some("hashedrekord") => hashedrekord_v1(&request["spec"], rules),
        Some("dsse") => dsse_v1(&request["spec"]["proposedContent"], rules),
        _ => Err("the entry is of an unknown kind"),
    }
}

fn hashedrekord_v1(spec: &Value, rules: Rules) -> Canonical {
    let hash = &spec["data"]["hash"];
    let digest = hash["value"]
        .as_str()
        .and_then(|text| hex::decode(text).ok());
    let digest = digest.ok_or("the entry has no hash")?;
    let length = match hash["algorithm"].as_str() {
        Some("sha256") => 32,
        Some("sha384") => 48,
        Some("sha512") => 64,
        _ => return Err("the entry has an unknown hash algorithm"),
    };
    if digest.len() != length {
        return Err("the entry's hash has the wrong length");
    }
    let content = spec["signature"]["content"]
        .as_str()
        .ok_or("the entry has no signature")?;
    let signature = unb64(content).ok_or("the signature is no base64")?;
    let verifier = spec["signature"]["publicKey"]["content"].as_str();
    let (key, verifier) = verifier_v1(verifier.ok_or("the entry has no public key")?)?;
    if !rules.unchecked && !key.verifies_digest(&digest, &signature) {
        return Err("the signature does not verify");
    }
    Ok(jcs(&json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": hash["algorithm"], "value": hex::encode(&digest)}},
            "signature": {"content": b64(&signature), "publicKey": {"content": verifier}},
        },
    })))
}

/// A certificate or key as base64 of PEM: its key, and the same re-encoded the way Go does.
fn verifier_v1(content: &str) -> Result<(PublicKey, String), &'static str> {
    const UNREADABLE: &str = "the public key cannot be read";
    let text = unb64(content)
        .and_then(|text| String::from_utf8(text).ok())
        .ok_or(UNREADABLE)?;
    let (label, der) = from_pem(&text).ok_or(UNREADABLE)?;
    let key = match label.as_str() {
        "CERTIFICATE" => PublicKey::of_certificate(&der),
        "PUBLIC KEY" => PublicKey::from_spki(&der),
        _ => None,
    };
    Ok((key.ok_or(UNREADABLE)?, b64(pem(&label, &der).as_bytes())))
}

fn dsse_v1(proposed: &Value, rules: Rules) -> Canonical {
    let text = proposed["envelope"]
        .as_str()
        .ok_or("the entry has no envelope")?;
    let envelope: Value = serde_json::from_str(text).map_err(|_| "the envelope is no JSON")?;
    let payload = envelope["payload"]
        .as_str()
        .and_then(unb64)
        .ok_or("there is no payload")?;
    let payload_type = envelope["payloadType"]
        .as_str()
        .ok_or("there is no payload type")?;
    let message = pae(payload_type, &payload);
    let verifiers = proposed["verifiers"]
        .as_array()
        .ok_or("there are no verifiers")?;
    let verifiers = verifiers
        .iter()
        .map(|text| verifier_v1(text.as_str().unwrap_or_default()));
    let verifiers = verifiers.collect::<Result<Vec<_>, _>>()?;
    let mut signatures = Vec::new();
    for signature in envelope["signatures"].as_array().into_iter().flatten() {
        let bytes = signature["sig"]
            .as_str()
            .and_then(unb64)
            .ok_or("a signature is no base64")?;
        let mut verifiers = verifiers.iter();
        let (_, verifier) = verifiers
            .find(|(key, _)| rules.unchecked || key.verifies(&message, &bytes))
            .ok_or("a signature does not verify")?;
        signatures.push(json!({"signature": b64(&bytes), "verifier": verifier}));
    }
    if signatures.is_empty() {
        return Err("the envelope has no signatures");
    }
    signatures.sort_by_key(|signature| signature["signature"].to_string());
    Ok(jcs(&json!({
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            // Over the envelope as it was sent, not as it could be written.
            "envelopeHash": {"algorithm": "sha256", "value": hex::encode(sha256(text.as_bytes()))},
            "payloadHash": {"algorithm": "sha256", "value": hex::encode(sha256(&payload))},
            "signatures": signatures,
        },
    })))
}

/// The body of a v2 entry: hashedrekord 0.0.2, and dsse 0.0.2 where the server still allows it.
pub(crate) fn canonical_v2(request: &[u8], rules: Rules) -> Canonical {
    let request: Value = serde_json::from_slice(request).map_err(|_| "the entry is no JSON")?;
    if let Some(entry) = request.get("hashedRekordRequestV002") {
        return hashedrekord_v2(entry, rules);
    }
    match request.get("dsseRequestV002") {
        Some(entry) if rules.allow_dsse => dsse_v2(entry, rules),
        _ => Err("invalid type, must be hashedrekord"),
    }
}

fn hashedrekord_v2(entry: &Value, rules: Rules) -> Canonical {
    let digest = entry["digest"]
        .as_str()
        .and_then(unb64)
        .ok_or("missing digest")?;
    let signature = entry["signature"]["content"].as_str().and_then(unb64);
    let signature = signature.ok_or("missing signature")?;
    let (key, verifier) = verifier_v2(&entry["signature"]["verifier"])?;
    if !rules.unchecked && !key.verifies_digest(&digest, &signature) {
        return Err("verifying signature: signature verification failed");
    }
    let digest = if rules.other_digest {
        vec![0x5a; digest.len()]
    } else {
        digest
    };
    Ok(jcs(&json!({
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": {"hashedRekordV002": {
            "data": {"algorithm": key.hash_name(), "digest": b64(&digest)},
            "signature": {"content": b64(&signature), "verifier": verifier},
        }},
    })))
}

/// A `Verifier` message: its key, and itself in canonical form.
fn verifier_v2(verifier: &Value) -> Result<(PublicKey, Value), &'static str> {
    let bytes = |name: &str| verifier[name]["rawBytes"].as_str().and_then(unb64);
    let (name, der, key) = if let Some(der) = bytes("x509Certificate") {
        let key = PublicKey::of_certificate(&der);
        ("x509Certificate", der, key)
    } else {
        let der = bytes("publicKey").ok_or("missing verifier")?;
        let key = PublicKey::from_spki(&der);
        ("publicKey", der, key)
    };
    let key = key.ok_or("parsing public key")?;
    if verifier["keyDetails"] != key.details() {
        return Err("key details do not match the key");
    }
    let canonical = json!({name: {"rawBytes": b64(&der)}, "keyDetails": key.details()});
    Ok((key, canonical))
}

fn dsse_v2(entry: &Value, rules: Rules) -> Canonical {
    let envelope = &entry["envelope"];
    let payload = envelope["payload"]
        .as_str()
        .and_then(unb64)
        .ok_or("missing payload")?;
    let payload_type = envelope["payloadType"]
        .as_str()
        .ok_or("missing payload type")?;
    let signature = envelope["signatures"][0]["sig"].as_str().and_then(unb64);
    let signature = signature.ok_or("missing signature")?;
    let (key, verifier) = verifier_v2(&entry["verifiers"][0])?;
    if !rules.unchecked && !key.verifies(&pae(payload_type, &payload), &signature) {
        return Err("verifying signature: signature verification failed");
    }
    Ok(jcs(&json!({
        "apiVersion": "0.0.2",
        "kind": "dsse",
        "spec": {"dsseV002": {
            "payloadHash": {"algorithm": "SHA2_256", "digest": b64(&sha256(&payload))},
            "signatures": [{"content": b64(&signature), "verifier": verifier}],
        }},
    })))
}
