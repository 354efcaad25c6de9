//! The proofs of a log entry: the promise (SET), the inclusion proof and its checkpoint.

use palisade_types::Timestamp;
use sigstore_types::bundle::InclusionProof;
use sigstore_types::{KindVersion, SignatureBytes, TransparencyLogEntry};

use crate::reason::Reason;
use crate::rejection::{Rejection, invalid};
use crate::root::Log;

/// Verifies every proof the entry has. Returns the time that the log's promise vouches for.
///
/// The checkpoint's own signature is verified by `checks::log::check`.
pub(super) fn check(
    log: &Log,
    entry: &TransparencyLogEntry,
) -> Result<Option<Timestamp>, Rejection> {
    if let Some(proof) = &entry.inclusion_proof {
        check_inclusion(entry, proof)?;
    }
    let Some(promise) = &entry.inclusion_promise else {
        return Ok(None);
    };
    let signature = SignatureBytes::new(promise.signed_entry_timestamp.as_bytes().to_vec());
    log.key
        .verify(promised(entry), &signature)
        .map_err(|error| {
            invalid(
                Reason::InclusionPromise,
                format!("the log `{}` did not promise it: {error}", log.host),
            )
        })?;
    // Only a promise covers the time: beside a proof alone anybody can write one
    // (CVE-2026-48816).
    Ok(entry.integrated_time)
}

/// Rekor v1, what the promise signs: RFC 8785 JSON. All four values are numbers, hex or base64,
/// which need no escaping.
fn promised(entry: &TransparencyLogEntry) -> String {
    format!(
        r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":{}}}"#,
        entry.canonicalized_body.to_base64(),
        entry.integrated_time.map_or(0, Timestamp::as_second),
        hex::encode(entry.log_id.key_id.as_bytes()),
        entry.log_index.as_i64(),
    )
}

/// RFC 6962 §2.1.1. Rekor v2 signs the tree's size and root in the checkpoint and leaves the
/// copies beside it unsigned; Rekor v1 counts in the tree's own index.
fn check_inclusion(entry: &TransparencyLogEntry, proof: &InclusionProof) -> Result<(), Rejection> {
    let checkpoint = proof
        .checkpoint
        .checkpoint()
        .ok_or_else(|| invalid(Reason::Checkpoint, "the proof has no checkpoint"))?;
    let version_2 = entry.kind_version == KindVersion::HashedRekordV002;
    if !version_2 && checkpoint.root_hash() != &proof.root_hash {
        return Err(invalid(
            Reason::Checkpoint,
            "the checkpoint has another root than the proof",
        ));
    }
    let index = if version_2 {
        entry.log_index
    } else {
        proof.log_index
    };
    sigstore_merkle::verify_inclusion_proof(
        &sigstore_merkle::hash_leaf(entry.canonicalized_body.as_bytes()),
        index.get(),
        checkpoint.tree_size(),
        &proof.hashes,
        checkpoint.root_hash(),
    )
    .map_err(|error| invalid(Reason::InclusionProof, error.to_string()))
}
