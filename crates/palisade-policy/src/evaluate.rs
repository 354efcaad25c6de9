//! The decision: a function of policy, evidence and time, and of nothing else.

use palisade_attest::Statement;
use palisade_trust::Verified;
use palisade_types::{Decision, Timestamp};

use crate::checks::CHECKS;
use crate::evidence::{Binding, Evidence, bind};
use crate::policy::Policy;

/// What a check looks at.
pub(crate) struct Input<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) evidence: &'a Evidence,
    pub(crate) now: Timestamp,
    /// The statements about this image, in an order that does not depend on how they were found.
    pub(crate) bound: Vec<Bound<'a>>,
}

/// A verified statement and which parts of the image it is about.
pub(crate) struct Bound<'a> {
    pub(crate) statement: &'a Verified<Statement>,
    pub(crate) binding: Binding,
}

impl<'a> Input<'a> {
    pub(crate) fn new(policy: &'a Policy, evidence: &'a Evidence, now: Timestamp) -> Self {
        let mut bound: Vec<Bound<'a>> = evidence
            .statements
            .iter()
            // A clock set back must not let in what was signed later.
            .filter(|statement| statement.signed_at() <= now)
            .filter_map(|statement| {
                let binding = bind(&evidence.subject, statement.value()).ok().flatten()?;
                Some(Bound { statement, binding })
            })
            .collect();
        let key = |bound: &Bound<'a>| (bound.statement.bundle(), bound.statement.expected());
        bound.sort_by(|a, b| key(a).cmp(&key(b)));
        bound.dedup_by(|a, b| key(a) == key(b));
        Self {
            policy,
            evidence,
            now,
            bound,
        }
    }

    /// The statements by one of these signers.
    pub(crate) fn by<'s>(&'s self, signers: &'s [String]) -> impl Iterator<Item = &'s Bound<'a>> {
        self.bound.iter().filter(|bound| {
            let expected = bound.statement.expected();
            signers.iter().any(|signer| signer == expected)
        })
    }
}

/// Judges the evidence: runs every check the policy asks for. The same policy, evidence and time
/// give the same decision, whatever the order of the evidence.
pub fn evaluate(policy: &Policy, evidence: &Evidence, now: Timestamp) -> Decision {
    let input = Input::new(policy, evidence, now);
    let findings = CHECKS
        .iter()
        .filter_map(|check| check.run(&input))
        .collect();
    Decision::judge(
        evidence.subject.clone(),
        policy.identity().clone(),
        now,
        findings,
        evidence.gaps.clone(),
        evidence.relaxations.clone(),
    )
}
