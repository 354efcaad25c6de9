//! The demands on a decision, each a function that gives its own refusal.

use palisade_attest::predicates::vsa::{VerificationResult, Vsa};
use palisade_attest::{PredicateError, Statement};
use palisade_trust::Verified;
use palisade_types::{FrozenSubject, PinnedRef, SignedDuration, Timestamp};

use crate::refusal::Refusal;
use crate::ticket::Expectation;

/// The one relaxation that can be allowed here: it is loud on both sides.
const ALLOW_LAB: &str = "allow-lab";

/// Our extension of the summary: the last moment at which the gate lets it release anything.
const VALID_UNTIL: &str = "https://palisade.dev/vsa/valid-until";

pub(crate) fn signed_by_gate(
    vsa: &Verified<Statement>,
    expected: &Expectation,
) -> Result<(), Refusal> {
    let checked = expected.gate.check_all(vsa.signer(), vsa.signer_claims());
    checked.map_err(|mismatches| {
        let first = mismatches.into_iter().next();
        let (field, want) = first.map_or(("identity", String::new()), |m| (m.field, m.want));
        Refusal::Signer {
            field,
            want,
            got: vsa.signer().clone(),
        }
    })
}

pub(crate) fn speaks_for(summary: &Vsa, expected: &Expectation) -> Result<(), Refusal> {
    if summary.verifier.id == expected.verifier_id {
        return Ok(());
    }
    Err(Refusal::Verifier {
        want: expected.verifier_id.clone(),
        got: summary.verifier.id.clone(),
    })
}

pub(crate) fn is_about(
    image: &PinnedRef,
    subject: &FrozenSubject,
    vsa: &Verified<Statement>,
) -> Result<(), Refusal> {
    if subject.image != *image || subject.descriptor.digest != *image.digest() {
        return Err(Refusal::Frozen {
            want: image.to_string(),
            got: subject
                .image
                .repository()
                .pin(subject.descriptor.digest.clone())
                .to_string(),
        });
    }
    let statement = vsa.value();
    if matches!(statement.is_about(image.digest(), &[]), Ok(Some(_))) {
        return Ok(());
    }
    let digests = statement
        .subjects
        .iter()
        .flat_map(|subject| &subject.digest);
    Err(Refusal::Subject {
        want: image.digest().clone(),
        got: digests
            .map(|(algorithm, hex)| format!("{algorithm}:{hex}"))
            .collect(),
    })
}

/// An index is decided about as itself. A single manifest may have been decided about as part of
/// an index, which nobody reads when the manifest alone is deployed: there the subject has to do.
pub(crate) fn decided_about(subject: &FrozenSubject, summary: &Vsa) -> Result<(), Refusal> {
    let (Some(want), Some(decision)) = (&subject.index, &summary.decision) else {
        return Ok(());
    };
    if decision.image == *want {
        return Ok(());
    }
    Err(Refusal::Decided {
        want: want.clone(),
        got: decision.image.clone(),
    })
}

pub(crate) fn unreadable(error: PredicateError) -> Refusal {
    match error {
        PredicateError::Type { got, want } => Refusal::PredicateType { want, got },
        error @ PredicateError::Field { .. } => Refusal::Predicate(error),
    }
}

/// `oci://REPOSITORY@DIGEST`, then `?env=NAME` if the policy writes one.
pub(crate) fn names_resource(
    image: &PinnedRef,
    summary: &Vsa,
    expected: &Expectation,
) -> Result<(), Refusal> {
    let (resource, query) = split_query(&summary.resource_uri);
    let named = resource
        .strip_prefix("oci://")
        .and_then(|text| text.parse::<PinnedRef>().ok());
    if named.as_ref() != Some(image) {
        return Err(Refusal::Resource {
            want: format!("oci://{image}"),
            got: summary.resource_uri.clone(),
        });
    }
    match environments(query).find(|environment| *environment != expected.environment) {
        Some(other) => Err(Refusal::Environment {
            want: expected.environment.clone(),
            got: Some(other),
        }),
        None => Ok(()),
    }
}

