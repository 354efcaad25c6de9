//! A signed decision becomes a ticket; a ticket releases one image, once.

use palisade_attest::predicates::vsa::{VerificationResult, Vsa};
use palisade_attest::{PredicateError, Statement};
use palisade_trust::{ExpectedSigner, Verified};
use palisade_types::{Digest, FrozenSubject, PinnedRef, SignedDuration, SignerIdentity, Timestamp};

use crate::refusal::Refusal;

/// The one relaxation that can be allowed here: it is loud on both sides.
const ALLOW_LAB: &str = "allow-lab";

/// Our extension of the summary: the last moment at which the gate lets it release anything.
const VALID_UNTIL: &str = "https://palisade.dev/vsa/valid-until";

/// What a decision has to be to release something here. No `Default`: all of it is named.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Who may sign decisions.
    pub gate: ExpectedSigner,
    /// The verifier that this signer speaks for.
    pub verifier_id: String,
    /// The environment deployed to.
    pub environment: String,
    /// The policy's id.
    pub policy: String,
    /// The lowest version of the policy, when there is one.
    pub min_policy_version: Option<u64>,
    /// The digest of the policy's bytes, when it has to be exactly these.
    pub policy_digest: Option<Digest>,
    /// How old the decision may be, inclusive.
    pub max_age: SignedDuration,
    /// Whether a decision made under a lab's trust root counts.
    pub allow_lab: bool,
}

/// The right to release one image, once. Made by [`DeployTicket::redeem`] alone.
///
/// Releasing consumes it:
///
/// ```
/// use palisade_deploy::{DeployTicket, platforms::render::{Release, Render}};
/// fn once(render: Render, ticket: DeployTicket) -> Release {
///     render.release(ticket)
/// }
/// ```
///
/// so that one ticket cannot release twice,
///
/// ```compile_fail,E0382
/// use palisade_deploy::{DeployTicket, platforms::render::{Release, Render}};
/// fn twice(render: Render, again: Render, ticket: DeployTicket) -> (Release, Release) {
///     (render.release(ticket), again.release(ticket))
/// }
/// ```
///
/// it cannot be copied,
///
/// ```compile_fail,E0599
/// fn copy(ticket: &palisade_deploy::DeployTicket) -> palisade_deploy::DeployTicket {
///     ticket.clone()
/// }
/// ```
///
/// written down by hand,
///
/// ```compile_fail,E0451
/// fn forge(real: palisade_deploy::DeployTicket) -> palisade_deploy::DeployTicket {
///     palisade_deploy::DeployTicket { ..real }
/// }
/// ```
///
/// or read from a file.
///
/// ```compile_fail,E0277
/// fn read(json: &str) -> palisade_deploy::DeployTicket {
///     serde_json::from_str(json).unwrap()
/// }
/// ```
#[derive(Debug)]
pub struct DeployTicket {
    subject: FrozenSubject,
    approval: Approval,
}

/// Who allowed a release, under what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The digest of the bundle that carries the decision.
    pub bundle: Digest,
    /// Who signed it.
    pub signer: SignerIdentity,
    /// The verifier it speaks for.
    pub verifier: String,
    /// The environment.
    pub environment: String,
    /// The policy's id.
    pub policy: String,
    /// The policy's version.
    pub policy_version: u64,
    /// What was loosened for it.
    pub relaxations: Vec<String>,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The last moment at which it releases anything.
    pub expires_at: Timestamp,
}

/// What a digest names within the approved image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentityKind {
    /// The image's index.
    Index,
    /// The manifest of one of its platforms.
    Manifest,
    /// The configuration of one of its platforms.
    Config,
    /// One of its layers.
    Layer,
}

impl IdentityKind {
    /// The kind in one stable word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Manifest => "manifest",
            Self::Config => "config",
            Self::Layer => "layer",
        }
    }
}

