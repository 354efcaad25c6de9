//! From a bundle signed with a key to a [`KeyVerified`] value, or the reason why not.

use std::borrow::Cow;

use palisade_attest::{Bundle, Content, Statement, dsse};
use palisade_types::Timestamp;
use serde_json::Value;
use sigstore_verify::types::bundle::VerificationMaterialContent as Material;
use sigstore_verify::types::{Bundle as SigstoreBundle, SignatureContent};

use crate::checks;
use crate::issued::verify_timestamp;
use crate::key::entry;
use crate::key::evidence;
use crate::key::public::ExpectedKey;
use crate::key::signed::{Artifact, Signed};
use crate::key::verified::KeyVerified;
use crate::profile::Profile;
use crate::reason::Reason;
use crate::rejection::{Rejection, invalid};
use crate::root::TrustRoot;
use crate::verified::{BlobSignature, Claim};
use crate::verify::read_bundle;

/// What a bundle signed with a key has to prove besides the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyProfile {
    /// A transparency log has it, and a trusted time is known.
    Logged,
    /// Nothing. Whoever has the key can sign in secret and put any date on it, so only the caller
    /// chooses this, never the bundle. What is present is verified all the same.
    NoLog,
}

/// Verifies a bundle that carries a statement signed with `key`. `now` bounds every time.
pub fn verify_statement_with_key(
    bundle: &Bundle,
    root: &TrustRoot,
    key: &ExpectedKey,
    profile: KeyProfile,
    now: Timestamp,
) -> Result<KeyVerified<Statement>, Rejection> {
    if !matches!(bundle.claimed(), Content::Statement(_)) {
        return Err(Rejection::Content {
            got: "a message signature",
            want: "a statement",
        });
    }
    let parsed = parse(bundle)?;
    let SignatureContent::DsseEnvelope(envelope) = &parsed.content else {
        return Err(invalid(Reason::Bundle, "the bundle has no envelope"));
    };
    let payload = envelope.payload.as_bytes();
    let content = entry::Content {
        signed: &Signed::Bytes(Cow::Owned(dsse::pae(&envelope.payload_type, payload))),
        signature: envelope.signature.sig.as_bytes(),
        envelope: Some(envelope),
        key: key.key(),
    };
    let (signed_at, claims) = verify(bundle, &parsed, &content, root, key, profile, now)?;
    // Read again, out of the bytes whose signature was verified.
    let statement =
        Statement::parse(payload).map_err(|error| invalid(Reason::Bundle, error.to_string()))?;
    Ok(verified(statement, bundle, key, profile, signed_at, claims))
}

/// Verifies a bundle that signs this artifact with `key`.
pub fn verify_blob_with_key(
    bundle: &Bundle,
    root: &TrustRoot,
    key: &ExpectedKey,
    artifact: Artifact<'_>,
    profile: KeyProfile,
    now: Timestamp,
) -> Result<KeyVerified<BlobSignature>, Rejection> {
    if *bundle.claimed() != Content::MessageSignature {
        return Err(Rejection::Content {
            got: "a statement",
            want: "a message signature",
        });
    }
    let parsed = parse(bundle)?;
    let SignatureContent::MessageSignature(message) = &parsed.content else {
        return Err(invalid(Reason::Bundle, "the bundle has no signature"));
    };
    let signed = Signed::from(artifact);
    if let Some(claimed) = &message.message_digest
        && signed.digest(claimed.algorithm).as_deref() != Some(claimed.digest.as_bytes())
    {
        return Err(invalid(
            Reason::Artifact,
            "the bundle is about another artifact",
        ));
    }
    let content = entry::Content {
        signed: &signed,
        signature: message.signature.as_bytes(),
        envelope: None,
        key: key.key(),
    };
    let (signed_at, claims) = verify(bundle, &parsed, &content, root, key, profile, now)?;
    let value = BlobSignature {
        artifact: artifact.named(),
    };
    Ok(verified(value, bundle, key, profile, signed_at, claims))
}

fn verified<T>(
    value: T,
    bundle: &Bundle,
    key: &ExpectedKey,
    profile: KeyProfile,
    signed_at: Option<Timestamp>,
    claims: Vec<Claim>,
) -> KeyVerified<T> {
    KeyVerified {
        value,
        key: key.name().to_owned(),
        fingerprint: key.key().fingerprint(),
        profile,
        signed_at,
        bundle: bundle.digest().clone(),
        claims,
    }
}

