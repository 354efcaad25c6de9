//! Whom we expect to have signed: exact by default, anchored by construction otherwise.

use palisade_types::SignerIdentity;
use regex_lite::Regex;

use crate::claims::{ClaimPattern, SignerClaim, SignerClaims};

/// A signer somebody named. No `Default`, never read from evidence.
#[derive(Clone, Debug)]
pub struct ExpectedSigner {
    name: String,
    san: SanPattern,
    issuer: String,
    claims: Vec<(SignerClaim, ClaimPattern)>,
}

/// How the certificate's subject alternative name is matched.
#[derive(Clone, Debug)]
pub enum SanPattern {
    /// The whole name, byte for byte.
    Exact(String),
    /// A regular expression over the whole name, made by [`SanPattern::regex`].
    Regex(AnchoredRegex),
}

/// A regular expression that matches a whole name or nothing. Only [`SanPattern::regex`] makes
/// one, so that there is none without anchors.
#[derive(Clone, Debug)]
pub struct AnchoredRegex {
    /// The pattern as written.
    source: String,
    /// The pattern with its anchors.
    regex: Regex,
}

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It would match everyone.
    #[error("the pattern `{0}` matches every signer")]
    MatchesAll(String),
    /// It is not a regular expression.
    #[error("the pattern `{pattern}` is not a regular expression: {problem}")]
    Syntax {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It does not say that it matches the whole name.
    #[error("the pattern `{0}` is not anchored; write it as `^…$`, so that it reads as it matches")]
    Unanchored(String),
}

/// One field of a certificate that is not what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The name of the expected signer.
    pub signer: String,
    /// The field: `identity`, `issuer` or a [`SignerClaim`]'s word.
    pub field: &'static str,
    /// What was expected.
    pub want: String,
    /// What stands in the certificate; empty for a claim that it does not make.
    pub got: String,
}

impl SanPattern {
    /// A regular expression over the whole subject alternative name. It has to be written with
    /// its anchors, `^…$`, may not match everything, and may not change how it is read (`(?x)`).
    pub fn regex(source: &str) -> Result<Self, PatternError> {
        let inner = source
            .strip_prefix('^')
            .and_then(|rest| rest.strip_suffix('$'))
            .filter(|inner| !ends_in_escape(inner))
            .ok_or_else(|| PatternError::Unanchored(source.to_owned()))?;
        let syntax = |problem: String| PatternError::Syntax {
            pattern: source.to_owned(),
            problem,
        };
        if sets_flags(inner) {
            return Err(syntax("`(?` may only start a group, `(?:…)`".to_owned()));
        }
        // By itself first: `^a)|(?:b$` is no pattern, but would become one inside of our group,
        // with anchors on one side each.
        Regex::new(inner).map_err(|error| syntax(error.to_string()))?;
        // Wrapped again, so that `^a|b$` cannot mean "starts with a, or ends with b".
        let regex =
            Regex::new(&format!("^(?:{inner})$")).map_err(|error| syntax(error.to_string()))?;
        if regex.is_match("") || regex.is_match("https://palisade.invalid/matches-anything") {
            return Err(PatternError::MatchesAll(source.to_owned()));
        }
        Ok(Self::Regex(AnchoredRegex {
            source: source.to_owned(),
            regex,
        }))
    }

    /// The position of the first `.` that is neither escaped, nor in a class, nor repeated. It
    /// matches any character, and whoever wrote `github.com` did not mean `githubXcom`.
    pub fn lone_dot(&self) -> Option<usize> {
        let Self::Regex(AnchoredRegex { source, .. }) = self else {
            return None;
        };
        let mut class = false;
        let mut characters = source.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            match character {
                '\\' => drop(characters.next()),
                '[' => class = true,
                ']' => class = false,
                '.' if !class && !matches!(next, Some('*' | '+' | '?' | '{')) => return Some(at),
                _ => {}
            }
        }
        None
    }

    fn matches(&self, san: &str) -> bool {
        match self {
            Self::Exact(want) => want == san,
            Self::Regex(pattern) => pattern.regex.is_match(san),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Exact(text) => text,
            Self::Regex(pattern) => &pattern.source,
        }
    }
}

/// Whether the last character is escaped by what stands before the end: `\\` is not, `\` is.
fn ends_in_escape(pattern: &str) -> bool {
    let backslashes = pattern.bytes().rev().take_while(|byte| *byte == b'\\');
    backslashes.count() % 2 == 1
}

/// Whether a `(?` starts anything but a group without a name. Flags could end our own group in a
/// comment, or make `$` match before a line break.
fn sets_flags(pattern: &str) -> bool {
    let mut rest = pattern;
    while let Some(at) = rest.find(['\\', '(']) {
        let (found, after) = rest[at..].split_at(1);
        rest = after;
        if found == "\\" {
            rest = rest
                .get(rest.chars().next().map_or(0, char::len_utf8)..)
                .unwrap_or_default();
        } else if after.starts_with('?') && !after.starts_with("?:") {
            return true;
        }
    }
    false
}

