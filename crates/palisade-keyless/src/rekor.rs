//! Rekor: a signature becomes a log entry, through either of its two interfaces.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use sigstore_types::{DerCertificate, DerPublicKey};

use crate::config::LogVersion;
use crate::content::Hash;
use crate::error::Error;
use crate::http::{Answer, Ask, Caller, Service};

/// The longest answer we read, in bytes. An entry repeats the certificate, not the statement.
const MAX_ANSWER: usize = 1 << 20;
/// The most hashes of an inclusion proof: a tree of 2^64 entries has no more.
const MAX_HASHES: usize = 64;

/// What is entered.
pub(crate) struct Proposal<'a> {
    /// The digest that was signed, and what made it.
    pub(crate) digest: &'a [u8],
    pub(crate) hash: Hash,
    pub(crate) signature: &'a [u8],
    pub(crate) verifier: &'a Verifier,
    /// The DSSE envelope as JSON, when the signature is over a statement.
    pub(crate) envelope: Option<&'a str>,
}

/// What the log verifies the signature with, as each interface writes it.
pub(crate) struct Verifier {
    /// The certificate or key as PEM.
    pem: String,
    /// `PublicKeyDetails` of the Sigstore protobuf.
    details: &'static str,
    /// `x509Certificate` or `publicKey`, and its DER.
    field: &'static str,
    der: Vec<u8>,
}

impl Verifier {
    /// A certificate of a P-256 key.
    pub(crate) fn certificate(certificate: &DerCertificate) -> Self {
        Self {
            pem: certificate.to_pem(),
            details: "PKIX_ECDSA_P256_SHA_256",
            field: "x509Certificate",
            der: certificate.as_bytes().to_vec(),
        }
    }

    /// A key without a certificate.
    pub(crate) fn key(der: &[u8], details: &'static str) -> Self {
        Self {
            pem: DerPublicKey::new(der.to_vec()).to_pem(),
            details,
            field: "publicKey",
            der: der.to_vec(),
        }
    }
}

/// A log entry, with binary values in base64 as bundles have them. Unchecked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) index: u64,
    pub(crate) log_id: String,
    pub(crate) kind: String,
    pub(crate) version: String,
    /// Seconds; Rekor v1 only.
    pub(crate) integrated_time: Option<i64>,
    /// The signed entry timestamp; Rekor v1 only.
    pub(crate) promise: Option<String>,
    pub(crate) proof: Proof,
    pub(crate) body: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) index: u64,
    pub(crate) size: u64,
    pub(crate) root: String,
    pub(crate) hashes: Vec<String>,
    pub(crate) checkpoint: String,
}

/// Enters a signature. `None` when a Rekor v2 log has it already and has no way to give it back:
/// an answer got lost, and a new signature is the way on.
pub(crate) async fn enter(
    caller: Caller<'_>,
    service: &Service,
    version: LogVersion,
    proposal: &Proposal<'_>,
) -> Result<Option<Entry>, Error> {
    let (path, body) = match version {
        LogVersion::V1 => ("api/v1/log/entries", request_v1(proposal)),
        LogVersion::V2 => ("api/v2/log/entries", request_v2(proposal)),
    };
    let answer = caller
        .send(service, ask(service, Method::POST, path, Some(&body)))
        .await?;
    match (answer.status, version) {
        (StatusCode::CONFLICT, LogVersion::V1) => {
            let path = format!("api/v1/log/entries/{}", existing(service, &answer)?);
            let answer = caller
                .send(service, ask(service, Method::GET, &path, None))
                .await?;
            read(service, version, &answer).map(Some)
        }
        (StatusCode::CONFLICT, LogVersion::V2) => Ok(None),
        _ => read(service, version, &answer).map(Some),
    }
}

fn ask(service: &Service, method: Method, path: &str, body: Option<&Value>) -> Ask {
    let json = || HeaderValue::from_static("application/json");
    Ask {
        method,
        url: service.at(path),
        headers: vec![(ACCEPT, json()), (CONTENT_TYPE, json())],
        body: body
            .map(|body| body.to_string().into_bytes())
            .unwrap_or_default(),
        limit: MAX_ANSWER,
    }
}

