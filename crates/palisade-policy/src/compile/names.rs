//! The names a policy defines, and which of them it uses.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;

use crate::error::Problem;
use crate::file::{Signer, Trust};

/// Every `[trust.NAME]` and `[[signer]]`.
pub(super) struct Names {
    trusts: BTreeMap<String, Range<usize>>,
    signers: Vec<(String, Range<usize>)>,
    used_trusts: BTreeSet<String>,
    used_signers: BTreeSet<String>,
}

impl Names {
    pub(super) fn of(
        trusts: &BTreeMap<Spanned<String>, Spanned<Trust>>,
        signers: &[Spanned<Signer>],
    ) -> Self {
        let named = |name: &Spanned<String>| (name.get_ref().clone(), name.span());
        Self {
            trusts: trusts.keys().map(named).collect(),
            signers: signers.iter().map(|s| named(&s.get_ref().name)).collect(),
            used_trusts: BTreeSet::new(),
            used_signers: BTreeSet::new(),
        }
    }

    /// Marks a trust root as used; false when there is none of this name.
    pub(super) fn use_trust(&mut self, name: &str) -> bool {
        let known = self.trusts.contains_key(name);
        if known {
            self.used_trusts.insert(name.to_owned());
        }
        known
    }

    /// Marks a signer as used; false when there is none of this name.
    pub(super) fn use_signer(&mut self, name: &str) -> bool {
        let known = self.signers.iter().any(|(signer, _)| signer == name);
        if known {
            self.used_signers.insert(name.to_owned());
        }
        known
    }

    pub(super) fn trusts(&self) -> impl Iterator<Item = &str> + Clone {
        self.trusts.keys().map(String::as_str)
    }

    pub(super) fn signers(&self) -> impl Iterator<Item = &str> + Clone {
        self.signers.iter().map(|(name, _)| name.as_str())
    }

    /// Signers with the name of an earlier one.
    pub(super) fn duplicates(&self) -> Vec<Problem> {
        let twin = |index: usize, name: &str| {
            self.signers[..index]
                .iter()
                .any(|(before, _)| before == name)
        };
        self.signers
            .iter()
            .enumerate()
            .filter(|(index, (name, _))| twin(*index, name))
            .map(|(_, (name, span))| {
                let message = format!("two signers are named `{name}`");
                Problem::new("policy::duplicate", span.clone(), message, "the second one")
            })
            .collect()
    }

    /// What is defined and never referred to: most often a slip of the pen somewhere else.
    pub(super) fn unused(&self) -> Vec<Problem> {
        let problem = |kind: &str, name: &str, span: &Range<usize>| {
            let message = format!("{kind} `{name}` is never referred to");
            Problem::new("policy::unused", span.clone(), message, "does nothing")
                .help("refer to it, or remove it")
        };
        let trusts = self
            .trusts
            .iter()
            .filter(|(name, _)| !self.used_trusts.contains(*name))
            .map(|(name, span)| problem("trust", name, span));
        let signers = self
            .signers
            .iter()
            .filter(|(name, _)| !self.used_signers.contains(name))
            .map(|(name, span)| problem("signer", name, span));
        trusts.chain(signers).collect()
    }
}
