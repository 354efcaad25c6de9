//! How bad a vulnerability is, in the words every scanner shares.

use std::fmt;
use std::str::FromStr;

/// A severity, least first. An unreadable or missing rating is above all others: what nobody
/// rated may be the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Rated as nothing to act on.
    Negligible,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
    /// Not rated, or rated in a way we do not read.
    Unknown,
}

impl Severity {
    /// The severities a threshold may name, least first.
    pub const THRESHOLDS: [Self; 5] = [
        Self::Negligible,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Negligible => "negligible",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }

    /// A scanner's word, in any case; a word we do not know is [`Severity::Unknown`].
    pub fn of_word(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "none" | "negligible" | "informational" | "info" => Self::Negligible,
            "low" => Self::Low,
            "medium" | "moderate" => Self::Medium,
            "high" | "important" => Self::High,
            "critical" => Self::Critical,
            _ => Self::Unknown,
        }
    }

    /// A CVSS score of 0.0 to 10.0 (CVSS 3.1 and 4.0, *Qualitative Severity Rating Scale*).
    pub fn of_cvss(score: f64) -> Self {
        match score {
            s if !(0.0..=10.0).contains(&s) => Self::Unknown,
            s if s >= 9.0 => Self::Critical,
            s if s >= 7.0 => Self::High,
            s if s >= 4.0 => Self::Medium,
            s if s > 0.0 => Self::Low,
            _ => Self::Negligible,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no threshold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a severity; write `negligible`, `low`, `medium`, `high` or `critical`")]
pub struct ParseSeverityError(String);

impl FromStr for Severity {
    type Err = ParseSeverityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::THRESHOLDS
            .into_iter()
            .find(|severity| severity.name() == text)
            .ok_or_else(|| ParseSeverityError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_rated_is_above_every_threshold() {
        for threshold in Severity::THRESHOLDS {
            assert!(Severity::of_word("") > threshold);
            assert!(Severity::of_word("zonk") > threshold);
            assert!(Severity::of_cvss(f64::NAN) > threshold);
            assert!(Severity::of_cvss(11.0) > threshold);
        }
    }

    #[test]
    fn words_and_scores_agree() {
        for (score, word) in [
            (9.0, "CRITICAL"),
            (8.9, "High"),
            (6.9, "medium"),
            (0.1, "low"),
            (0.0, "None"),
        ] {
            assert_eq!(Severity::of_cvss(score), Severity::of_word(word), "{score}");
        }
    }

    #[test]
    fn unknown_is_no_threshold() {
        assert_eq!("high".parse(), Ok(Severity::High));
        assert!("unknown".parse::<Severity>().is_err());
        assert!("HIGH".parse::<Severity>().is_err());
    }
}