/// The environment has to be named: in the decision, or in the resource when there is no more than
/// the standard's fields. Both were compared when both are there.
pub(crate) fn for_environment(summary: &Vsa, expected: &Expectation) -> Result<String, Refusal> {
    let in_resource = || environments(split_query(&summary.resource_uri).1).next();
    let in_decision = summary
        .decision
        .as_ref()
        .map(|decision| decision.environment.clone());
    match in_decision.or_else(in_resource) {
        Some(environment) if environment == expected.environment => Ok(environment),
        got => Err(Refusal::Environment {
            want: expected.environment.clone(),
            got,
        }),
    }
}

fn split_query(uri: &str) -> (&str, &str) {
    uri.split_once('?').unwrap_or((uri, ""))
}

fn environments(query: &str) -> impl Iterator<Item = String> {
    url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "env")
        .map(|(_, value)| value.into_owned())
}

pub(crate) const fn passed(summary: &Vsa) -> Result<(), Refusal> {
    match summary.verification_result {
        VerificationResult::Passed => Ok(()),
        VerificationResult::Failed => Err(Refusal::Result { got: "FAILED" }),
    }
}

pub(crate) fn not_relaxed(summary: &Vsa, expected: &Expectation) -> Result<Vec<String>, Refusal> {
    let relaxations = summary
        .decision
        .as_ref()
        .map_or(&[][..], |decision| &decision.relaxations);
    let allowed = |relaxation: &String| expected.allow_lab && relaxation == ALLOW_LAB;
    match relaxations.iter().find(|relaxation| !allowed(relaxation)) {
        Some(got) => Err(Refusal::Relaxed { got: got.clone() }),
        None => Ok(relaxations.to_vec()),
    }
}

pub(crate) fn under_policy(summary: &Vsa, expected: &Expectation) -> Result<u64, Refusal> {
    let policy = |got| Refusal::Policy {
        want: expected.policy.clone(),
        got,
    };
    let decision = summary.decision.as_ref().ok_or_else(|| policy(None))?;
    if decision.policy != expected.policy {
        return Err(policy(Some(decision.policy.clone())));
    }
    if let Some(want) = expected.policy_bound.digest() {
        let got = summary.policy.digest.get(want.algorithm().name());
        if got.map(String::as_str) != Some(want.hex()) {
            return Err(Refusal::PolicyDigest {
                want: want.clone(),
                got: got.map(|hex| format!("{}:{hex}", want.algorithm().name())),
            });
        }
    }
    match expected.policy_bound.min_version() {
        Some(want) if decision.policy_version < want => Err(Refusal::PolicyVersion {
            want,
            got: decision.policy_version,
        }),
        _ => Ok(decision.policy_version),
    }
}

/// How far the clock of the gate, or of who vouched for its signature's time, may run ahead of
/// ours. It makes no decision last longer: its age counts all the same.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// The latest moment that a clock which is right may show while ours shows `now`.
pub(crate) fn latest_now(now: Timestamp) -> Timestamp {
    now.checked_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX)
}

/// The age counts from the earlier of the time the gate names and the time proven for its
/// signature, so that a gate whose clock runs ahead cannot make a decision last longer.
pub(crate) fn fresh(
    summary: &Vsa,
    signed_at: Timestamp,
    expected: &Expectation,
    now: Timestamp,
) -> Result<Timestamp, Refusal> {
    let latest = summary.time_verified.max(signed_at);
    if latest > latest_now(now) {
        return Err(Refusal::Future { got: latest, now });
    }
    let earliest = summary.time_verified.min(signed_at);
    match earliest.checked_add(expected.max_age) {
        Ok(expires_at) if now <= expires_at => Ok(expires_at),
        _ => Err(Refusal::Stale {
            want: expected.max_age,
            got: earliest,
            now,
        }),
    }
}

/// A gate may give its decisions an end, and that can only shorten what is allowed here. An end
/// that cannot be read is none we could keep to.
pub(crate) fn within_its_end(statement: &Statement, now: Timestamp) -> Result<Timestamp, Refusal> {
    let Some(value) = statement.predicate.get(VALID_UNTIL) else {
        return Ok(Timestamp::MAX);
    };
    let until = value
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok());
    let until = until
        .ok_or_else(|| Refusal::Predicate(PredicateError::field(VALID_UNTIL, "is not a time")))?;
    if now > until {
        return Err(Refusal::Expired { got: until, now });
    }
    Ok(until)
}