fn read(service: &Service, version: LogVersion, answer: &Answer) -> Result<Entry, Error> {
    if !answer.status.is_success() {
        return Err(service.refused(answer, ""));
    }
    let entry = match version {
        LogVersion::V1 => read_v1(&answer.body),
        LogVersion::V2 => read_v2(&answer.body),
    };
    let entry = entry.map_err(|why| service.malformed(why))?;
    if entry.proof.hashes.len() > MAX_HASHES {
        return Err(service.malformed("its inclusion proof is longer than any tree is high"));
    }
    Ok(entry)
}

/// Entry kinds hashedrekord 0.0.1 and, for statements, dsse 0.0.1 (Rekor v1 OpenAPI).
fn request_v1(proposal: &Proposal<'_>) -> Value {
    let verifier = STANDARD.encode(&proposal.verifier.pem);
    match proposal.envelope {
        Some(envelope) => json!({
            "apiVersion": "0.0.1", "kind": "dsse",
            "spec": {"proposedContent": {"envelope": envelope, "verifiers": [verifier]}},
        }),
        None => json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {
                    "algorithm": proposal.hash.rekor_v1(),
                    "value": hex::encode(proposal.digest),
                }},
                "signature": {
                    "content": STANDARD.encode(proposal.signature),
                    "publicKey": {"content": verifier},
                },
            },
        }),
    }
}

/// The one entry kind of Rekor v2, hashedrekord 0.0.2. For a statement the digest is that of the
/// pre-authentication encoding: `dsse` 0.0.2 was dropped before any release.
fn request_v2(proposal: &Proposal<'_>) -> Value {
    let Verifier {
        details,
        field,
        der,
        ..
    } = proposal.verifier;
    json!({"hashedRekordRequestV002": {
        "digest": STANDARD.encode(proposal.digest),
        "signature": {
            "content": STANDARD.encode(proposal.signature),
            "verifier": {
                "keyDetails": details,
                (*field): {"rawBytes": STANDARD.encode(der)},
            },
        },
    }})
}

