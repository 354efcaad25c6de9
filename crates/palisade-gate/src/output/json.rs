//! The decision document, version 1: what `--format json` and `--decision` write.
//!
//! The same evidence, policy and time give the same bytes. The summary's signature is not in it:
//! the summary names the digest of this document.

use palisade_attest::Statement;
use palisade_policy::{Evidence, RejectedEvidence};
use palisade_roots::Origin;
use palisade_trust::{Mismatch, Verified};
use palisade_types::{Decision, Digest, Finding, Gap, Ignored, Leaf, Outcome, Verdict};
use serde::Serialize;

use crate::rules::Rules;

/// The version of this document. A field's meaning never changes within it.
const VERSION: u32 = 1;

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Document {
    version: u32,
    pub(crate) decision: Outcome,
    /// Whether it may become a signed summary: an allow, in enforce mode.
    passed: bool,
    pub(crate) subject: Subject,
    pub(crate) policy: PolicyPart,
    time: String,
    pub(crate) relaxations: Vec<String>,
    trust_roots: Vec<TrustRoot>,
    pub(crate) checks: Vec<CheckPart>,
    pub(crate) evidence: Vec<EvidencePart>,
    pub(crate) gaps: Vec<Gap>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Subject {
    pub(crate) image: String,
    pub(crate) resolved_from: Option<String>,
    digest: Digest,
    media_type: String,
    index: bool,
    platforms: Vec<PlatformPart>,
    ignored: Vec<Ignored>,
}

#[derive(Clone, Debug, Serialize)]
struct PlatformPart {
    platform: String,
    manifest: Digest,
    config: Digest,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct PolicyPart {
    pub(crate) id: String,
    pub(crate) version: u64,
    pub(crate) environment: String,
    pub(crate) mode: palisade_types::Mode,
    digest: Digest,
}

#[derive(Clone, Debug, Serialize)]
struct TrustRoot {
    name: String,
    digest: Digest,
    profile: &'static str,
    lab: bool,
    /// Absent for a file, which its digest names.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct CheckPart {
    pub(crate) check: String,
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
    pub(crate) help: Option<String>,
    evidence: Vec<Digest>,
    pub(crate) policy_line: Option<usize>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct EvidencePart {
    pub(crate) bundle: Digest,
    pub(crate) status: Status,
    /// Of a rejected bundle this is only what it claims.
    pub(crate) predicate_type: Option<String>,
    signer: Option<String>,
    identity: Option<String>,
    issuer: Option<String>,
    signed_at: Option<String>,
    claims: Vec<palisade_trust::Claim>,
    pub(crate) why: Option<String>,
    near_misses: Vec<NearMiss>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    Rejected,
    Verified,
}

#[derive(Clone, Debug, Serialize)]
struct NearMiss {
    signer: String,
    field: String,
    want: String,
    got: String,
}

impl Document {
    pub(crate) fn new(decision: &Decision, evidence: &Evidence, rules: &Rules) -> Self {
        let policy = decision.policy();
        let mut parts: Vec<EvidencePart> = evidence.statements.iter().map(verified).collect();
        parts.extend(evidence.rejected.iter().map(rejected));
        parts.sort_by(|a, b| {
            (a.status, &a.bundle, &a.signer).cmp(&(b.status, &b.bundle, &b.signer))
        });
        Self {
            version: VERSION,
            decision: decision.outcome(),
            passed: decision.is_passed(),
            subject: subject(decision),
            policy: PolicyPart {
                id: policy.id.clone(),
                version: policy.version,
                environment: policy.environment.clone(),
                mode: policy.mode,
                digest: policy.digest.clone(),
            },
            time: decision.now().to_string(),
            relaxations: relaxations(decision),
            trust_roots: rules
                .roots
                .iter()
                .map(|root| TrustRoot {
                    name: root.name.clone(),
                    digest: root.loaded.root.digest().clone(),
                    profile: root.loaded.root.profile().word(),
                    lab: root.loaded.root.is_lab(),
                    source: (root.loaded.origin != Origin::File)
                        .then(|| root.loaded.source.clone()),
                    version: root.loaded.version,
                    expires: root.loaded.expires.map(|end| end.to_string()),
                })
                .collect(),
            checks: decision.findings().iter().map(check).collect(),
            evidence: parts,
            gaps: decision.gaps().to_vec(),
        }
    }

    /// The document as it is written to a file.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .expect("the document holds only strings, numbers, lists and structs");
        bytes.push(b'\n');
        bytes
    }

    /// The digest of [`Document::to_bytes`], by which a summary names its decision.
    pub(crate) fn digest(&self) -> Digest {
        Digest::sha256_of(&self.to_bytes())
    }
}

/// The relaxations in the words of this document.
pub(crate) fn relaxations(decision: &Decision) -> Vec<String> {
    let word = |relaxation: &palisade_types::Relaxation| match relaxation {
        palisade_types::Relaxation::AllowLab => "allow-lab".to_owned(),
        palisade_types::Relaxation::InsecureRegistry { host } => {
            format!("insecure-registry={host}")
        }
        palisade_types::Relaxation::MovedClock => "moved-clock".to_owned(),
        palisade_types::Relaxation::WarnMode => "warn-mode".to_owned(),
    };
    decision.relaxations().iter().map(word).collect()
}

fn subject(decision: &Decision) -> Subject {
    let subject = decision.subject();
    let platform = |leaf: &Leaf| PlatformPart {
        platform: leaf.platform.to_string(),
        manifest: leaf.manifest.clone(),
        config: leaf.config.clone(),
    };
    Subject {
        image: subject.image.to_string(),
        resolved_from: subject.resolved_from.clone(),
        digest: subject.image.digest().clone(),
        media_type: subject.descriptor.media_type.clone(),
        index: subject.index.is_some(),
        platforms: subject.leaves.iter().map(platform).collect(),
        ignored: subject.ignored.clone(),
    }
}

fn check(finding: &Finding) -> CheckPart {
    CheckPart {
        check: finding.check.to_owned(),
        verdict: finding.verdict,
        reason: finding.reason.clone(),
        help: finding.help.clone(),
        evidence: finding.evidence.clone(),
        policy_line: finding.policy_at.map(|span| span.line),
    }
}

fn verified(statement: &Verified<Statement>) -> EvidencePart {
    EvidencePart {
        bundle: statement.bundle().clone(),
        status: Status::Verified,
        predicate_type: Some(statement.value().predicate_type.clone()),
        signer: Some(statement.expected().to_owned()),
        identity: Some(statement.signer().san.clone()),
        issuer: Some(statement.signer().issuer.clone()),
        signed_at: Some(statement.signed_at().to_string()),
        claims: statement.claims().to_vec(),
        why: None,
        near_misses: Vec::new(),
    }
}

fn rejected(item: &RejectedEvidence) -> EvidencePart {
    let near_miss = |miss: &Mismatch| NearMiss {
        signer: miss.signer.clone(),
        field: miss.field.to_owned(),
        want: miss.want.clone(),
        got: miss.got.clone(),
    };
    EvidencePart {
        bundle: item.bundle.clone(),
        status: Status::Rejected,
        predicate_type: item.claimed_type.clone(),
        signer: None,
        identity: None,
        issuer: None,
        signed_at: None,
        claims: Vec::new(),
        why: Some(item.why.clone()),
        near_misses: item.near_misses.iter().map(near_miss).collect(),
    }
}
