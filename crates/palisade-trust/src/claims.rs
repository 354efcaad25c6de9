//! What a certificate says about the CI run that signed: Fulcio's claims, one by one.
//!
//! Fulcio's OID registry, 1.3.6.1.4.1.57264.1.x: `.9` to `.22` are UTF8Strings and the same for
//! every CI provider; `.2` to `.6` are GitHub's own, deprecated, and bare text.

use std::collections::BTreeMap;

use const_oid::ObjectIdentifier;
use der::Decode as _;
use der::asn1::Utf8StringRef;
use regex_lite::Regex;
use x509_cert::Certificate;

use crate::signer::PatternError;

/// The address of GitHub's repositories, which `.12` writes before the name and `.5` does not.
const GITHUB: &str = "https://github.com/";

/// A claim that an expected signer can demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignerClaim {
    /// The event that started the run: `push`, `release`, … (`.20`, `.2`).
    Event,
    /// The git reference that was built: `refs/heads/main` (`.14`, `.6`).
    Ref,
    /// The repository that was built: `acme/app` on GitHub, else its URL (`.12`, `.5`).
    Repository,
    /// The provider's number for the repository, which outlives a change of its name (`.15`).
    RepositoryId,
    /// The kind of machine: `github-hosted` or `self-hosted` (`.11`).
    Runner,
    /// The commit that was built (`.13`, `.3`).
    Sha,
    /// The top-level workflow that ran, as a URI with its reference (`.18`).
    Workflow,
    /// The name that the workflow gives itself (`.4`).
    WorkflowName,
}

impl SignerClaim {
    /// Every claim, in alphabetical order.
    pub const ALL: [Self; 8] = [
        Self::Event,
        Self::Ref,
        Self::Repository,
        Self::RepositoryId,
        Self::Runner,
        Self::Sha,
        Self::Workflow,
        Self::WorkflowName,
    ];

    /// The claim as one stable word, in kebab case.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Ref => "ref",
            Self::Repository => "repository",
            Self::RepositoryId => "repository-id",
            Self::Runner => "runner",
            Self::Sha => "sha",
            Self::Workflow => "workflow",
            Self::WorkflowName => "workflow-name",
        }
    }

    /// The last number of the claim's extension, and of GitHub's older one.
    const fn extensions(self) -> (Option<u32>, Option<u32>) {
        match self {
            Self::Event => (Some(20), Some(2)),
            Self::Ref => (Some(14), Some(6)),
            Self::Repository => (Some(12), Some(5)),
            Self::RepositoryId => (Some(15), None),
            Self::Runner => (Some(11), None),
            Self::Sha => (Some(13), Some(3)),
            Self::Workflow => (Some(18), None),
            Self::WorkflowName => (None, Some(4)),
        }
    }
}

/// The claims of one verified certificate. Not `Default`: [`SignerClaims::none`] says that there
/// are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerClaims(BTreeMap<SignerClaim, String>);

impl SignerClaims {
    /// No claims, which satisfies no demand.
    pub const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// The value of a claim; none when the certificate does not make it, or makes it twice and
    /// differently.
    pub fn get(&self, claim: SignerClaim) -> Option<&str> {
        self.0.get(&claim).map(String::as_str)
    }

    /// Reads the claims. What is malformed or contradicts itself is left out, and so satisfies no
    /// demand.
    pub(crate) fn read(certificate: &Certificate) -> Self {
        let claims = SignerClaim::ALL
            .into_iter()
            .filter_map(|claim| Some((claim, read(certificate, claim)?)));
        Self(claims.collect())
    }
}

/// The claim's value, when everything that makes it is readable and agrees.
fn read(certificate: &Certificate, claim: SignerClaim) -> Option<String> {
    let (new, old) = claim.extensions();
    let new = match new {
        Some(number) => extension(certificate, number)?,
        None => None,
    };
    let new = match new {
        Some(bytes) => Some(Utf8StringRef::from_der(bytes).ok()?.as_str()),
        None => None,
    };
    let new = match claim {
        SignerClaim::Repository => new.map(|url| url.strip_prefix(GITHUB).unwrap_or(url)),
        _ => new,
    };
    let old = match old {
        Some(number) => extension(certificate, number)?,
        None => None,
    };
    let old = match old {
        Some(bytes) => Some(std::str::from_utf8(bytes).ok()?),
        None => None,
    };
    match (new, old) {
        // Two values: readers disagree about which of them counts.
        (Some(new), Some(old)) if new != old => None,
        (Some(value), _) | (None, Some(value)) if !value.is_empty() => Some(value.to_owned()),
        _ => None,
    }
}

