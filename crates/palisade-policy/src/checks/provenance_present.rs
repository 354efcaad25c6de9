//! There is readable provenance by a signer the policy names.

use palisade_attest::predicates::provenance::TYPE;

use super::provenance::records;
use super::{Answer, Question};
use crate::coverage::{Judged, Refusal};
use crate::evaluate::Input;

pub(super) const ID: &str = "provenance-present";

pub(super) fn answer(input: &Input<'_>) -> Option<Answer> {
    let rule = input.policy.provenance.as_ref()?;
    let judged: Vec<Judged<'_, '_>> = records(input, rule)
        .into_iter()
        .map(|record| Judged {
            bound: record.bound,
            says: record.read.map(drop).map_err(|error| Refusal {
                why: format!("the provenance cannot be read: {error}"),
                help: "attest SLSA provenance v1 as its specification writes it".to_owned(),
            }),
        })
        .collect();
    let question = Question {
        kind: "SLSA provenance",
        types: &[TYPE],
        signers: &rule.signers,
        good: "provenance by a signer the policy names".to_owned(),
        help: "let the build attest its provenance, signed by a `provenance.signers`".to_owned(),
        at: rule.span,
    };
    Some(question.answer(input, &judged))
}
