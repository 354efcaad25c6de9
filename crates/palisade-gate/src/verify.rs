//! From bundles to verified statements, each refusal with its reason.

use std::collections::BTreeMap;

use palisade_attest::{Bundle, Statement};
use palisade_policy::{RejectedEvidence, bind};
use palisade_trust::{Rejection, Verified, verify_statement};
use palisade_types::{Digest, FrozenSubject, Timestamp};

use crate::rules::{Root, Rules};

/// What the bundles came to.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) statements: Vec<Verified<Statement>>,
    pub(crate) rejected: Vec<RejectedEvidence>,
}

/// Verifies every bundle once, in the order of their digests.
pub(crate) fn verify(
    bundles: &[Vec<u8>],
    rules: &Rules,
    subject: &FrozenSubject,
    now: Timestamp,
) -> Outcome {
    let distinct: BTreeMap<Digest, &Vec<u8>> = bundles
        .iter()
        .map(|bytes| (Digest::sha256_of(bytes), bytes))
        .collect();
    let mut outcome = Outcome::default();
    for (digest, bytes) in distinct {
        match Bundle::parse(bytes) {
            Ok(bundle) => outcome.add(&bundle, rules, subject, now),
            Err(error) => outcome.rejected.push(RejectedEvidence {
                bundle: digest,
                claimed_type: None,
                why: error.to_string(),
                near_misses: Vec::new(),
            }),
        }
    }
    outcome
}

impl Outcome {
    fn add(&mut self, bundle: &Bundle, rules: &Rules, subject: &FrozenSubject, now: Timestamp) {
        let mut verified = Vec::new();
        let mut rejections = Vec::new();
        for root in rules.roots.iter().filter(|root| !root.signers.is_empty()) {
            match under(bundle, root, now) {
                Ok(statements) => verified.extend(statements),
                Err(rejection) => rejections.push(rejection),
            }
        }
        let Some(first) = verified.first() else {
            self.rejected.push(rejected(bundle, rejections));
            return;
        };
        let why = match bind(subject, first.value()) {
            Ok(Some(_)) => {
                self.statements.append(&mut verified);
                return;
            }
            Ok(None) => "it is verified, and about something else than this image".to_owned(),
            Err(conflict) => conflict.to_string(),
        };
        self.rejected.push(RejectedEvidence {
            bundle: bundle.digest().clone(),
            claimed_type: bundle.claimed_predicate_type().map(str::to_owned),
            why,
            near_misses: Vec::new(),
        });
    }
}

/// The statement under one root, once for each signer of the policy that it matches: a signer
/// that is named for one section must not hide the same one under its name for another.
fn under(
    bundle: &Bundle,
    root: &Root,
    now: Timestamp,
) -> Result<Vec<Verified<Statement>>, Rejection> {
    let first = verify_statement(bundle, &root.loaded.root, &root.signers, now)?;
    let others = root.signers.iter().filter(|signer| {
        signer.name() != first.expected()
            && signer
                .check_all(first.signer(), first.signer_claims())
                .is_ok()
    });
    let mut all = Vec::new();
    for signer in others {
        all.push(verify_statement(
            bundle,
            &root.loaded.root,
            std::slice::from_ref(signer),
            now,
        )?);
    }
    all.push(first);
    Ok(all)
}

/// The nearest refusal: one where only the signer is wrong says more than one where the whole
/// bundle belongs to another root.
fn rejected(bundle: &Bundle, mut rejections: Vec<Rejection>) -> RejectedEvidence {
    let is_signer = |rejection: &Rejection| matches!(rejection, Rejection::Signer { .. });
    let nearest = rejections.iter().position(is_signer).unwrap_or(0);
    let (why, near_misses) = if rejections.is_empty() {
        (
            "no signer of the policy could have signed it".to_owned(),
            Vec::new(),
        )
    } else {
        match rejections.swap_remove(nearest) {
            Rejection::Signer {
                got, mismatches, ..
            } => (
                format!("signed by {got}, whom the policy does not name"),
                mismatches,
            ),
            other => (other.to_string(), Vec::new()),
        }
    };
    RejectedEvidence {
        bundle: bundle.digest().clone(),
        claimed_type: bundle.claimed_predicate_type().map(str::to_owned),
        why,
        near_misses,
    }
}
