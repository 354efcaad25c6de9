//! The image was built from the source the policy names.

use palisade_attest::predicates::provenance::TYPE;

use super::provenance::{builder, records, source};
use super::{Answer, Question};
use crate::coverage::Judged;
use crate::evaluate::Input;

pub(super) const ID: &str = "provenance-source";

pub(super) fn answer(input: &Input<'_>) -> Option<Answer> {
    let rule = input.policy.provenance.as_ref()?;
    let wanted = rule.source.as_ref()?;
    let mut judged = Vec::new();
    for record in records(input, rule) {
        // Only a builder that is believed can say what it built: else one record could show the
        // builder and another one the source.
        if let Ok(provenance) = record.read
            && builder(input, record.bound, &provenance).is_ok()
        {
            judged.push(Judged {
                bound: record.bound,
                says: source(wanted, &provenance),
            });
        }
    }
    let question = Question {
        kind: "provenance by a builder the policy names",
        types: &[TYPE],
        signers: &rule.signers,
        good: format!("built from `{}`", wanted.repository),
        help: "see `provenance-builder`".to_owned(),
        at: wanted.span,
    };
    Some(question.answer(input, &judged))
}