/// The value of an extension, if it stands there; no answer when it stands there twice
/// (RFC 5280, 4.2).
#[expect(
    clippy::option_option,
    reason = "absent and contradictory are told apart, and nothing else"
)]
fn extension(certificate: &Certificate, number: u32) -> Option<Option<&[u8]>> {
    let fulcio = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1");
    let oid = fulcio.push_arc(number).expect("a short arc");
    let mut found = certificate
        .tbs_certificate
        .extensions
        .iter()
        .flatten()
        .filter(|extension| extension.extn_id == oid);
    let first = found.next();
    match found.next() {
        Some(_) => None,
        None => Some(first.map(|extension| extension.extn_value.as_bytes())),
    }
}

/// How a claim is matched: the whole value, always.
#[derive(Clone, Debug)]
pub struct ClaimPattern {
    source: String,
    /// `None` for a value without wildcards.
    glob: Option<Regex>,
}

impl ClaimPattern {
    /// The whole value, byte for byte; a `*` is a `*`.
    pub fn exact(value: impl Into<String>) -> Self {
        Self {
            source: value.into(),
            glob: None,
        }
    }

    /// The whole value, where `*` stands for any characters but `/`, and `**` for any at all. It
    /// must not match everything.
    pub fn glob(source: &str) -> Result<Self, PatternError> {
        if !source.contains('*') {
            return Ok(Self::exact(source));
        }
        let mut pattern = "^".to_owned();
        let mut rest = source;
        while let Some(at) = rest.find('*') {
            pattern.push_str(&regex_lite::escape(&rest[..at]));
            let stars = rest[at..].bytes().take_while(|byte| *byte == b'*').count();
            pattern.push_str(if stars == 1 { "[^/]*" } else { "(?s:.*)" });
            rest = &rest[at + stars..];
        }
        pattern.push_str(&regex_lite::escape(rest));
        pattern.push('$');
        // What is made of stars and slashes alone names nobody.
        if source.bytes().all(|byte| matches!(byte, b'*' | b'/')) {
            return Err(PatternError::MatchesAll(source.to_owned()));
        }
        let regex = Regex::new(&pattern).map_err(|error| PatternError::Syntax {
            pattern: source.to_owned(),
            problem: error.to_string(),
        })?;
        Ok(Self {
            source: source.to_owned(),
            glob: Some(regex),
        })
    }

    /// The pattern as written.
    pub fn text(&self) -> &str {
        &self.source
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        match &self.glob {
            None => self.source == value,
            Some(regex) => regex.is_match(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_matches_the_whole_value_and_a_star_stops_at_a_slash() {
        let of = |pattern: &str| ClaimPattern::glob(pattern).expect("a pattern");
        assert!(of("refs/tags/v*").matches("refs/tags/v1.2"));
        assert!(!of("refs/tags/v*").matches("refs/tags/v1/evil"));
        assert!(!of("refs/tags/v*").matches("x/refs/tags/v1"));
        assert!(of("refs/**").matches("refs/tags/v1/x"));
        assert!(!of("refs/heads/m.in").matches("refs/heads/main"));
        assert!(!of("refs/heads/m.in*").matches("refs/heads/main"));
        assert!(ClaimPattern::exact("a*").matches("a*"));
        assert!(!ClaimPattern::exact("a*").matches("ab"));
    }

    #[test]
    fn a_pattern_for_everybody_is_refused() {
        for pattern in ["*", "**", "*/*", "**/**"] {
            assert!(matches!(
                ClaimPattern::glob(pattern),
                Err(PatternError::MatchesAll(_))
            ));
        }
    }
}
