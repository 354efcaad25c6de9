//! What evidence has to prove: chosen by whoever verifies, never read out of the evidence.

use palisade_types::Timestamp;

use crate::root::{RootError, TrustRoot};

/// Since when no client writes a bundle without inclusion proof, in seconds since 1970: June 2024.
/// Bundle format v0.2 of 2023 demands the proof, and v0.3 of March 2024 does.
const PROOFS_SINCE: i64 = 1_717_200_000;

/// What a bundle has to prove besides chain, identity and signature. It belongs to a trust root,
/// because it says how signatures of that instance of Sigstore are made. Whatever a bundle has
/// beyond that is verified all the same.
///
/// A bundle whose log entry was taken out is refused under every profile of a root that has logs.
/// [`Profile::Logged`] does leave whoever stores a signature one choice: written again in one of
/// cosign's older formats it needs the log's promise alone. Nobody but the log can make that promise;
/// what is lost is the proof that the log published the entry, and verification reports it so.
/// [`Profile::Included`] leaves no choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// GitHub's own instance, which signs for private repositories: a timestamp by an authority of
    /// the root, and neither log entry nor SCT. Nobody outside can see what was signed, so a root
    /// that has a log of either kind is never judged by it.
    GithubPrivate,
    /// A log entry with an inclusion proof, also where it was converted out of a format that has
    /// no room for one: cosign's `.sig` and `.att` tags and its bundles of before version 3 are
    /// then refused.
    Included,
    /// A log entry with an inclusion proof. The log's promise (SET) is enough for what was
    /// converted out of cosign's older formats, which have no room for a proof, and for a bundle
    /// that says v0.1 whose promise is from before June 2024, when such bundles were still
    /// written. What a trust root starts with.
    Logged,
    /// A log entry with an inclusion proof, or in a bundle that says v0.1 with the log's promise
    /// alone. The version is not signed: a bundle of today can be turned into one of v0.1 by
    /// dropping the proof, and then nothing shows that the log ever published the entry.
    Promised,
}

impl Profile {
    /// The profile for a switch that demands inclusion proofs: on, off, or not given.
    pub const fn of_inclusion_proof(required: Option<bool>) -> Self {
        match required {
            Some(true) => Self::Included,
            None => Self::Logged,
            Some(false) => Self::Promised,
        }
    }

    /// The profile as one stable word, in kebab case.
    pub const fn word(self) -> &'static str {
        match self {
            Self::GithubPrivate => "github-private",
            Self::Included => "included",
            Self::Logged => "logged",
            Self::Promised => "promised",
        }
    }

    /// Whether an entry needs a proof, in a bundle that was converted or not. `promised` is the
    /// time in its promise: what is changed about that time does not verify.
    pub(crate) fn demands_proof(self, converted: bool, promised: Option<Timestamp>) -> bool {
        match self {
            Self::GithubPrivate | Self::Included => true,
            Self::Logged => {
                !converted && promised.is_none_or(|time| time.as_second() >= PROOFS_SINCE)
            }
            Self::Promised => false,
        }
    }
}

impl TrustRoot {
    /// The same root, whose bundles have to prove this much.
    ///
    /// # Errors
    /// [`RootError::HasLogs`] for [`Profile::GithubPrivate`] and a root that names a log: its
    /// signatures are to be found there.
    pub fn under(mut self, profile: Profile) -> Result<Self, RootError> {
        if profile == Profile::GithubPrivate && self.names_logs() {
            return Err(RootError::HasLogs);
        }
        self.profile = profile;
        Ok(self)
    }

    /// What its bundles have to prove.
    pub const fn profile(&self) -> Profile {
        self.profile
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::Instance;

    #[test]
    fn a_root_that_has_logs_is_never_judged_without_them() {
        let of = |instance| TrustRoot::embedded(instance).expect("embedded");
        for instance in [Instance::PublicGood, Instance::Staging] {
            let error = of(instance)
                .under(Profile::GithubPrivate)
                .expect_err("it has logs");
            assert!(matches!(error, RootError::HasLogs));
        }
        let root = of(Instance::GitHub);
        assert_eq!(root.profile(), Profile::Logged);
        let root = root.under(Profile::GithubPrivate).expect("it has none");
        assert_eq!(root.profile(), Profile::GithubPrivate);
    }
}