impl DeployTicket {
    /// Turns a verified decision into the right to release `image`.
    ///
    /// The demands are those of SLSA 1.1, *Verifying VSAs*, and ours, in this order; each has its
    /// own [`Refusal`]. The signature itself was checked when `vsa` was made.
    pub fn redeem(
        image: &PinnedRef,
        subject: &FrozenSubject,
        vsa: &Verified<Statement>,
        expected: &Expectation,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        // 1. The gate signed it, and speaks for the verifier we trust: anybody can sign a summary
        //    that names our verifier, and our gate may sign for several.
        signed_by_gate(vsa, expected)?;
        let summary = vsa.predicate::<Vsa>();
        if let Ok(summary) = &summary {
            speaks_for(summary.value(), expected)?;
        }
        // 2. It is about these bytes: a decision about another image is no decision.
        is_about(image, subject, vsa)?;
        // 3. It is a decision at all.
        let summary = summary.map_err(unreadable)?;
        let summary = summary.value();
        // 4. For this place: a decision for staging does not open production.
        names_resource(image, summary, expected)?;
        let environment = for_environment(summary, expected)?;
        // 5. It says yes, and nothing was loosened for it.
        passed(summary)?;
        let relaxations = not_relaxed(summary, expected)?;
        // 6. Under the policy we mean, and no older one.
        let policy_version = under_policy(summary, expected)?;
        // 7. Recently: evidence and advisories move on.
        let expires_at = fresh(summary, vsa.signed_at(), expected, now)?;
        let expires_at = expires_at.min(within_its_end(vsa.value(), now)?);
        Ok(Self {
            subject: subject.clone(),
            approval: Approval {
                bundle: vsa.bundle().clone(),
                signer: vsa.signer().clone(),
                verifier: summary.verifier.id.clone(),
                environment,
                policy: expected.policy.clone(),
                policy_version,
                relaxations,
                decided_at: summary.time_verified,
                expires_at,
            },
        })
    }

    /// The image it releases.
    pub const fn image(&self) -> &PinnedRef {
        &self.subject.image
    }

    /// Who allowed it.
    pub const fn approval(&self) -> &Approval {
        &self.approval
    }

    /// What is left of a ticket after its release.
    pub(crate) fn spend(self) -> (PinnedRef, Approval) {
        (self.subject.image, self.approval)
    }

    /// Every digest the image commits to, by which a platform may name what runs.
    pub fn identities(&self) -> Vec<Digest> {
        self.subject.identities()
    }

    /// What this digest names within the image, or `None` when it is not part of it.
    pub fn identity(&self, digest: &Digest) -> Option<IdentityKind> {
        if self.subject.index.as_ref() == Some(digest) {
            return Some(IdentityKind::Index);
        }
        let leaves = &self.subject.leaves;
        if leaves.iter().any(|leaf| leaf.manifest == *digest) {
            Some(IdentityKind::Manifest)
        } else if leaves.iter().any(|leaf| leaf.config == *digest) {
            Some(IdentityKind::Config)
        } else if leaves.iter().any(|leaf| leaf.layers.contains(digest)) {
            Some(IdentityKind::Layer)
        } else {
            None
        }
    }
}

fn signed_by_gate(vsa: &Verified<Statement>, expected: &Expectation) -> Result<(), Refusal> {
    expected.gate.check(vsa.signer()).map_err(|mismatches| {
        let first = mismatches.into_iter().next();
        let (field, want) = first.map_or(("identity", String::new()), |m| (m.field, m.want));
        Refusal::Signer {
            field,
            want,
            got: vsa.signer().clone(),
        }
    })
}

fn speaks_for(summary: &Vsa, expected: &Expectation) -> Result<(), Refusal> {
    if summary.verifier.id == expected.verifier_id {
        return Ok(());
    }
    Err(Refusal::Verifier {
        want: expected.verifier_id.clone(),
        got: summary.verifier.id.clone(),
    })
}

fn is_about(
    image: &PinnedRef,
    subject: &FrozenSubject,
    vsa: &Verified<Statement>,
) -> Result<(), Refusal> {
    if subject.image != *image || subject.descriptor.digest != *image.digest() {
        return Err(Refusal::Frozen {
            want: image.to_string(),
            got: subject
                .image
                .repository()
                .pin(subject.descriptor.digest.clone())
                .to_string(),
        });
    }
    let statement = vsa.value();
    if matches!(statement.is_about(image.digest(), &[]), Ok(Some(_))) {
        return Ok(());
    }
    let digests = statement
        .subjects
        .iter()
        .flat_map(|subject| &subject.digest);
    Err(Refusal::Subject {
        want: image.digest().clone(),
        got: digests
            .map(|(algorithm, hex)| format!("{algorithm}:{hex}"))
            .collect(),
    })
}

fn unreadable(error: PredicateError) -> Refusal {
    match error {
        PredicateError::Type { got, want } => Refusal::PredicateType { want, got },
        error @ PredicateError::Field { .. } => Refusal::Predicate(error),
    }
}