/// The UUID at the end of a 409's `Location`. Only that is used: the host stays the configured one.
fn existing(service: &Service, answer: &Answer) -> Result<String, Error> {
    let location = answer
        .headers
        .get(LOCATION)
        .and_then(|value| value.to_str().ok());
    location
        .and_then(|location| location.rsplit('/').next())
        .filter(|uuid| matches!(uuid.len(), 64 | 80) && uuid.bytes().all(|b| b.is_ascii_hexdigit()))
        .map(str::to_owned)
        .ok_or_else(|| service.malformed("it says the entry exists, and not where"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryV1 {
    body: String,
    integrated_time: i64,
    #[serde(rename = "logID")]
    log_id: String,
    log_index: u64,
    verification: VerificationV1,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerificationV1 {
    inclusion_proof: ProofV1,
    signed_entry_timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProofV1 {
    checkpoint: String,
    hashes: Vec<String>,
    log_index: u64,
    root_hash: String,
    tree_size: u64,
}

/// `{uuid: entry}`, with hexadecimal hashes. The promise (SET) is not optional: without it the
/// entry's time is worth nothing, and verifiers differ about what that means.
pub(crate) fn read_v1(bytes: &[u8]) -> Result<Entry, String> {
    let entries: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let mut values = entries.into_iter().map(|(_, entry)| entry);
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err("it is not exactly one entry".to_owned());
    };
    let entry: EntryV1 = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let proof = entry.verification.inclusion_proof;
    let (kind, version) = kind_of(&entry.body)?;
    Ok(Entry {
        index: entry.log_index,
        log_id: from_hex(&entry.log_id)?,
        kind,
        version,
        integrated_time: Some(entry.integrated_time),
        promise: Some(entry.verification.signed_entry_timestamp),
        proof: Proof {
            index: proof.log_index,
            size: proof.tree_size,
            root: from_hex(&proof.root_hash)?,
            hashes: proof
                .hashes
                .iter()
                .map(|hash| from_hex(hash))
                .collect::<Result<_, _>>()?,
            checkpoint: proof.checkpoint,
        },
        body: entry.body,
    })
}

fn from_hex(text: &str) -> Result<String, String> {
    hex::decode(text)
        .map(|bytes| STANDARD.encode(bytes))
        .map_err(|error| error.to_string())
}

fn kind_of(body: &str) -> Result<(String, String), String> {
    let wrong = || "its body names no kind of entry".to_owned();
    let body = STANDARD.decode(body).map_err(|_| wrong())?;
    let body: Value = serde_json::from_slice(&body).map_err(|_| wrong())?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    text("kind").zip(text("apiVersion")).ok_or_else(wrong)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryV2 {
    #[serde(default, deserialize_with = "number")]
    log_index: u64,
    log_id: LogId,
    kind_version: KindVersion,
    inclusion_proof: ProofV2,
    canonicalized_body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Deserialize)]
struct KindVersion {
    kind: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProofV2 {
    #[serde(default, deserialize_with = "number")]
    log_index: u64,
    #[serde(default)]
    root_hash: String,
    #[serde(default, deserialize_with = "number")]
    tree_size: u64,
    #[serde(default)]
    hashes: Vec<String>,
    checkpoint: CheckpointV2,
}

#[derive(Deserialize)]
struct CheckpointV2 {
    envelope: String,
}

/// `TransparencyLogEntry`. proto3 JSON leaves out what is zero or empty.
pub(crate) fn read_v2(bytes: &[u8]) -> Result<Entry, String> {
    let entry: EntryV2 = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let proof = entry.inclusion_proof;
    Ok(Entry {
        index: entry.log_index,
        log_id: entry.log_id.key_id,
        kind: entry.kind_version.kind,
        version: entry.kind_version.version,
        integrated_time: None,
        promise: None,
        proof: Proof {
            index: proof.log_index,
            size: proof.tree_size,
            root: proof.root_hash,
            hashes: proof.hashes,
            checkpoint: proof.checkpoint.envelope,
        },
        body: entry.canonicalized_body,
    })
}

/// proto3 JSON writes 64-bit integers as strings and lets readers accept numbers.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let wrong = || serde::de::Error::custom("a number is expected");
    match Value::deserialize(deserializer)? {
        Value::String(text) => text.parse().map_err(|_| wrong()),
        Value::Number(number) => number.as_u64().ok_or_else(wrong),
        Value::Null => Ok(0),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;

    fn service() -> Service {
        Service::new("Rekor", "https://r.test".parse().unwrap())
    }

    #[test]
    fn the_first_entry_of_a_log_reads_though_its_zeros_are_left_out() {
        let value = json!({
            "logId": {"keyId": "AA=="}, "canonicalizedBody": "e30=",
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "inclusionProof": {"treeSize": "1", "rootHash": "AA==", "checkpoint": {"envelope": "x"}},
        });
        let entry = read_v2(value.to_string().as_bytes()).unwrap();
        assert_eq!(
            (entry.index, entry.proof.index, entry.proof.size),
            (0, 0, 1)
        );
        assert!(entry.proof.hashes.is_empty());
        let mut without_proof = value;
        without_proof
            .as_object_mut()
            .unwrap()
            .remove("inclusionProof");
        assert!(read_v2(without_proof.to_string().as_bytes()).is_err());
    }

    #[test]
    fn two_entries_where_one_was_made_are_malformed() {
        let entry = json!({
            "body": STANDARD.encode(r#"{"kind":"dsse","apiVersion":"0.0.1"}"#),
            "integratedTime": 1, "logID": "00", "logIndex": 7,
            "verification": {"signedEntryTimestamp": "AA==", "inclusionProof": {
                "checkpoint": "x", "hashes": ["ff"], "logIndex": 7, "rootHash": "00", "treeSize": 8,
            }},
        });
        let one = read_v1(json!({"a": entry}).to_string().as_bytes()).unwrap();
        assert_eq!(
            (one.kind.as_str(), one.proof.hashes[0].as_str()),
            ("dsse", "/w==")
        );
        assert!(read_v1(json!({"a": entry, "b": entry}).to_string().as_bytes()).is_err());
        assert!(read_v1(b"{}").is_err());
    }

    #[test]
    fn an_existing_entry_is_looked_up_at_the_configured_host_only() {
        let at = |location: &str| {
            let headers = HeaderMap::from_iter([(LOCATION, location.parse().unwrap())]);
            existing(
                &service(),
                &Answer {
                    status: StatusCode::CONFLICT,
                    headers,
                    body: vec![],
                },
            )
        };
        let uuid = "ab".repeat(40);
        assert_eq!(at(&format!("https://evil.test/x/{uuid}")).unwrap(), uuid);
        assert!(at("/api/v1/log/entries/../../x").is_err());
        assert!(at(&format!("/api/v1/log/entries/{uuid}?x")).is_err());
    }
}
