//! Which log an entry is in: the one it names, by id, by key and by the checkpoint's first line.

use palisade_types::Timestamp;
use sigstore_types::{Checkpoint, CheckpointSignature};
use sigstore_verify::types::{KindVersion, TransparencyLogEntry};

use crate::reason::Reason;
use crate::rejection::{Rejection, invalid};
use crate::root::{Log, TrustRoot};

/// The log an entry names. Its key must have become valid by `now`: the verifier below asks the
/// system clock, and a decision must not depend on that.
pub(crate) fn named_log<'a>(
    root: &'a TrustRoot,
    entry: &TransparencyLogEntry,
    now: Timestamp,
) -> Result<&'a Log, Rejection> {
    let id = entry.log_id.key_id.as_bytes();
    // A log id is compared with the trust root's and never computed from the bundle. Stops an
    // entry that is filed under another id of the same key (sha256 of the SPKI for an Ed25519 log).
    let log = root.log(id).ok_or_else(|| {
        invalid(
            Reason::LogId,
            format!("no log of the trust root has the id `{}`", hex::encode(id)),
        )
    })?;
    if log.start.is_some_and(|start| start > now) {
        return Err(invalid(Reason::Future, "the log's key is not valid yet"));
    }
    Ok(log)
}

/// Checks an entry, already verified cryptographically, against the log it names.
pub(crate) fn check(
    log: &Log,
    entry: &TransparencyLogEntry,
    times: &[Timestamp],
) -> Result<(), Rejection> {
    // A key that was retired, or was not in use yet, vouches for nothing.
    if let Some(time) = times.iter().find(|time| !log.contains(**time)) {
        return Err(invalid(
            Reason::LogTime,
            format!("the key of the log `{}` was not valid at {time}", log.host),
        ));
    }
    let Some(proof) = &entry.inclusion_proof else {
        return Ok(());
    };
    let checkpoint = proof
        .checkpoint
        .checkpoint()
        .ok_or_else(|| invalid(Reason::Checkpoint, "the proof has no checkpoint"))?;
    let version_2 = entry.kind_version == KindVersion::HashedRekordV002;
    check_origin(log, checkpoint.origin(), entry)?;
    check_signature(log, checkpoint)?;
    // Rekor v1 repeats the tree size outside the signature; v2 ignores the copy.
    if !version_2 && checkpoint.tree_size() != proof.tree_size {
        return Err(invalid(
            Reason::Checkpoint,
            format!(
                "the checkpoint has {} entries, the proof {}",
                checkpoint.tree_size(),
                proof.tree_size
            ),
        ));
    }
    Ok(())
}

/// The verifier below is content with the signature of *any* trusted log. Stops an entry that
/// names one log and is proven in another.
fn check_signature(log: &Log, checkpoint: &Checkpoint) -> Result<(), Rejection> {
    // signed note, *Signatures*: a signature counts under its key's name and id.
    let by_log = |signature: &&CheckpointSignature| {
        without_port(&signature.name) == log.host
            && log.id.starts_with(signature.key_id.as_bytes())
            && log
                .key
                .verify(checkpoint.signed_data(), &signature.signature)
                .is_ok()
    };
    match checkpoint.signatures().iter().find(by_log) {
        Some(_) => Ok(()),
        None => Err(invalid(
            Reason::Checkpoint,
            format!("the checkpoint is not signed by the log `{}`", log.host),
        )),
    }
}

/// The origin is the log's name. Rekor v1 writes `HOST[:PORT] - TREE-ID`, Rekor v2 `HOST`. Stops
/// the checkpoint of another log that shares the key, and one that leaves open which tree it is.
///
/// An older kind of entry may stand in a log of the newer make, which promises nothing and names
/// itself by its host; Rekor v1 promises every entry.
fn check_origin(log: &Log, origin: &str, entry: &TransparencyLogEntry) -> Result<(), Rejection> {
    let version_2 = entry.kind_version == KindVersion::HashedRekordV002;
    let by_host = version_2 || entry.inclusion_promise.is_none();
    let with_tree = || {
        origin.split_once(" - ").is_some_and(|(host, tree)| {
            without_port(host) == log.host
                && !tree.is_empty()
                && tree.bytes().all(|b| b.is_ascii_digit())
        })
    };
    let fits = (by_host && origin == log.host) || (!version_2 && with_tree());
    if fits {
        return Ok(());
    }
    let want = if version_2 { "" } else { " - TREE-ID" };
    Err(invalid(
        Reason::CheckpointOrigin,
        format!(
            "the checkpoint's origin is `{origin}`, wanted `{}{want}`",
            log.host
        ),
    ))
}

/// The host of `host:port`; an IPv6 address keeps its brackets.
pub(crate) fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_dropped_and_an_address_kept() {
        assert_eq!(without_port("rekor.test:3000"), "rekor.test");
        assert_eq!(without_port("rekor.test"), "rekor.test");
        assert_eq!(without_port("[::1]:3000"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
    }
}
