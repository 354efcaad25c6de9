//! What a bundle of its declared version may and must contain, before anything is computed.

use palisade_attest::{Bundle as Found, MediaType};
use sigstore_verify::types::bundle::VerificationMaterialContent as Material;
use sigstore_verify::types::{Bundle, TransparencyLogEntry};

use crate::profile::Profile;
use crate::reason::Reason;
use crate::rejection::{Rejection, invalid};

/// Checks the parts of a bundle against the version it declares. The declaration is not signed,
/// so a bundle must not get easier rules by changing it.
pub(crate) fn check(found: &Found, bundle: &Bundle, profile: Profile) -> Result<(), Rejection> {
    let material = &bundle.verification_material;
    check_material(found.media_type(), &material.content)?;
    let timestamps = &material.timestamp_verification_data.rfc3161_timestamps;
    if profile == Profile::GithubPrivate {
        if timestamps.is_empty() {
            return Err(invalid(Reason::NoTime, "the bundle has no timestamp"));
        }
    } else if material.tlog_entries.is_empty() {
        return Err(invalid(Reason::NoLogEntry, "the bundle has no log entry"));
    }
    check_entries(found, &material.tlog_entries, profile)
}

/// Checks what every log entry has to have, however the bundle is signed.
pub(crate) fn check_entries(
    found: &Found,
    entries: &[TransparencyLogEntry],
    profile: Profile,
) -> Result<(), Rejection> {
    for entry in entries {
        let demanded = profile.demands_proof(found.is_converted(), entry.integrated_time);
        check_evidence(found.media_type(), entry, demanded)?;
    }
    check_distinct(entries)
}

/// Sigstore bundle format: `x509CertificateChain` belongs to v0.1 and v0.2, `certificate` to v0.3.
/// Stops a v0.3 bundle that calls itself v0.1 to get by without an inclusion proof.
fn check_material(media_type: MediaType, material: &Material) -> Result<(), Rejection> {
    let problem = match (media_type, material) {
        (_, Material::PublicKey(_)) => {
            return Err(invalid(
                Reason::ManagedKey,
                "it is signed with a key, which names no signer; a certificate is needed",
            ));
        }
        (MediaType::V0_3, Material::Certificate(_))
        | (MediaType::V0_1 | MediaType::V0_2, Material::X509CertificateChain { .. }) => {
            return Ok(());
        }
        (MediaType::V0_3, _) => "a v0.3 bundle carries one certificate, not a chain",
        (MediaType::V0_1 | MediaType::V0_2, _) => {
            "a v0.1 or v0.2 bundle carries a certificate chain, not one certificate"
        }
    };
    Err(invalid(Reason::MediaType, problem))
}

/// v0.1 demands the promise, later versions the proof, and of every entry: the underlying check
/// is content when one of several entries has it. The version is not signed, so the caller may
/// demand the proof whatever it is: stops a bundle that was made an old one by dropping the proof.
fn check_evidence(
    media_type: MediaType,
    entry: &TransparencyLogEntry,
    demands_proof: bool,
) -> Result<(), Rejection> {
    match media_type {
        MediaType::V0_1 if entry.inclusion_promise.is_none() => Err(invalid(
            Reason::InclusionPromise,
            "a log entry has no inclusion promise, which v0.1 demands",
        )),
        MediaType::V0_2 | MediaType::V0_3 if entry.inclusion_proof.is_none() => Err(invalid(
            Reason::ProofMissing,
            "a log entry has no inclusion proof",
        )),
        MediaType::V0_1 if demands_proof && entry.inclusion_proof.is_none() => Err(invalid(
            Reason::ProofMissing,
            "SET only: the log promised to include the entry and no proof shows that it did",
        )),
        _ => Ok(()),
    }
}

/// One entry given twice must not count as two (the class of CVE-2026-49834).
fn check_distinct(entries: &[TransparencyLogEntry]) -> Result<(), Rejection> {
    for (position, entry) in entries.iter().enumerate() {
        let same = |other: &TransparencyLogEntry| {
            other.log_id == entry.log_id
                && (other.log_index == entry.log_index
                    || other.canonicalized_body == entry.canonicalized_body)
        };
        if entries[..position].iter().any(same) {
            return Err(invalid(
                Reason::DuplicateEntry,
                "a log entry stands in the bundle twice",
            ));
        }
    }
    Ok(())
}
