//! There is an inventory of the image by a signer the policy names.

use palisade_attest::predicates::cyclonedx::{CycloneDx, TYPE};

use super::{Answer, Question};
use crate::coverage::{Judged, Refusal};
use crate::evaluate::Input;

pub(super) const ID: &str = "sbom-present";

pub(super) fn answer(input: &Input<'_>) -> Option<Answer> {
    let rule = input.policy.sbom.as_ref()?;
    let judged: Vec<Judged<'_, '_>> = input
        .by(&rule.signers)
        .filter(|bound| bound.statement.value().predicate_type == TYPE)
        .map(|bound| Judged {
            bound,
            says: bound
                .statement
                .predicate::<CycloneDx>()
                .map(drop)
                .map_err(|error| Refusal {
                    why: format!("the SBOM is not one: {error}"),
                    help: "attest the inventory that `palisade sbom` writes".to_owned(),
                }),
        })
        .collect();
    let question = Question {
        kind: "SBOM",
        types: &[TYPE],
        signers: &rule.signers,
        good: "an inventory by a signer the policy names".to_owned(),
        help: format!(
            "`palisade sbom {image} -o sbom.json`, then \
             `palisade sign attest {image} --type cyclonedx --predicate sbom.json`",
            image = input.evidence.subject.image
        ),
        at: rule.span,
    };
    Some(question.answer(input, &judged))
}
