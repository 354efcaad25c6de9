//! Vulnerability reports, whoever wrote them, in one shape.

mod cosign;
mod in_toto;
mod severity;

use palisade_types::Timestamp;
use serde_json::Value;

use super::{Predicate, PredicateError};
pub use severity::Severity;

/// in-toto's predicate type, with one entry for each vulnerability (*Vulnerabilities* 0.2).
pub const TYPE: &str = "https://in-toto.io/attestation/vulns/v0.2";
/// Its older version, which nests each entry once more.
pub const TYPE_V0_1: &str = "https://in-toto.io/attestation/vulns/v0.1";
/// cosign's predicate type, with the scanner's own report inside.
pub const COSIGN_TYPE: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

/// The most findings of one report.
const MAX_FINDINGS: usize = 100_000;

/// What a scanner found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VulnReport {
    /// The scanner, by its URI or name.
    pub scanner: String,
    /// When its database was last updated, when the report says.
    pub database_updated: Option<Timestamp>,
    /// When the scan ended.
    pub finished: Timestamp,
    /// What it found, sorted.
    pub findings: Vec<Vulnerability>,
}

/// One vulnerability in one component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vulnerability {
    /// How bad it is. An unreadable rating is [`Severity::Unknown`], which is worse than all.
    pub severity: Severity,
    /// The id, for example `CVE-2026-1234`.
    pub id: String,
    /// The component: its package URL, else its name and version, else nothing.
    pub component: Option<String>,
    /// A version without it, when one is known.
    pub fixed: Option<String>,
}

impl VulnReport {
    /// The findings at or above a severity, which includes those without a readable one.
    pub fn at_or_above(&self, severity: Severity) -> impl Iterator<Item = &Vulnerability> {
        let reaches = move |finding: &&Vulnerability| finding.severity >= severity;
        self.findings.iter().filter(reaches)
    }
}

impl Predicate for VulnReport {
    const TYPES: &'static [&'static str] = &[TYPE, TYPE_V0_1, COSIGN_TYPE];

    fn read(predicate_type: &str, predicate: &Value) -> Result<Self, PredicateError> {
        let (scanner, database_updated, findings) = match predicate_type {
            COSIGN_TYPE => cosign::read(predicate)?,
            _ => in_toto::read(predicate)?,
        };
        let mut findings = findings;
        if findings.len() > MAX_FINDINGS {
            let problem = format!("has more than {MAX_FINDINGS} entries");
            return Err(PredicateError::field("scanner.result", problem));
        }
        findings.sort();
        findings.dedup();
        let finished = time(predicate, "/metadata/scanFinishedOn")?
            .ok_or_else(|| PredicateError::field("metadata.scanFinishedOn", "is missing"))?;
        Ok(Self {
            scanner,
            database_updated,
            finished,
            findings,
        })
    }
}

/// Scanner, database time and findings.
type Parts = (String, Option<Timestamp>, Vec<Vulnerability>);

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// A time; absent is `None`, malformed is an error.
fn time(value: &Value, pointer: &str) -> Result<Option<Timestamp>, PredicateError> {
    let field = || pointer[1..].replace('/', ".");
    match value.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => text
            .parse()
            .map(Some)
            .map_err(|_| PredicateError::field(field(), format!("is not a time: {text:?}"))),
        Some(_) => Err(PredicateError::field(field(), "is not a time")),
    }
}

fn id(value: &Value, pointer: &str) -> Result<String, PredicateError> {
    text(value, pointer)
        .map(str::to_owned)
        .ok_or_else(|| PredicateError::field("scanner.result", "has an entry without an id"))
}

fn array<'a>(value: &'a Value, pointer: &str) -> Result<Option<&'a Vec<Value>>, PredicateError> {
    match value.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(_) => {
            let field = pointer[1..].replace('/', ".");
            Err(PredicateError::field(field, "is not a list"))
        }
    }
}

fn name_and_version(name: Option<&str>, version: Option<&str>) -> Option<String> {
    match (name, version) {
        (Some(name), Some(version)) => Some(format!("{name} {version}")),
        (name, _) => name.map(str::to_owned),
    }
}
