//! What checks found, and the one outcome that follows from it.

use serde::Serialize;

use crate::digest::Digest;
use crate::reference::PinnedRef;
use crate::subject::FrozenSubject;
use jiff::Timestamp;

/// What one check says. Deliberately without a `Default`: nothing passes by omission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// There is evidence, and it says no.
    Fail,
    /// There is no evidence to look at.
    Missing,
    /// There is evidence, and it says yes.
    Pass,
}

/// One check's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check's stable, kebab-case id.
    pub check: &'static str,
    /// What it says.
    pub verdict: Verdict,
    /// Why, in one sentence fragment for people.
    pub reason: String,
    /// What to do about it; empty when it passed.
    pub help: Option<String>,
    /// The digests of the evidence it used, in a stable order.
    pub evidence: Vec<Digest>,
    /// Where the policy asks for it.
    pub policy_at: Option<PolicySpan>,
}

/// A place in the policy file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PolicySpan {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// The line, counted from 1.
    pub line: usize,
}

/// A source of evidence that could not be read. A gap never helps a decision; it only turns the
/// answer "no" into "could not decide" where nothing but the missing evidence stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Gap {
    /// What was asked, for example `referrers of ghcr.io/acme/app@sha256:…`.
    pub source: String,
    /// Why it could not be read.
    pub reason: String,
}

/// Something the operator loosened. Shown in every output and in the VSA.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relaxation {
    /// `--allow-lab`: a lab's trust root was accepted.
    AllowLab,
    /// `--insecure-registry`, `--allow-http-registry` or `--allow-insecure-registry`: a registry
    /// was asked over plain HTTP or whoever it was, so anybody on the way could have withheld
    /// evidence.
    InsecureRegistry {
        /// The registry, as given on the command line; `*` is every one.
        host: String,
    },
    /// `--current-time`: it was judged for another time than the clock's.
    MovedClock,
    /// `mode = "warn"` in the policy.
    WarnMode,
}

/// Whether the policy decides or only reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The decision binds.
    Enforce,
    /// The decision is printed; it never becomes a `PASSED` VSA.
    Warn,
}

/// Which policy decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyIdentity {
    /// The policy's id, for example `acme/prod`.
    pub id: String,
    /// Its version: an integer that only grows.
    pub version: u64,
    /// The environment it guards.
    pub environment: String,
    /// The digest of the policy file's bytes.
    pub digest: Digest,
    /// Whether it binds.
    pub mode: Mode,
}

/// The answer of a policy about one image. Deliberately without a `Default`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every check passed.
    Allow,
    /// At least one check did not pass, and the evidence was all there to see.
    Deny,
    /// No check failed, some evidence is missing, and some source could not be read.
    Undecided,
}

/// A decision: made by [`Decision::judge`] alone, so its outcome always follows from its findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    subject: FrozenSubject,
    policy: PolicyIdentity,
    now: Timestamp,
    outcome: Outcome,
    findings: Vec<Finding>,
    gaps: Vec<Gap>,
    relaxations: Vec<Relaxation>,
}

impl Decision {
    /// Draws the outcome from the findings: all of them `Pass`, and at least one, is the only
    /// [`Outcome::Allow`].
    pub fn judge(
        subject: FrozenSubject,
        policy: PolicyIdentity,
        now: Timestamp,
        findings: Vec<Finding>,
        mut gaps: Vec<Gap>,
        mut relaxations: Vec<Relaxation>,
    ) -> Self {
        gaps.sort();
        gaps.dedup();
        if policy.mode == Mode::Warn {
            relaxations.push(Relaxation::WarnMode);
        }
        relaxations.sort();
        relaxations.dedup();
        let outcome = outcome(&findings, &gaps);
        Self {
            subject,
            policy,
            now,
            outcome,
            findings,
            gaps,
            relaxations,
        }
    }

    /// What it is about.
    pub const fn subject(&self) -> &FrozenSubject {
        &self.subject
    }

    /// The image it is about.
    pub const fn image(&self) -> &PinnedRef {
        &self.subject.image
    }

    /// Which policy decided.
    pub const fn policy(&self) -> &PolicyIdentity {
        &self.policy
    }

    /// The time it was made for.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The answer.
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// What each check said, in the policy's order.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The sources that could not be read.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// What was loosened.
    pub fn relaxations(&self) -> &[Relaxation] {
        &self.relaxations
    }

    /// Whether this may become a `PASSED` verification summary: an allow, in enforce mode.
    pub fn is_passed(&self) -> bool {
        self.outcome == Outcome::Allow && self.policy.mode == Mode::Enforce
    }
}

fn outcome(findings: &[Finding], gaps: &[Gap]) -> Outcome {
    let any = |verdict| findings.iter().any(|finding| finding.verdict == verdict);
    if findings.is_empty() || any(Verdict::Fail) {
        Outcome::Deny
    } else if any(Verdict::Missing) {
        if gaps.is_empty() {
            Outcome::Deny
        } else {
            Outcome::Undecided
        }
    } else {
        Outcome::Allow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(verdict: Verdict) -> Finding {
        Finding {
            check: "test",
            verdict,
            reason: String::new(),
            help: None,
            evidence: Vec::new(),
            policy_at: None,
        }
    }

    fn gap() -> Gap {
        Gap {
            source: "referrers".to_owned(),
            reason: "429".to_owned(),
        }
    }

    #[test]
    fn no_findings_is_a_deny() {
        assert_eq!(outcome(&[], &[]), Outcome::Deny);
        assert_eq!(outcome(&[], &[gap()]), Outcome::Deny);
    }

    #[test]
    fn only_all_pass_is_an_allow() {
        use Verdict::{Fail, Missing, Pass};
        assert_eq!(
            outcome(&[finding(Pass), finding(Pass)], &[]),
            Outcome::Allow
        );
        assert_eq!(
            outcome(&[finding(Pass), finding(Missing)], &[]),
            Outcome::Deny
        );
        assert_eq!(outcome(&[finding(Pass), finding(Fail)], &[]), Outcome::Deny);
    }

    #[test]
    fn a_gap_excuses_what_is_missing_but_never_what_failed() {
        use Verdict::{Fail, Missing, Pass};
        assert_eq!(
            outcome(&[finding(Pass), finding(Missing)], &[gap()]),
            Outcome::Undecided
        );
        assert_eq!(
            outcome(&[finding(Fail), finding(Missing)], &[gap()]),
            Outcome::Deny
        );
    }
}
