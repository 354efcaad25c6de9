//! What the three scan checks share: which reports count, and when one is fresh.

use palisade_attest::PredicateError;
use palisade_attest::predicates::vulns::{COSIGN_TYPE, TYPE, TYPE_V0_1, VulnReport};
use palisade_types::{SignedDuration, Timestamp};

use crate::coverage::Refusal;
use crate::evaluate::{Bound, Input};
use crate::policy::ScanRule;

/// The predicate types of a scan report.
pub(crate) const TYPES: &[&str] = &[TYPE, TYPE_V0_1, COSIGN_TYPE];

/// How far the clocks of a scanner and of a timestamp authority may be apart.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A scan report by a signer the policy names.
pub(crate) struct Report<'s, 'a> {
    pub(crate) bound: &'s Bound<'a>,
    pub(crate) read: Result<VulnReport, PredicateError>,
}

/// The reports by signers the policy names.
pub(crate) fn reports<'s, 'a>(input: &'s Input<'a>, rule: &'s ScanRule) -> Vec<Report<'s, 'a>> {
    input
        .by(&rule.signers)
        .filter(|bound| TYPES.contains(&bound.statement.value().predicate_type.as_str()))
        .map(|bound| Report {
            bound,
            read: bound
                .statement
                .predicate::<VulnReport>()
                .map(|verified| verified.value().clone()),
        })
        .collect()
}

/// Whether a report is young enough. Its own times are believed only up to the proven time of
/// its signature: a report from the future would stay fresh for ever.
pub(crate) fn fresh(
    rule: &ScanRule,
    report: &VulnReport,
    signed_at: Timestamp,
    now: Timestamp,
) -> Result<(), Refusal> {
    let refuse = |why: String| {
        let help = "scan again and attest the new report".to_owned();
        Err(Refusal { why, help })
    };
    let latest = signed_at.saturating_add(SKEW).unwrap_or(Timestamp::MAX);
    if report.finished > latest {
        let finished = report.finished;
        return refuse(format!(
            "the scan says it ended {finished}, after it was signed {signed_at}"
        ));
    }
    let age = now.duration_since(report.finished);
    if age > rule.max_age {
        return refuse(format!(
            "the scan is {age:#} old, wanted at most {:#}",
            rule.max_age
        ));
    }
    let Some(max_db_age) = rule.max_db_age else {
        return Ok(());
    };
    let Some(updated) = report.database_updated else {
        return refuse("the scan does not say how old its database is".to_owned());
    };
    if updated > latest {
        return refuse(format!(
            "the scan's database is from {updated}, after it was signed"
        ));
    }
    let age = now.duration_since(updated);
    if age > max_db_age {
        return refuse(format!(
            "the scan's database is {age:#} old, wanted at most {max_db_age:#}"
        ));
    }
    Ok(())
}
