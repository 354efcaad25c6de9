//! There is a readable scan report by a signer the policy names.

use super::scan::{TYPES, reports};
use super::{Answer, Question};
use crate::coverage::{Judged, Refusal};
use crate::evaluate::Input;

pub(super) const ID: &str = "scan-present";

pub(super) fn answer(input: &Input<'_>) -> Option<Answer> {
    let rule = input.policy.scan.as_ref()?;
    let judged: Vec<Judged<'_, '_>> = reports(input, rule)
        .into_iter()
        .map(|report| Judged {
            bound: report.bound,
            says: report.read.map(drop).map_err(|error| Refusal {
                why: format!("the scan report cannot be read: {error}"),
                help: "attest the report in one of the formats on this check's page".to_owned(),
            }),
        })
        .collect();
    let question = Question {
        kind: "scan report",
        types: TYPES,
        signers: &rule.signers,
        good: "a scan report by a signer the policy names".to_owned(),
        help: "scan the image and attest the report, signed by a `scan.signers`".to_owned(),
        at: rule.span,
    };
    Some(question.answer(input, &judged))
}
