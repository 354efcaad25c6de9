//! Enough different signers signed the image. An attestation is no signature.

use std::collections::BTreeSet;

use palisade_attest::predicates::cosign_sign;
use palisade_types::Verdict;

use super::{Answer, Question};
use crate::coverage::{Part, distinct_signers};
use crate::evaluate::{Bound, Input};

pub(super) const ID: &str = "signature-present";

pub(super) fn answer(input: &Input<'_>) -> Option<Answer> {
    let rule = input.policy.signature.as_ref()?;
    let subject = &input.evidence.subject;
    // The predicate type decides, and nothing else does (the class of CVE-2022-35929).
    let signatures: Vec<&Bound<'_>> = input
        .by(&rule.of)
        .filter(|b| b.statement.predicate::<cosign_sign::CosignSign>().is_ok())
        .collect();
    let mut used = BTreeSet::new();
    for part in Part::all(subject) {
        let about = || signatures.iter().copied().filter(|b| part.is_covered_by(b));
        let signers = distinct_signers(about());
        if signers < rule.at_least {
            let name = part.name(subject);
            return Some(too_few(input, signers, rule.at_least, &rule.of, &name));
        }
        used.extend(about().map(|b| b.statement.bundle().clone()));
    }
    let reason = match used.len() {
        1 => "signed by a signer the policy names".to_owned(),
        count => format!("{count} signatures by signers the policy names"),
    };
    Some(Answer::pass(reason, used.into_iter().collect(), rule.span))
}

fn too_few(input: &Input<'_>, have: usize, want: usize, of: &[String], part: &str) -> Answer {
    let span = input.policy.signature.as_ref().map(|rule| rule.span);
    let names: Vec<String> = of.iter().map(|name| format!("`{name}`")).collect();
    let names = names.join(", ");
    let question = Question {
        kind: &format!("signature by {names}"),
        types: &[cosign_sign::TYPE],
        signers: of,
        good: String::new(),
        help: format!(
            "sign it as {names}: `palisade sign image {}`",
            input.evidence.subject.image
        ),
        at: span.expect("the caller read the rule from here"),
    };
    let mut answer = question.missing(input, part);
    if have > 0 {
        answer.reason = format!(
            "{have} of {want} signatures by different signers; {}",
            answer.reason
        );
    }
    let attestations = input
        .bound
        .iter()
        .filter(|b| b.statement.value().predicate_type != cosign_sign::TYPE);
    let attestations = attestations.count();
    if attestations > 0 {
        let note =
            format!("{attestations} attestations are there, and none of them is a signature");
        answer.reason = format!("{}; {note}", answer.reason);
    }
    debug_assert_eq!(answer.verdict, Verdict::Missing);
    answer
}
