//! The one verify function: from a bundle to a [`Verified`] value, or the reason why not.

use palisade_attest::{Bundle, Content, ResourceDescriptor, Statement};
use palisade_types::{Algorithm, Digest, SignerIdentity, Timestamp};
use serde::Deserialize;
use sigstore_verify::types::bundle::VerificationMaterial;
use sigstore_verify::types::{
    ArtifactDigest, Bundle as SigstoreBundle, HashAlgorithm, SignatureContent,
};
use sigstore_verify::{VerificationPolicy, VerificationResult};

use crate::checks;
use crate::claims::SignerClaims;
use crate::profile::Profile;
use crate::reason::Reason;
use crate::rejection::{Rejection, invalid, of_verifier};
use crate::root::{Log, TrustRoot};
use crate::signer::ExpectedSigner;
use crate::verified::{BlobSignature, Claim, Verified};

/// The kinds of log entry that can be verified.
const KNOWN_ENTRIES: &[&str] = &[
    "dsse 0.0.1",
    "hashedrekord 0.0.1",
    "hashedrekord 0.0.2",
    "intoto 0.0.2",
];

/// Verifies a bundle that carries a statement: certificate chain, SCT, log entry, every
/// timestamp, signature, and that the signer is one of `signers`. Nothing but what is in the
/// arguments is believed; `now` bounds every time from above.
pub fn verify_statement(
    bundle: &Bundle,
    root: &TrustRoot,
    signers: &[ExpectedSigner],
    now: Timestamp,
) -> Result<Verified<Statement>, Rejection> {
    let Content::Statement(statement) = bundle.claimed() else {
        return Err(Rejection::Content {
            got: "a message signature",
            want: "a statement",
        });
    };
    let subject = any_subject(statement)
        .ok_or_else(|| invalid(Reason::Artifact, "no subject has a sha256 or sha512 digest"))?;
    let (verified, content) = verify(bundle, root, signers, &subject, now)?;
    let SignatureContent::DsseEnvelope(envelope) = content else {
        return Err(invalid(Reason::Bundle, "the bundle has no envelope"));
    };
    // Read again, out of the bytes whose signature was verified: what another parser made of the
    // bundle before that is not what is vouched for (the class of CVE-2026-44309).
    let statement = Statement::parse(envelope.payload.as_bytes())
        .map_err(|error| invalid(Reason::Bundle, error.to_string()))?;
    Ok(verified.with(statement))
}

/// Verifies a bundle that signs an artifact with this digest.
pub fn verify_blob(
    bundle: &Bundle,
    root: &TrustRoot,
    signers: &[ExpectedSigner],
    artifact: &Digest,
    now: Timestamp,
) -> Result<Verified<BlobSignature>, Rejection> {
    if *bundle.claimed() != Content::MessageSignature {
        return Err(Rejection::Content {
            got: "a statement",
            want: "a message signature",
        });
    }
    let (verified, _) = verify(bundle, root, signers, artifact, now)?;
    Ok(verified.with(BlobSignature {
        artifact: artifact.clone(),
    }))
}

/// One of the statement's own subjects. The verifier below wants an artifact; whose statement it
/// is, is the caller's question, who asks [`Statement::is_about`].
fn any_subject(statement: &Statement) -> Option<Digest> {
    ["sha256", "sha512"].into_iter().find_map(|algorithm| {
        let hex = |subject: &ResourceDescriptor| subject.digest.get(algorithm).cloned();
        let hex = statement.subjects.iter().find_map(hex)?;
        format!("{algorithm}:{hex}").parse().ok()
    })
}

fn artifact_digest(digest: &Digest) -> ArtifactDigest {
    let algorithm = match digest.algorithm() {
        Algorithm::Sha256 => HashAlgorithm::Sha2256,
        Algorithm::Sha512 => HashAlgorithm::Sha2512,
    };
    ArtifactDigest::new(algorithm, digest.bytes()).expect("a digest has its algorithm's length")
}