/// `oci://REPOSITORY@DIGEST`, then `?env=NAME` if the policy writes one.
fn names_resource(image: &PinnedRef, summary: &Vsa, expected: &Expectation) -> Result<(), Refusal> {
    let (resource, query) = split_query(&summary.resource_uri);
    let named = resource
        .strip_prefix("oci://")
        .and_then(|text| text.parse::<PinnedRef>().ok());
    if named.as_ref() != Some(image) {
        return Err(Refusal::Resource {
            want: format!("oci://{image}"),
            got: summary.resource_uri.clone(),
        });
    }
    match environments(query).find(|environment| *environment != expected.environment) {
        Some(other) => Err(Refusal::Environment {
            want: expected.environment.clone(),
            got: Some(other),
        }),
        None => Ok(()),
    }
}

/// The environment has to be named: in the decision, or in the resource when there is no more than
/// the standard's fields. Both were compared when both are there.
fn for_environment(summary: &Vsa, expected: &Expectation) -> Result<String, Refusal> {
    let in_resource = || environments(split_query(&summary.resource_uri).1).next();
    let in_decision = summary
        .decision
        .as_ref()
        .map(|decision| decision.environment.clone());
    match in_decision.or_else(in_resource) {
        Some(environment) if environment == expected.environment => Ok(environment),
        got => Err(Refusal::Environment {
            want: expected.environment.clone(),
            got,
        }),
    }
}

fn split_query(uri: &str) -> (&str, &str) {
    uri.split_once('?').unwrap_or((uri, ""))
}

fn environments(query: &str) -> impl Iterator<Item = String> {
    url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "env")
        .map(|(_, value)| value.into_owned())
}

const fn passed(summary: &Vsa) -> Result<(), Refusal> {
    match summary.verification_result {
        VerificationResult::Passed => Ok(()),
        VerificationResult::Failed => Err(Refusal::Result { got: "FAILED" }),
    }
}

fn not_relaxed(summary: &Vsa, expected: &Expectation) -> Result<Vec<String>, Refusal> {
    let relaxations = summary
        .decision
        .as_ref()
        .map_or(&[][..], |decision| &decision.relaxations);
    let allowed = |relaxation: &String| expected.allow_lab && relaxation == ALLOW_LAB;
    match relaxations.iter().find(|relaxation| !allowed(relaxation)) {
        Some(got) => Err(Refusal::Relaxed { got: got.clone() }),
        None => Ok(relaxations.to_vec()),
    }
}

fn under_policy(summary: &Vsa, expected: &Expectation) -> Result<u64, Refusal> {
    let policy = |got| Refusal::Policy {
        want: expected.policy.clone(),
        got,
    };
    let decision = summary.decision.as_ref().ok_or_else(|| policy(None))?;
    if decision.policy != expected.policy {
        return Err(policy(Some(decision.policy.clone())));
    }
    if let Some(want) = &expected.policy_digest {
        let got = summary.policy.digest.get(want.algorithm().name());
        if got.map(String::as_str) != Some(want.hex()) {
            return Err(Refusal::PolicyDigest {
                want: want.clone(),
                got: got.map(|hex| format!("{}:{hex}", want.algorithm().name())),
            });
        }
    }
    match expected.min_policy_version {
        Some(want) if decision.policy_version < want => Err(Refusal::PolicyVersion {
            want,
            got: decision.policy_version,
        }),
        _ => Ok(decision.policy_version),
    }
}

/// The age counts from the earlier of the time the gate names and the time proven for its
/// signature, so that a gate whose clock runs ahead cannot make a decision last longer.
fn fresh(
    summary: &Vsa,
    signed_at: Timestamp,
    expected: &Expectation,
    now: Timestamp,
) -> Result<Timestamp, Refusal> {
    let latest = summary.time_verified.max(signed_at);
    if latest > now {
        return Err(Refusal::Future { got: latest, now });
    }
    let earliest = summary.time_verified.min(signed_at);
    match earliest.checked_add(expected.max_age) {
        Ok(expires_at) if now <= expires_at => Ok(expires_at),
        _ => Err(Refusal::Stale {
            want: expected.max_age,
            got: earliest,
            now,
        }),
    }
}

/// A gate may give its decisions an end, and that can only shorten what is allowed here. An end
/// that cannot be read is none we could keep to.
fn within_its_end(statement: &Statement, now: Timestamp) -> Result<Timestamp, Refusal> {
    let Some(value) = statement.predicate.get(VALID_UNTIL) else {
        return Ok(Timestamp::MAX);
    };
    let until = value
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok());
    let until = until
        .ok_or_else(|| Refusal::Predicate(PredicateError::field(VALID_UNTIL, "is not a time")))?;
    if now > until {
        return Err(Refusal::Expired { got: until, now });
    }
    Ok(until)
}
