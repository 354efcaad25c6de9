//! A signed decision becomes a ticket; a ticket releases one image, once.

use palisade_attest::Statement;
use palisade_attest::predicates::vsa::Vsa;
use palisade_trust::{ExpectedSigner, Verified};
use palisade_types::{Digest, FrozenSubject, PinnedRef, SignedDuration, SignerIdentity, Timestamp};

use crate::demands;
use crate::refusal::Refusal;

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
    /// Which bytes or versions of that policy.
    pub policy_bound: PolicyBound,
    /// How old the decision may be, inclusive.
    pub max_age: SignedDuration,
    /// Whether a decision made under a lab's trust root counts.
    pub allow_lab: bool,
}

/// What an id leaves open about a policy: a lax version of last year has the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyBound {
    /// Exactly the policy of these bytes.
    Digest(Digest),
    /// This version of the policy, or a later one.
    MinVersion(u64),
    /// Both: these bytes, and they are this version or a later one.
    Both(Digest, u64),
}

impl PolicyBound {
    /// The digest that the policy's bytes must have.
    pub const fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Digest(digest) | Self::Both(digest, _) => Some(digest),
            Self::MinVersion(_) => None,
        }
    }

    /// The lowest version that the policy may have.
    pub const fn min_version(&self) -> Option<u64> {
        match self {
            Self::MinVersion(version) | Self::Both(_, version) => Some(*version),
            Self::Digest(_) => None,
        }
    }
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
        demands::signed_by_gate(vsa, expected)?;
        let summary = vsa.predicate::<Vsa>();
        if let Ok(summary) = &summary {
            demands::speaks_for(summary.value(), expected)?;
        }
        // 2. It is about these bytes: a decision about another image is no decision.
        demands::is_about(image, subject, vsa)?;
        // 3. It is a decision at all, and was made about them.
        let summary = summary.map_err(demands::unreadable)?;
        let summary = summary.value();
        demands::decided_about(subject, summary)?;
        // 4. For this place: a decision for staging does not open production.
        demands::names_resource(image, summary, expected)?;
        let environment = demands::for_environment(summary, expected)?;
        // 5. It says yes, and nothing was loosened for it.
        demands::passed(summary)?;
        let relaxations = demands::not_relaxed(summary, expected)?;
        // 6. Under the policy we mean, and no older one.
        let policy_version = demands::under_policy(summary, expected)?;
        // 7. Recently: evidence and advisories move on.
        let expires_at = demands::fresh(summary, vsa.signed_at(), expected, now)?;
        let expires_at = expires_at.min(demands::within_its_end(vsa.value(), now)?);
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