fn verify(
    bundle: &Bundle,
    root: &TrustRoot,
    signers: &[ExpectedSigner],
    artifact: &Digest,
    now: Timestamp,
) -> Result<(Verified<()>, SignatureContent), Rejection> {
    if signers.is_empty() {
        return Err(Rejection::NobodyExpected);
    }
    let parsed = read_bundle(bundle.bytes())?;
    let material = &parsed.verification_material;

    // 1. What needs no cryptography.
    checks::shape::check(bundle, &parsed, root.profile())?;
    let logs = material
        .tlog_entries
        .iter()
        .map(|entry| checks::log::named_log(root, entry, now))
        .collect::<Result<Vec<&Log>, _>>()?;

    // 2. The cryptography: times, chain, SCT, log evidence, signature, entry against bundle. Any
    //    identity passes here; step 4 asks whose it is.
    let result = root
        .verifier
        .verify(artifact_digest(artifact), &parsed, &demands(root.profile()))
        .map_err(|error| of_verifier(&error))?;

    // 3. What the verifier does not look at, on what it has authenticated.
    let times = result.verified_timestamps();
    let signed_at = checks::time::signed_at(times, now)?;
    for (entry, log) in material.tlog_entries.iter().zip(logs) {
        checks::log::check(log, entry, times)?;
    }
    let certificate = parsed
        .signing_certificate()
        .ok_or_else(|| invalid(Reason::ManagedKey, "the bundle has no certificate"))?;
    let certificate = checks::certificate::parse(certificate.as_bytes())?;
    checks::time::scts(&certificate, now)?;

    // 4. The signer.
    let signer = checks::certificate::identity(&certificate)?;
    let signer_claims = SignerClaims::read(&certificate);
    let expected = expected_signer(signers, &signer, &signer_claims)?;
    let verified = Verified {
        value: (),
        signer,
        signer_claims,
        expected,
        signed_at,
        bundle: bundle.digest().clone(),
        claims: claims(material, &result),
    };
    Ok((verified, parsed.content))
}

/// What the verifier below has to demand. It skips what is not there, so the profile that goes
/// without a log comes with a root that has none.
fn demands(profile: Profile) -> VerificationPolicy {
    let policy = VerificationPolicy::any_identity();
    match profile {
        Profile::GithubPrivate => policy.skip_tlog_unsafe().skip_sct(),
        Profile::Included | Profile::Logged | Profile::Promised => policy,
    }
}

/// The checks that ran and held. Every part that is present was verified, so presence is enough.
fn claims(material: &VerificationMaterial, result: &VerificationResult) -> Vec<Claim> {
    let entries = &material.tlog_entries;
    let timestamps = &material.timestamp_verification_data.rfc3161_timestamps;
    let held = [
        (Claim::CertificateChain, result.certificate_verified()),
        (Claim::Identity, true),
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
        (Claim::Sct, result.sct_verified()),
        (Claim::Signature, true),
        (Claim::Timestamp, !timestamps.is_empty()),
    ];
    held.into_iter()
        .filter_map(|(claim, held)| held.then_some(claim))
        .collect()
}

fn expected_signer(
    signers: &[ExpectedSigner],
    got: &SignerIdentity,
    claims: &SignerClaims,
) -> Result<String, Rejection> {
    let mut mismatches = Vec::new();
    for signer in signers {
        match signer.check_all(got, claims) {
            Ok(()) => return Ok(signer.name().to_owned()),
            Err(more) => mismatches.extend(more),
        }
    }
    Err(Rejection::Signer {
        got: got.clone(),
        claims: Box::new(claims.clone()),
        mismatches,
    })
}

/// The bundle as the verifier reads it.
pub(crate) fn read_bundle(bytes: &[u8]) -> Result<SigstoreBundle, Rejection> {
    let text = std::str::from_utf8(bytes).map_err(|e| invalid(Reason::Bundle, e.to_string()))?;
    SigstoreBundle::from_json(text).map_err(|error| match foreign_entry(bytes) {
        Some(kind) => invalid(
            Reason::UnsupportedEntry,
            format!("palisade does not read log entries of kind `{kind}`"),
        ),
        None => invalid(Reason::Bundle, error.to_string()),
    })
}

/// The kind of the first log entry that the parser does not know, to tell "unsupported" from
/// "broken". Looked for only after parsing has failed.
fn foreign_entry(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Probe {
        verification_material: Material,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Material {
        tlog_entries: Vec<Entry>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Entry {
        kind_version: Kind,
    }
    #[derive(Deserialize)]
    struct Kind {
        kind: String,
        version: String,
    }
    let probe: Probe = serde_json::from_slice(bytes).ok()?;
    probe
        .verification_material
        .tlog_entries
        .into_iter()
        .map(|entry| format!("{} {}", entry.kind_version.kind, entry.kind_version.version))
        .find(|kind| !KNOWN_ENTRIES.contains(&kind.as_str()))
}