impl ExpectedSigner {
    /// A signer under the name a policy gives it.
    pub fn new(name: impl Into<String>, san: SanPattern, issuer: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            san,
            issuer: issuer.into(),
            claims: Vec::new(),
        }
    }

    /// The same, and the certificate has to make this claim too. Every demand has to hold.
    pub fn demanding(mut self, claim: SignerClaim, pattern: ClaimPattern) -> Self {
        self.claims.push((claim, pattern));
        self
    }

    /// Exactly this identity.
    pub fn exact(name: impl Into<String>, identity: SignerIdentity) -> Self {
        Self::new(name, SanPattern::Exact(identity.san), identity.issuer)
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The claims it demands besides the identity.
    pub fn demands(&self) -> &[(SignerClaim, ClaimPattern)] {
        &self.claims
    }

    /// Whether this identity is the expected one; else each field that is not. A signer of whom
    /// claims are demanded is never known by the identity alone.
    pub fn check(&self, identity: &SignerIdentity) -> Result<(), Vec<Mismatch>> {
        self.check_all(identity, &SignerClaims::none())
    }

    /// Whether identity and claims are the expected ones; else each field that is not.
    pub fn check_all(
        &self,
        identity: &SignerIdentity,
        claims: &SignerClaims,
    ) -> Result<(), Vec<Mismatch>> {
        let mismatch = |field, want: &str, got: &str| Mismatch {
            signer: self.name.clone(),
            field,
            want: want.to_owned(),
            got: got.to_owned(),
        };
        let mut mismatches = Vec::new();
        if !self.san.matches(&identity.san) {
            mismatches.push(mismatch("identity", self.san.text(), &identity.san));
        }
        if self.issuer != identity.issuer {
            mismatches.push(mismatch("issuer", &self.issuer, &identity.issuer));
        }
        for (claim, pattern) in &self.claims {
            let got = claims.get(*claim);
            if !got.is_some_and(|got| pattern.matches(got)) {
                let got = got.unwrap_or_default();
                mismatches.push(mismatch(claim.word(), pattern.text(), got));
            }
        }
        if mismatches.is_empty() {
            Ok(())
        } else {
            Err(mismatches)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(san: &str) -> SignerIdentity {
        SignerIdentity {
            san: san.to_owned(),
            issuer: "https://issuer.test".to_owned(),
        }
    }

    #[test]
    fn exact_means_every_byte_and_names_what_differs() {
        let signer = ExpectedSigner::exact("release", identity("dev@acme.test"));
        assert_eq!(signer.check(&identity("dev@acme.test")), Ok(()));
        let mismatches = signer
            .check(&identity("dev@acme.tesT"))
            .expect_err("another signer");
        assert_eq!(mismatches.len(), 1);
        assert_eq!(
            (mismatches[0].field, mismatches[0].got.as_str()),
            ("identity", "dev@acme.tesT")
        );
    }

    #[test]
    fn a_pattern_matches_the_whole_name_or_nothing() {
        let pattern = SanPattern::regex(r"^https://github\.com/acme/[a-z]+$").expect("anchored");
        assert!(pattern.matches("https://github.com/acme/app"));
        assert!(!pattern.matches("https://github.com/acme/app/x"));
        assert!(!pattern.matches("x https://github.com/acme/app"));
        let either = SanPattern::regex("^a@acme.test|b@acme.test$").expect("anchored");
        assert!(!either.matches("a@acme.test.evil.test"));
        assert!(!either.matches("evil b@acme.test"));
    }

    #[test]
    fn a_dot_that_stands_for_any_character_is_pointed_at() {
        let dot = |source| SanPattern::regex(source).expect("anchored").lone_dot();
        assert_eq!(dot(r"^https://github.com/acme/[a-z.]+$"), Some(15));
        assert_eq!(dot(r"^https://github\.com/acme/[a-z.]+$"), None);
        assert_eq!(dot(r"^https://github\.com/acme/.+$"), None);
        assert_eq!(SanPattern::Exact("a.b".to_owned()).lone_dot(), None);
    }

    #[test]
    fn a_pattern_cannot_leave_the_group_that_anchors_it() {
        for escape in [
            "^a)|(?:b$",
            "^(?x)a # comment$",
            "^a|(?m:b)$",
            r"^a\\)|(b$",
            "^(?P<n>a)$",
        ] {
            assert!(
                matches!(SanPattern::regex(escape), Err(PatternError::Syntax { .. })),
                "{escape}"
            );
        }
        let optional = SanPattern::regex(r"^a\(?b$").expect("an optional bracket is no flag");
        assert!(optional.matches("a(b") && optional.matches("ab") && !optional.matches("a(bc"));
        let backslash = SanPattern::regex(r"^a\\$").expect("ends in an escaped backslash");
        assert!(backslash.matches(r"a\"));
    }

    #[test]
    fn patterns_that_are_open_or_match_all_are_refused() {
        assert!(matches!(
            SanPattern::regex("acme"),
            Err(PatternError::Unanchored(_))
        ));
        assert!(matches!(
            SanPattern::regex(r"^acme\$"),
            Err(PatternError::Unanchored(_))
        ));
        assert!(matches!(
            SanPattern::regex("^.*$"),
            Err(PatternError::MatchesAll(_))
        ));
        assert!(matches!(
            SanPattern::regex("^(acme$"),
            Err(PatternError::Syntax { .. })
        ));
    }
}
