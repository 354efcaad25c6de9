//! What is known about one image: verified statements, and what could not be believed or read.

use palisade_attest::{Conflict, Statement};
use palisade_trust::{Mismatch, Verified};
use palisade_types::{Digest, FrozenSubject, Gap, Relaxation};

/// Everything a decision is made from, besides the policy and the time.
///
/// The order of the lists means nothing. A statement about another image is ignored.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What is decided about.
    pub subject: FrozenSubject,
    /// What was verified. A bundle that two signers of the policy match stands here twice.
    pub statements: Vec<Verified<Statement>>,
    /// The sources that could not be read.
    pub gaps: Vec<Gap>,
    /// What was found and not believed. It proves nothing; it explains.
    pub rejected: Vec<RejectedEvidence>,
    /// What the operator loosened.
    pub relaxations: Vec<Relaxation>,
}

/// A bundle that proves nothing here, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedEvidence {
    /// The digest of its bytes.
    pub bundle: Digest,
    /// The predicate type it claims. Unverified.
    pub claimed_type: Option<String>,
    /// Why it is not believed.
    pub why: String,
    /// When only the signer is wrong: each field that differs from an expected one.
    pub near_misses: Vec<Mismatch>,
}

/// Which parts of a subject a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// It is about the image itself, and so about all of its leaves.
    pub image: bool,
    /// The positions of the leaves it names.
    pub leaves: Vec<usize>,
}

/// Binds a statement to the digests that were frozen; `None` when it is about something else.
pub fn bind(subject: &FrozenSubject, statement: &Statement) -> Result<Option<Binding>, Conflict> {
    let image = statement.is_about(subject.image.digest(), &[])?.is_some();
    let mut leaves = Vec::new();
    for (position, leaf) in subject.leaves.iter().enumerate() {
        if statement.is_about(&leaf.manifest, &[])?.is_some() {
            leaves.push(position);
        }
    }
    let binding = Binding { image, leaves };
    Ok((binding.image || !binding.leaves.is_empty()).then_some(binding))
}
