//! Evidence has to cover the whole image: the image itself, or each of its leaves.

use std::collections::{BTreeMap, BTreeSet};

use palisade_types::{Digest, FrozenSubject, SignerIdentity};

use crate::evaluate::Bound;

/// A piece of evidence of the right type by the right signer, and what it says.
pub(crate) struct Judged<'s, 'a> {
    pub(crate) bound: &'s Bound<'a>,
    /// Good, or why not and what to do.
    pub(crate) says: Result<(), Refusal>,
}

/// Why a piece of evidence is not good enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) why: String,
    pub(crate) help: String,
}

/// What a set of evidence comes to.
pub(crate) enum Coverage {
    /// Every part of the image has good evidence: these bundles.
    Covered(Vec<Digest>),
    /// Some part has only evidence that says no.
    Refused(Vec<Digest>, Refusal),
    /// Some part has no evidence: its name.
    Absent(String),
}

/// One part of an image that needs evidence of its own, unless the image has it as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The image as a whole; the only part of an image without leaves.
    Image,
    /// The leaf at this position.
    Leaf(usize),
}

impl Part {
    /// The parts of an image. Never empty: an index without leaves is not covered by nothing.
    pub(crate) fn all(subject: &FrozenSubject) -> Vec<Self> {
        match subject.leaves.len() {
            0 => vec![Self::Image],
            leaves => (0..leaves).map(Self::Leaf).collect(),
        }
    }

    pub(crate) fn is_covered_by(self, bound: &Bound<'_>) -> bool {
        bound.binding.image
            || match self {
                Self::Image => false,
                Self::Leaf(position) => bound.binding.leaves.contains(&position),
            }
    }

    /// The part in words; a single image has no need to name its platform.
    pub(crate) fn name(self, subject: &FrozenSubject) -> String {
        match self {
            Self::Leaf(position) if subject.index.is_some() => {
                format!("{} of the image", subject.leaves[position].platform)
            }
            _ => "the image".to_owned(),
        }
    }
}

/// A part is covered when some evidence about it is good: one old or bad item beside a good one
/// changes nothing, so that dropping evidence never helps.
pub(crate) fn cover(subject: &FrozenSubject, judged: &[Judged<'_, '_>]) -> Coverage {
    let mut used = BTreeSet::new();
    let mut absent = None;
    for part in Part::all(subject) {
        let about: Vec<_> = judged
            .iter()
            .filter(|j| part.is_covered_by(j.bound))
            .collect();
        let digests = |good: bool| {
            let chosen = about.iter().filter(move |j| j.says.is_ok() == good);
            chosen.map(|j| j.bound.statement.bundle().clone())
        };
        if digests(true).next().is_some() {
            used.extend(digests(true));
        } else if let Some(refusal) = about.iter().find_map(|j| j.says.as_ref().err()) {
            let others = about.len() - 1;
            let mut refusal = refusal.clone();
            if others > 0 {
                refusal.why = format!("{}; and {others} more say no", refusal.why);
            }
            return Coverage::Refused(digests(false).collect(), refusal);
        } else if absent.is_none() {
            absent = Some(part.name(subject));
        }
    }
    absent.map_or_else(
        || Coverage::Covered(used.into_iter().collect()),
        Coverage::Absent,
    )
}

/// How many different signers are behind these statements: each has another name in the policy
/// *and* is another party. One person with two certificates, or under two names, counts once.
///
/// The size of a largest matching between names and identities (Kuhn's algorithm).
pub(crate) fn distinct_signers<'s, 'a: 's>(bound: impl Iterator<Item = &'s Bound<'a>>) -> usize {
    let mut identities: BTreeMap<&str, BTreeSet<_>> = BTreeMap::new();
    for item in bound {
        let statement = item.statement;
        identities
            .entry(statement.expected())
            .or_default()
            .insert(party(statement.signer()));
    }
    let mut taken = BTreeMap::new();
    identities
        .keys()
        .filter(|name| assign(name, &identities, &mut taken, &mut BTreeSet::new()))
        .count()
}

/// Who an identity speaks for: its issuer, and its name without the git reference that a CI
/// service appends to it. Whoever may push a branch and a tag could sign as both, so a workflow is
/// one party on whatever reference it runs.
fn party(identity: &SignerIdentity) -> (&str, &str) {
    let san = identity.san.as_str();
    let workflow = san.split_once("@refs/").map(|(workflow, _)| workflow);
    let name = workflow.filter(|workflow| workflow.contains("://"));
    (&identity.issuer, name.unwrap_or(san))
}

/// Gives a name an identity of its own, moving others to another of theirs where that helps.
fn assign<'s, I: Ord + Copy>(
    name: &'s str,
    identities: &BTreeMap<&'s str, BTreeSet<I>>,
    taken: &mut BTreeMap<I, &'s str>,
    tried: &mut BTreeSet<I>,
) -> bool {
    for identity in &identities[name] {
        if !tried.insert(*identity) {
            continue;
        }
        let free = match taken.get(identity).copied() {
            None => true,
            Some(other) => assign(other, identities, taken, tried),
        };
        if free {
            taken.insert(*identity, name);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(edges: &[(&'static str, u8)]) -> usize {
        let mut identities: BTreeMap<&str, BTreeSet<u8>> = BTreeMap::new();
        for (name, identity) in edges {
            identities.entry(name).or_default().insert(*identity);
        }
        let mut taken = BTreeMap::new();
        identities
            .keys()
            .filter(|name| assign(name, &identities, &mut taken, &mut BTreeSet::new()))
            .count()
    }

    #[test]
    fn a_signer_counts_once_however_many_names_or_certificates_it_has() {
        assert_eq!(count(&[("a", 1), ("b", 2)]), 2);
        assert_eq!(
            count(&[("a", 1), ("a", 2)]),
            1,
            "one name, two certificates"
        );
        assert_eq!(count(&[("a", 1), ("b", 1)]), 1, "two names, one identity");
        let crossed = [("a", 1), ("b", 1), ("c", 1), ("a", 2), ("a", 3)];
        assert_eq!(
            count(&crossed),
            2,
            "three names and three identities, but only two signers"
        );
    }

    #[test]
    fn a_workflow_is_one_party_on_every_reference() {
        let identity = |san: &str| SignerIdentity {
            san: san.to_owned(),
            issuer: "https://issuer.example".to_owned(),
        };
        let same = |a: &str, b: &str| party(&identity(a)) == party(&identity(b));
        let workflow = "https://github.com/acme/app/.github/workflows/release.yml";
        let on = |reference: &str| format!("{workflow}@refs/{reference}");
        assert!(same(&on("heads/main"), &on("tags/v1")));
        let other = on("tags/v1").replace("release.yml", "scan.yml");
        assert!(!same(&on("tags/v1"), &other), "another workflow");
        assert!(!same("a@refs/x", "a@refs/y"), "addresses are no workflows");
        let elsewhere = SignerIdentity {
            issuer: "https://other.example".to_owned(),
            ..identity(workflow)
        };
        assert_ne!(party(&elsewhere), party(&identity(workflow)));
    }

    #[test]
    fn an_earlier_choice_gives_way_to_a_better_one() {
        assert_eq!(count(&[("a", 1), ("a", 2), ("b", 1)]), 2);
    }
}