/// Reads the bundle. cosign writes `"messageDigest":{}` for a key that signs no digest; that says
/// nothing, and is left out before the parser sees it.
fn parse(bundle: &Bundle) -> Result<SigstoreBundle, Rejection> {
    let malformed = |error: serde_json::Error| invalid(Reason::Bundle, error.to_string());
    if *bundle.claimed() != Content::MessageSignature {
        return read_bundle(bundle.bytes());
    }
    let mut value: Value = serde_json::from_slice(bundle.bytes()).map_err(malformed)?;
    let message = value["messageSignature"].as_object_mut();
    if let Some(message) = message
        && message.get("messageDigest") == Some(&Value::Object(serde_json::Map::new()))
    {
        message.remove("messageDigest");
    }
    read_bundle(&serde_json::to_vec(&value).map_err(malformed)?)
}

fn verify(
    bundle: &Bundle,
    parsed: &SigstoreBundle,
    content: &entry::Content<'_>,
    root: &TrustRoot,
    key: &ExpectedKey,
    profile: KeyProfile,
    now: Timestamp,
) -> Result<(Option<Timestamp>, Vec<Claim>), Rejection> {
    let material = &parsed.verification_material;
    // 1. The bundle says it is signed with a key. Its hint is not asked which: the caller's key
    //    is the only one that counts (GHSA-fx35).
    let Material::PublicKey(_) = &material.content else {
        return Err(invalid(
            Reason::NoManagedKey,
            "it is signed with a certificate, and a key is expected",
        ));
    };
    if profile == KeyProfile::Logged && material.tlog_entries.is_empty() {
        return Err(invalid(Reason::NoLogEntry, "the bundle has no log entry"));
    }
    // Where no entry is demanded, one that is only promised does no harm.
    let demanded = match profile {
        KeyProfile::Logged => root.profile(),
        KeyProfile::NoLog => Profile::Promised,
    };
    checks::shape::check_entries(bundle, &material.tlog_entries, demanded)?;

    // 2. The signature.
    if !content.key.verifies(content.signed, content.signature) {
        return Err(invalid(
            Reason::Signature,
            format!(
                "it is not by the key `{}` ({})",
                key.name(),
                key.key().fingerprint()
            ),
        ));
    }

    // 3. Everything that vouches for a time, and all of it has to hold.
    let mut times = Vec::new();
    let mut logs = Vec::new();
    for entry in &material.tlog_entries {
        let log = checks::log::named_log(root, entry, now)?;
        entry::check(entry, content)?;
        times.extend(evidence::check(log, entry)?);
        logs.push((log, entry));
    }
    let timestamps = &material.timestamp_verification_data.rfc3161_timestamps;
    for timestamp in timestamps {
        let reply = timestamp.signed_timestamp.as_bytes();
        times.push(verify_timestamp(reply, content.signature, root, now)?);
    }

    // 4. The times: of the logs' keys, of the key itself, and of this verification.
    for (log, entry) in logs {
        checks::log::check(log, entry, &times)?;
    }
    let timeless = times.is_empty() && profile == KeyProfile::NoLog && !key.is_bounded();
    let signed_at = if timeless {
        None
    } else {
        Some(checks::time::signed_at(&times, now)?)
    };
    if let Some(time) = times.iter().find(|time| !key.contains(**time)) {
        return Err(invalid(
            Reason::KeyTime,
            format!("the key `{}` is not believed for {time}", key.name()),
        ));
    }
    Ok((signed_at, claims(parsed)))
}

/// The checks that ran and held. Every part that is present was verified, so presence is enough.
fn claims(parsed: &SigstoreBundle) -> Vec<Claim> {
    let material = &parsed.verification_material;
    let entries = &material.tlog_entries;
    let timestamps = &material.timestamp_verification_data.rfc3161_timestamps;
    let held = [
        (Claim::Key, true),
        (
            Claim::LogInclusion,
            entries.iter().any(|entry| entry.inclusion_proof.is_some()),
        ),
        (
            Claim::LogPromise,
            entries
                .iter()
                .any(|entry| entry.inclusion_promise.is_some()),
        ),
        (Claim::Signature, true),
        (Claim::Timestamp, !timestamps.is_empty()),
    ];
    held.into_iter()
        .filter_map(|(claim, held)| held.then_some(claim))
        .collect()
}
