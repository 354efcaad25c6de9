//! What a log entry is about: it has to be this signature, by this key, over these bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sigstore_types::{DsseEnvelope, HashAlgorithm, KindVersion, TransparencyLogEntry};

use crate::key::public::{Kind, PublicKey};
use crate::key::signed::Signed;
use crate::reason::Reason;
use crate::rejection::{Rejection, invalid};

/// A signature and what it is made of, to compare an entry with.
pub(super) struct Content<'a> {
    pub(super) signed: &'a Signed<'a>,
    pub(super) signature: &'a [u8],
    pub(super) envelope: Option<&'a DsseEnvelope>,
    pub(super) key: &'a PublicKey,
}

/// Checks that the entry is about this content. Stops an entry of another signature, key or
/// artifact that stands in the same log (CVE-2022-36056, CVE-2026-22703).
pub(super) fn check(entry: &TransparencyLogEntry, content: &Content<'_>) -> Result<(), Rejection> {
    let body = entry.canonicalized_body.as_bytes();
    let head: Head = read(body)?;
    let (kind, version) = (entry.kind_version.kind(), entry.kind_version.version());
    if (head.kind.as_str(), head.api_version.as_str()) != (kind, version) {
        return Err(invalid(
            Reason::EntryMismatch,
            format!(
                "the entry calls itself {kind} {version} and is {} {}",
                head.kind, head.api_version
            ),
        ));
    }
    match entry.kind_version {
        KindVersion::DsseV001 => check_dsse(&read::<Body<Dsse>>(body)?.spec, content),
        KindVersion::HashedRekordV001 => check_rekord(&read::<Body<Rekord>>(body)?.spec, content),
        KindVersion::HashedRekordV002 => {
            let body: Body<RekordV2> = read(body)?;
            check_rekord_v2(&body.spec.hashed_rekord_v002, content)
        }
        KindVersion::IntotoV002 => check_intoto(&read::<Body<Intoto>>(body)?.spec.content, content),
        _ => Err(invalid(
            Reason::UnsupportedEntry,
            format!("entries of kind {kind} {version} are not read for a key"),
        )),
    }
}

/// Rekor v1, `hashedrekord` 0.0.1.
fn check_rekord(spec: &Rekord, content: &Content<'_>) -> Result<(), Rejection> {
    let algorithm = match spec.data.hash.algorithm.as_str() {
        "sha256" => HashAlgorithm::Sha2256,
        "sha384" => HashAlgorithm::Sha2384,
        "sha512" => HashAlgorithm::Sha2512,
        other => return Err(malformed(&format!("its hash is `{other}`"))),
    };
    let digest = hex::decode(&spec.data.hash.value).map_err(|_| malformed("its hash"))?;
    same("digest", content.signed.digest(algorithm), &digest)?;
    same_signature(&spec.signature.content, content)?;
    same_pem(&spec.signature.public_key.content, content)
}

/// Rekor v1, `dsse` 0.0.1. `envelopeHash` covers the client's own spelling of the envelope, which
/// is not in the bundle; payload, signature and key are, and are all there is in it.
fn check_dsse(spec: &Dsse, content: &Content<'_>) -> Result<(), Rejection> {
    same_payload(&spec.payload_hash, content)?;
    let [signature] = spec.signatures.as_slice() else {
        return Err(mismatch("number of signatures"));
    };
    same_signature(&signature.signature, content)?;
    same_pem(&signature.verifier, content)
}

/// Rekor v1, `intoto` 0.0.2. The signature stands in base64 of the envelope's base64.
fn check_intoto(spec: &IntotoContent, content: &Content<'_>) -> Result<(), Rejection> {
    let envelope = same_payload(&spec.payload_hash, content)?;
    if spec.envelope.payload_type != envelope.payload_type {
        return Err(mismatch("payload type"));
    }
    let [signature] = spec.envelope.signatures.as_slice() else {
        return Err(mismatch("number of signatures"));
    };
    let inner = decode(&signature.sig)?;
    let inner = std::str::from_utf8(&inner).map_err(|_| malformed("its signature"))?;
    same_signature(inner, content)?;
    same_pem(&signature.public_key, content)
}

/// The envelope, whose payload has to have this hash.
fn same_payload<'a>(hash: &Hash, content: &Content<'a>) -> Result<&'a DsseEnvelope, Rejection> {
    let envelope = content
        .envelope
        .ok_or_else(|| mismatch("content: the entry is about an envelope"))?;
    if hash.algorithm != "sha256" {
        return Err(malformed("its payload hash is not sha256"));
    }
    let hash = hex::decode(&hash.value).map_err(|_| malformed("its payload hash"))?;
    if sigstore_crypto::sha256(envelope.payload.as_bytes()).as_bytes() != hash.as_slice() {
        return Err(mismatch("payload"));
    }
    Ok(envelope)
}

