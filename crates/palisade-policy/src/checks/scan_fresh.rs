//! The scan is recent, and so is what its scanner knew.

use super::scan::{TYPES, fresh, reports};
use super::{Answer, Question};
use crate::coverage::Judged;
use crate::evaluate::Input;

pub(super) const ID: &str = "scan-fresh";

pub(super) fn answer(input: &Input<'_>) -> Option<Answer> {
    let rule = input.policy.scan.as_ref()?;
    let mut judged = Vec::new();
    for item in reports(input, rule) {
        if let Ok(report) = item.read {
            let signed_at = item.bound.statement.signed_at();
            judged.push(Judged {
                bound: item.bound,
                says: fresh(rule, &report, signed_at, input.now),
            });
        }
    }
    let question = Question {
        kind: "readable scan report",
        types: TYPES,
        signers: &rule.signers,
        good: format!("scanned within {:#}", rule.max_age),
        help: "see `scan-present`".to_owned(),
        at: rule.age_span,
    };
    Some(question.answer(input, &judged))
}
