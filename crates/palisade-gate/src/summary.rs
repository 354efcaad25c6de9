//! The decision as statements: a SLSA verification summary for the image and for each platform.

use std::collections::{BTreeMap, BTreeSet};

use palisade_attest::predicates::vsa::{DecisionSummary, TYPE, VerificationResult, Verifier, Vsa};
use palisade_attest::{ResourceDescriptor, Statement};
use palisade_policy::{Evidence, SLSA_VERSION, VsaRule, verified_levels};
use palisade_types::{Decision, Digest, PinnedRef, Timestamp};
use serde_json::Value;

use crate::error::Error;
use crate::rules::Rules;

/// Our extension: until when the summary is worth something (SLSA 1.1 lets a producer add fields
/// named by URIs, and a consumer ignore them).
const VALID_UNTIL: &str = "https://palisade.dev/vsa/valid-until";

/// The statements to sign, each with what it is about: the image first, then its leaves. Empty
/// unless the decision is an allow in enforce mode, so that nothing else can become `PASSED`.
pub(crate) fn statements(
    rules: &Rules,
    rule: &VsaRule,
    decision: &Decision,
    evidence: &Evidence,
    document: &Digest,
) -> Result<Vec<(PinnedRef, Statement)>, Error> {
    if !decision.is_passed() {
        return Ok(Vec::new());
    }
    let valid_until = valid_until(decision.now(), rule)?;
    let subject = decision.subject();
    let levels = verified_levels(&rules.policy, evidence, decision.now());
    let about = |digest| subject.image.sibling(digest);
    let images = subject.evidence_digests().into_iter().map(about);
    let signed = images.map(|about| {
        let vsa = summary(rule, decision, &about, &levels, document);
        let statement = statement(&about, &vsa, valid_until);
        (about, statement)
    });
    Ok(signed.collect())
}

/// A summary without an end would be worth something for ever, so there is none without.
fn valid_until(now: Timestamp, rule: &VsaRule) -> Result<Timestamp, Error> {
    now.checked_add(rule.valid_for)
        .map_err(|_| Error::ValidUntil { now })
}

fn summary(
    rule: &VsaRule,
    decision: &Decision,
    about: &PinnedRef,
    levels: &[String],
    document: &Digest,
) -> Vsa {
    let policy = decision.policy();
    // A policy's id and environment are made of characters that mean themselves in a URI.
    let policy_uri = format!("urn:palisade:policy:{}", policy.id);
    Vsa {
        verifier: Verifier {
            id: rule.verifier_id.clone(),
            version: BTreeMap::from([(
                "palisade".to_owned(),
                env!("CARGO_PKG_VERSION").to_owned(),
            )]),
        },
        time_verified: decision.now(),
        resource_uri: format!("oci://{about}?env={}", policy.environment),
        policy: ResourceDescriptor {
            uri: Some(policy_uri),
            ..ResourceDescriptor::new(None, &policy.digest)
        },
        input_attestations: inputs(decision),
        verification_result: VerificationResult::Passed,
        verified_levels: levels.to_vec(),
        slsa_version: Some(SLSA_VERSION.to_owned()),
        decision: Some(DecisionSummary {
            decision: document.clone(),
            environment: policy.environment.clone(),
            policy: policy.id.clone(),
            policy_version: policy.version,
            relaxations: crate::output::json::relaxations(decision),
            image: decision.image().digest().clone(),
        }),
    }
}

/// Every bundle a check passed on.
fn inputs(decision: &Decision) -> Vec<ResourceDescriptor> {
    let used: BTreeSet<&Digest> = decision
        .findings()
        .iter()
        .flat_map(|f| &f.evidence)
        .collect();
    used.into_iter()
        .map(|digest| ResourceDescriptor::new(None, digest))
        .collect()
}

fn statement(about: &PinnedRef, vsa: &Vsa, valid_until: Timestamp) -> Statement {
    let mut predicate = serde_json::to_value(vsa).expect("strings, numbers and maps of strings");
    predicate[VALID_UNTIL] = Value::String(valid_until.to_string());
    let name = Some(about.repository().to_string());
    Statement::new(
        vec![ResourceDescriptor::new(name, about.digest())],
        TYPE,
        predicate,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_policy::Attach;
    use palisade_types::SignedDuration;

    #[test]
    fn a_summary_has_an_end_or_there_is_none() {
        let rule = |hours| VsaRule {
            verifier_id: "https://gate.acme.example/prod".to_owned(),
            trust: "lab".to_owned(),
            valid_for: SignedDuration::from_hours(hours),
            attach: Attach::None,
        };
        let now: Timestamp = "9999-12-30T00:00:00Z".parse().expect("a time");
        let end = "9999-12-30T01:00:00Z".parse().expect("a time");
        assert_eq!(valid_until(now, &rule(1)).expect("in time"), end);
        assert!(matches!(
            valid_until(now, &rule(240)),
            Err(Error::ValidUntil { .. })
        ));
    }
}
