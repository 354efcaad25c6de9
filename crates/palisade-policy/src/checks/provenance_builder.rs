//! The image was built by a builder its signer may speak for.

use palisade_attest::predicates::provenance::TYPE;

use super::provenance::{builder, records};
use super::{Answer, Question};
use crate::coverage::Judged;
use crate::evaluate::Input;

pub(super) const ID: &str = "provenance-builder";

pub(super) fn answer(input: &Input<'_>) -> Option<Answer> {
    let rule = input.policy.provenance.as_ref()?;
    let mut judged = Vec::new();
    for record in records(input, rule) {
        if let Ok(provenance) = record.read {
            judged.push(Judged {
                bound: record.bound,
                says: builder(input, record.bound, &provenance).map(drop),
            });
        }
    }
    let question = Question {
        kind: "readable provenance",
        types: &[TYPE],
        signers: &rule.signers,
        good: "built by a builder the policy names".to_owned(),
        help: "see `provenance-present`".to_owned(),
        at: rule.span,
    };
    Some(question.answer(input, &judged))
}