/// Rekor v2, `hashedrekord` 0.0.2.
fn check_rekord_v2(spec: &HashedRekordV2, content: &Content<'_>) -> Result<(), Rejection> {
    let algorithm = match spec.data.algorithm.as_str() {
        "SHA2_256" => HashAlgorithm::Sha2256,
        "SHA2_384" => HashAlgorithm::Sha2384,
        "SHA2_512" => HashAlgorithm::Sha2512,
        other => return Err(malformed(&format!("its hash is `{other}`"))),
    };
    let verifier = &spec.signature.verifier;
    if !details(content.key.kind()).contains(&(verifier.key_details.as_str(), algorithm)) {
        return Err(mismatch(&format!(
            "kind of key: it says `{}` over {}",
            verifier.key_details, spec.data.algorithm
        )));
    }
    same(
        "digest",
        content.signed.digest(algorithm),
        &decode(&spec.data.digest)?,
    )?;
    same_signature(&spec.signature.content, content)?;
    let key = verifier
        .public_key
        .as_ref()
        .ok_or_else(|| mismatch("verifier: it has no key"))?;
    same(
        "key",
        Some(content.key.der().to_vec()),
        &decode(&key.raw_bytes)?,
    )
}

/// `PublicKeyDetails` of the Sigstore protobuf, with the hash that each includes.
fn details(kind: Kind) -> &'static [(&'static str, HashAlgorithm)] {
    match kind {
        Kind::Ed25519 => &[("PKIX_ED25519", HashAlgorithm::Sha2512)],
        Kind::P256 => &[("PKIX_ECDSA_P256_SHA_256", HashAlgorithm::Sha2256)],
        Kind::P384 => &[("PKIX_ECDSA_P384_SHA_384", HashAlgorithm::Sha2384)],
        Kind::P521 => &[("PKIX_ECDSA_P521_SHA_512", HashAlgorithm::Sha2512)],
        Kind::Rsa => &[
            ("PKIX_RSA_PKCS1V15_2048_SHA256", HashAlgorithm::Sha2256),
            ("PKIX_RSA_PKCS1V15_3072_SHA256", HashAlgorithm::Sha2256),
            ("PKIX_RSA_PKCS1V15_4096_SHA256", HashAlgorithm::Sha2256),
        ],
    }
}

fn same_signature(base64: &str, content: &Content<'_>) -> Result<(), Rejection> {
    same(
        "signature",
        Some(content.signature.to_vec()),
        &decode(base64)?,
    )
}

/// Rekor v1 holds the key as base64 of PEM.
fn same_pem(base64: &str, content: &Content<'_>) -> Result<(), Rejection> {
    let key = PublicKey::from_pem(&decode(base64)?)
        .map_err(|error| mismatch(&format!("key: {error}")))?;
    same("key", Some(content.key.der().to_vec()), key.der())
}

fn same(what: &str, want: Option<Vec<u8>>, got: &[u8]) -> Result<(), Rejection> {
    match want {
        Some(want) if want == got => Ok(()),
        _ => Err(mismatch(what)),
    }
}

fn mismatch(what: &str) -> Rejection {
    invalid(
        Reason::EntryMismatch,
        format!("the log entry has another {what}"),
    )
}

fn malformed(what: &str) -> Rejection {
    invalid(
        Reason::UnsupportedEntry,
        format!("the log entry is not one we read: {what}"),
    )
}

fn decode(base64: &str) -> Result<Vec<u8>, Rejection> {
    STANDARD.decode(base64).map_err(|_| malformed("its base64"))
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Rejection> {
    serde_json::from_slice(body).map_err(|error| malformed(&error.to_string()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    kind: String,
    api_version: String,
}

#[derive(Deserialize)]
struct Body<T> {
    spec: T,
}

#[derive(Deserialize)]
struct Hash {
    algorithm: String,
    value: String,
}

#[derive(Deserialize)]
struct Rekord {
    data: RekordData,
    signature: RekordSignature,
}

#[derive(Deserialize)]
struct RekordData {
    hash: Hash,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RekordSignature {
    content: String,
    public_key: Pem,
}

#[derive(Deserialize)]
struct Pem {
    content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dsse {
    payload_hash: Hash,
    signatures: Vec<DsseSignature>,
}

#[derive(Deserialize)]
struct DsseSignature {
    signature: String,
    verifier: String,
}

#[derive(Deserialize)]
struct Intoto {
    content: IntotoContent,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoContent {
    envelope: IntotoEnvelope,
    payload_hash: Hash,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoEnvelope {
    payload_type: String,
    signatures: Vec<IntotoSignature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoSignature {
    public_key: String,
    sig: String,
}

#[derive(Deserialize)]
struct RekordV2 {
    #[serde(rename = "hashedRekordV002")]
    hashed_rekord_v002: HashedRekordV2,
}

#[derive(Deserialize)]
struct HashedRekordV2 {
    data: DataV2,
    signature: SignatureV2,
}

#[derive(Deserialize)]
struct DataV2 {
    algorithm: String,
    digest: String,
}

#[derive(Deserialize)]
struct SignatureV2 {
    content: String,
    verifier: VerifierV2,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerifierV2 {
    key_details: String,
    public_key: Option<RawKey>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawKey {
    raw_bytes: String,
}
