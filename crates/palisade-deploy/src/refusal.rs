//! Why a signed decision is not a ticket: one variant per demand, what was wanted beside what came.

use palisade_attest::PredicateError;
use palisade_types::{Digest, SignedDuration, SignerIdentity, Timestamp};

/// Why a verification summary does not release an image. An answer: no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody else than the gate signed it.
    #[error("signed by `{got}`, wanted the gate, `{want}`")]
    Signer {
        /// The field that differs: `identity` or `issuer`.
        field: &'static str,
        /// The gate's.
        want: String,
        /// Who signed.
        got: SignerIdentity,
    },
    /// The gate's signer speaks for another verifier.
    #[error("the verifier is `{got}`, wanted `{want}`")]
    Verifier {
        /// The expected verifier.
        want: String,
        /// What stands in `verifier.id`.
        got: String,
    },
    /// The bytes that were read are not those of the image to deploy.
    #[error("what was read is `{got}`, wanted `{want}`")]
    Frozen {
        /// The image to deploy.
        want: String,
        /// What the frozen subject names.
        got: String,
    },
    /// It is about another image.
    #[error("it is about {}, wanted `{want}`", list(got))]
    Subject {
        /// The digest to deploy.
        want: Digest,
        /// The digests it is about.
        got: Vec<String>,
    },
    /// It was decided about another image than the one it is about.
    #[error("it was decided about `{got}`, wanted `{want}`")]
    Decided {
        /// The index to deploy.
        want: Digest,
        /// What the decision names.
        got: Digest,
    },
    /// It is another kind of statement.
    #[error("the statement is a `{got}`, wanted `{want}`")]
    PredicateType {
        /// The predicate type of a verification summary.
        want: String,
        /// What it is.
        got: String,
    },
    /// It is a verification summary that cannot be read.
    #[error(transparent)]
    Predicate(PredicateError),
    /// `resourceUri` names something else.
    #[error("the resource is `{got}`, wanted `{want}`")]
    Resource {
        /// The image to deploy, as a resource URI.
        want: String,
        /// What stands there.
        got: String,
    },
    /// It is for another environment, or names none.
    #[error("it is for {}, wanted `{want}`", got.as_ref().map_or("no named environment".to_owned(), |got| format!("the environment `{got}`")))]
    Environment {
        /// The environment deployed to.
        want: String,
        /// The environment it names.
        got: Option<String>,
    },
    /// The decision was no.
    #[error("the result is `{got}`, wanted `PASSED`")]
    Result {
        /// What stands there.
        got: &'static str,
    },
    /// Something was loosened for it that is not allowed here.
    #[error("the decision was relaxed by `{got}`, wanted none")]
    Relaxed {
        /// What was loosened.
        got: String,
    },
    /// It was made under another policy, or names none.
    #[error("it was decided under {}, wanted `{want}`", got.as_ref().map_or("no named policy".to_owned(), |got| format!("the policy `{got}`")))]
    Policy {
        /// The policy's id.
        want: String,
        /// The id it names.
        got: Option<String>,
    },
    /// The policy's bytes were others.
    #[error("the policy's digest is {}, wanted `{want}`", got.as_ref().map_or("not named".to_owned(), |got| format!("`{got}`")))]
    PolicyDigest {
        /// The expected digest.
        want: Digest,
        /// The digest it names.
        got: Option<String>,
    },
    /// The policy was older.
    #[error("the policy's version is {got}, wanted {want} or later")]
    PolicyVersion {
        /// The lowest version allowed.
        want: u64,
        /// The version it names.
        got: u64,
    },
    /// It comes from the future, so that its age means nothing.
    #[error("it was made at {got}, which is after now, {now}")]
    Future {
        /// The time it names, or that was proven for its signature.
        got: Timestamp,
        /// The time it is used.
        now: Timestamp,
    },
    /// The gate gave it an end, which has passed.
    #[error("it was good until {got}; now is {now}")]
    Expired {
        /// The last moment the gate allows.
        got: Timestamp,
        /// The time it is used.
        now: Timestamp,
    },
    /// It is too old.
    #[error("it was made at {got}, longer than {want:#} ago at {now}")]
    Stale {
        /// The greatest age allowed.
        want: SignedDuration,
        /// The earlier of the time it names and the time proven for its signature.
        got: Timestamp,
        /// The time it is used.
        now: Timestamp,
    },
}

impl Refusal {
    /// The demand that failed, stable and in kebab-case.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Signer { .. } => "signer",
            Self::Verifier { .. } => "verifier",
            Self::Frozen { .. } => "frozen",
            Self::Subject { .. } => "subject",
            Self::Decided { .. } => "decided",
            Self::PredicateType { .. } => "predicate-type",
            Self::Predicate(_) => "predicate",
            Self::Resource { .. } => "resource",
            Self::Environment { .. } => "environment",
            Self::Result { .. } => "result",
            Self::Relaxed { .. } => "relaxed",
            Self::Policy { .. } => "policy",
            Self::PolicyDigest { .. } => "policy-digest",
            Self::PolicyVersion { .. } => "policy-version",
            Self::Future { .. } => "future",
            Self::Expired { .. } => "expired",
            Self::Stale { .. } => "stale",
        }
    }
}

fn list(digests: &[String]) -> String {
    match digests {
        [] => "nothing".to_owned(),
        digests => digests
            .iter()
            .map(|digest| format!("`{digest}`"))
            .collect::<Vec<_>>()
            .join(", "),
    }
}
