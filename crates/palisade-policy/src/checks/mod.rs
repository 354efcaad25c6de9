//! Checks: each is a pure function, and a page beside it whose examples are its tests.

pub(crate) mod provenance;
pub(crate) mod scan;

use palisade_types::decision::PolicySpan;
use palisade_types::{Digest, Finding, Verdict};

use crate::coverage::{Coverage, Judged, cover};
use crate::evaluate::Input;
use crate::evidence::RejectedEvidence;

/// One question a policy may ask.
pub struct Check {
    /// Its stable, kebab-case id: it says what is required, and is never reused.
    pub id: &'static str,
    /// Its page, in Markdown: *Why*, *Passes*, *Fails*, *Fix*.
    pub page: &'static str,
    answer: fn(&Input<'_>) -> Option<Answer>,
}

/// What a check says. `None` in its place means that the policy does not ask.
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
    pub(crate) help: Option<String>,
    pub(crate) evidence: Vec<Digest>,
    pub(crate) at: PolicySpan,
}

impl Check {
    /// The check's finding, when the policy asks for it.
    pub(crate) fn run(&self, input: &Input<'_>) -> Option<Finding> {
        let answer = (self.answer)(input)?;
        Some(Finding {
            check: self.id,
            verdict: answer.verdict,
            reason: answer.reason,
            help: answer.help,
            evidence: answer.evidence,
            policy_at: Some(answer.at),
        })
    }
}

/// Lists the modules of the checks, in the order of a decision's findings.
macro_rules! checks {
    ($($module:ident),* $(,)?) => {
        $(mod $module;)*

        /// Every check, in the order of a decision's findings.
        pub const CHECKS: &[Check] = &[
            $(Check {
                id: $module::ID,
                page: include_str!(concat!(stringify!($module), ".md")),
                answer: $module::answer,
            },)*
        ];
    };
}

checks![
    policy_current,
    subject_matches,
    signature_present,
    provenance_present,
    provenance_builder,
    provenance_source,
    sbom_present,
    scan_present,
    scan_fresh,
    scan_severity,
];

impl Answer {
    pub(crate) fn pass(reason: impl Into<String>, evidence: Vec<Digest>, at: PolicySpan) -> Self {
        Self {
            verdict: Verdict::Pass,
            reason: reason.into(),
            help: None,
            evidence,
            at,
        }
    }

    pub(crate) fn no(
        verdict: Verdict,
        reason: impl Into<String>,
        help: impl Into<String>,
        at: PolicySpan,
    ) -> Self {
        Self {
            verdict,
            reason: reason.into(),
            help: Some(help.into()),
            evidence: Vec::new(),
            at,
        }
    }
}

/// What a check asks of a kind of evidence.
pub(crate) struct Question<'q> {
    /// The kind in words, with its article: `a scan report`.
    pub(crate) kind: &'q str,
    /// The predicate types of the kind.
    pub(crate) types: &'q [&'q str],
    /// The signers that count for it.
    pub(crate) signers: &'q [String],
    /// What is said when the image is covered.
    pub(crate) good: String,
    /// How to make such evidence.
    pub(crate) help: String,
    /// Where the policy asks.
    pub(crate) at: PolicySpan,
}

impl Question<'_> {
    /// The answer that this evidence gives.
    pub(crate) fn answer(self, input: &Input<'_>, judged: &[Judged<'_, '_>]) -> Answer {
        match cover(&input.evidence.subject, judged) {
            Coverage::Covered(evidence) => Answer::pass(self.good, evidence, self.at),
            Coverage::Refused(evidence, refusal) => Answer {
                evidence,
                ..Answer::no(Verdict::Fail, refusal.why, refusal.help, self.at)
            },
            Coverage::Absent(part) => self.missing(input, &part),
        }
    }

    /// "There is none", with the nearest thing there is.
    pub(crate) fn missing(self, input: &Input<'_>, part: &str) -> Answer {
        let mut reason = format!("there is no {} for {part}", self.kind);
        let mut help = self.help;
        if let Some(note) = other_signer(input, self.types, self.signers) {
            reason = format!("{reason}; {note}");
        }
        if let Some((note, advice)) = rejected(input, self.types) {
            reason = format!("{reason}; {note}");
            help = advice.unwrap_or(help);
        }
        Answer::no(Verdict::Missing, reason, help, self.at)
    }
}

/// Evidence of the right type by a signer the policy names, but for something else.
fn other_signer(input: &Input<'_>, types: &[&str], signers: &[String]) -> Option<String> {
    let other = input
        .bound
        .iter()
        .map(|bound| bound.statement)
        .find(|statement| {
            types.contains(&statement.value().predicate_type.as_str())
                && !signers.iter().any(|signer| signer == statement.expected())
        })?;
    let name = other.expected();
    Some(format!(
        "there is one by `{name}`, whom the policy does not name for it"
    ))
}

/// Evidence that claims the right type and was not believed: how many, the nearest one, and what
/// differs.
fn rejected(input: &Input<'_>, types: &[&str]) -> Option<(String, Option<String>)> {
    let claims = |item: &&RejectedEvidence| {
        let claimed = item.claimed_type.as_deref();
        claimed.is_some_and(|claimed| types.contains(&claimed))
    };
    let mut items: Vec<_> = input.evidence.rejected.iter().filter(claims).collect();
    // The nearest miss first; the digest makes the order one of the evidence alone.
    items.sort_by_key(|item| {
        let misses = item.near_misses.len();
        (misses == 0, misses, &item.bundle)
    });
    let nearest = items.first()?;
    let count = items.len();
    let note = format!("{count} rejected, the nearest one because: {}", nearest.why);
    let advice = nearest.near_misses.first().map(|miss| {
        format!(
            "if that signer is meant, change `{}` of signer `{}`: it wants `{}` and got `{}`",
            miss.field, miss.signer, miss.want, miss.got
        )
    });
    Some((note, advice))
}
