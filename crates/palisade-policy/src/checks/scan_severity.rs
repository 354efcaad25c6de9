//! A fresh scan found nothing as severe as the policy refuses.

use palisade_attest::predicates::vulns::VulnReport;

use super::scan::{TYPES, fresh, reports};
use super::{Answer, Question};
use crate::coverage::{Judged, Refusal};
use crate::evaluate::Input;
use crate::policy::ScanRule;

pub(super) const ID: &str = "scan-severity";

/// How many vulnerabilities a reason names.
const NAMED: usize = 5;

pub(super) fn answer(input: &Input<'_>) -> Option<Answer> {
    let rule = input.policy.scan.as_ref()?;
    let mut judged = Vec::new();
    for item in reports(input, rule) {
        // Only a fresh report can say so: else an old clean one and a new bad one would together
        // pass `scan-fresh` and this.
        if let Ok(report) = item.read
            && fresh(rule, &report, item.bound.statement.signed_at(), input.now).is_ok()
        {
            judged.push(Judged {
                bound: item.bound,
                says: severity(rule, &report),
            });
        }
    }
    let question = Question {
        kind: "fresh scan report",
        types: TYPES,
        signers: &rule.signers,
        good: format!("nothing {} or worse was found", rule.fail_on),
        help: "see `scan-fresh`".to_owned(),
        at: rule.fail_on_span,
    };
    Some(question.answer(input, &judged))
}

fn severity(rule: &ScanRule, report: &VulnReport) -> Result<(), Refusal> {
    let mut found: Vec<_> = report.at_or_above(rule.fail_on).collect();
    if found.is_empty() {
        return Ok(());
    }
    found.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
    let named: Vec<String> = found
        .iter()
        .take(NAMED)
        .map(|v| {
            let component = v.component.as_deref().unwrap_or("an unnamed component");
            let fixed = v
                .fixed
                .as_ref()
                .map(|f| format!(", fixed in {f}"))
                .unwrap_or_default();
            format!("{} ({}) in {component}{fixed}", v.id, v.severity)
        })
        .collect();
    let more = match found.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Err(Refusal {
        why: format!("{} or worse: {}{more}", rule.fail_on, named.join("; ")),
        help: "update the components that are fixed, rebuild, and scan again".to_owned(),
    })
}
