//! The one kind of wildcard policies have: `*`, anchored on both sides.

use std::fmt;

/// A text with wildcards. It matches a whole text or nothing. `*` stands for one or more
/// characters other than `/` and white space; `**` for one or more other than white space.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glob(String);

impl Glob {
    /// Any text is a glob; callers refuse the ones that are too wide for their purpose.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has no wildcard.
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        if self.is_exact() {
            return self.0 == text;
        }
        regex_lite::Regex::new(&format!("^(?:{})$", self.pattern()))
            .is_ok_and(|regex| regex.is_match(text))
    }

    /// The same as a regular expression without anchors.
    pub(crate) fn pattern(&self) -> String {
        let runs: Vec<String> = self
            .0
            .split("**")
            .map(|run| {
                let words: Vec<String> = run.split('*').map(regex_lite::escape).collect();
                words.join(r"[^/\s]+")
            })
            .collect();
        runs.join(r"\S+")
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_stays_inside_a_segment_and_two_do_not() {
        let one = Glob::new("ghcr.io/acme/*");
        assert!(one.matches("ghcr.io/acme/app"));
        assert!(!one.matches("ghcr.io/acme/app/debug"));
        assert!(!one.matches("ghcr.io/acme/"));
        let two = Glob::new("ghcr.io/acme/**");
        assert!(two.matches("ghcr.io/acme/app/debug"));
        assert!(!two.matches("ghcr.io/acmeX/app"));
    }

    #[test]
    fn every_other_character_is_itself() {
        let dot = Glob::new("ghcr.io/a*");
        assert!(!dot.matches("ghcrXio/app"));
        assert!(!dot.matches("evil/ghcr.io/app"));
        assert!(
            !Glob::new("refs/tags/v*").matches("refs/tags/v1\n"),
            "a line break after it"
        );
        assert!(Glob::new("a+(b").matches("a+(b"));
    }
}
