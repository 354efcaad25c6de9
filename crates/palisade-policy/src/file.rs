//! The policy file as TOML: every key there is, and no other.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use crate::error::{PolicyError, Problem};

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct File {
    pub(crate) schema: Spanned<i64>,
    pub(crate) policy: Spanned<Header>,
    pub(crate) subject: Spanned<Subject>,
    pub(crate) trust: BTreeMap<Spanned<String>, Spanned<Trust>>,
    #[serde(default)]
    pub(crate) signer: Vec<Spanned<Signer>>,
    #[serde(default)]
    pub(crate) builder: Vec<Spanned<Builder>>,
    pub(crate) signature: Spanned<Signature>,
    pub(crate) provenance: Spanned<Provenance>,
    pub(crate) sbom: Spanned<Sbom>,
    pub(crate) scan: Spanned<Scan>,
    pub(crate) vsa: Option<Spanned<Vsa>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Header {
    pub(crate) id: Spanned<String>,
    pub(crate) version: Spanned<i64>,
    pub(crate) environment: Spanned<String>,
    pub(crate) mode: Spanned<Mode>,
    pub(crate) expires: Spanned<Datetime>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    Enforce,
    Warn,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Subject {
    pub(crate) images: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(crate) platforms: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Trust {
    pub(crate) trusted_root: Option<Spanned<String>>,
    pub(crate) embedded: Option<Spanned<Embedded>>,
    pub(crate) profile: Option<Spanned<Profile>>,
    pub(crate) require_inclusion_proof: Option<Spanned<bool>>,
}

/// How signatures of an instance are made, where that differs from Sigstore's own.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Profile {
    GithubPrivate,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Embedded {
    Github,
    PublicGood,
    Staging,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Signer {
    pub(crate) name: Spanned<String>,
    pub(crate) trust: Spanned<String>,
    pub(crate) issuer: Option<Spanned<String>>,
    pub(crate) san: Option<Spanned<String>>,
    pub(crate) san_regex: Option<Spanned<String>>,
    pub(crate) github: Option<Spanned<Github>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Github {
    pub(crate) repository: Spanned<String>,
    pub(crate) workflow: Spanned<String>,
    #[serde(rename = "ref")]
    pub(crate) reference: Spanned<String>,
    pub(crate) called_from: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Builder {
    pub(crate) id: Spanned<String>,
    pub(crate) signer: Spanned<String>,
    pub(crate) max_level: Spanned<i64>,
    #[serde(default)]
    pub(crate) build_types: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Signature {
    pub(crate) require: Spanned<Threshold>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Threshold {
    pub(crate) at_least: Spanned<i64>,
    pub(crate) of: Spanned<Vec<Spanned<String>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Provenance {
    pub(crate) require: Spanned<bool>,
    #[serde(default)]
    pub(crate) signers: Vec<Spanned<String>>,
    pub(crate) source: Option<Spanned<Source>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Source {
    pub(crate) repository: Spanned<String>,
    #[serde(rename = "ref")]
    pub(crate) reference: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Sbom {
    pub(crate) require: Spanned<bool>,
    #[serde(default)]
    pub(crate) signers: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Scan {
    pub(crate) require: Spanned<bool>,
    #[serde(default)]
    pub(crate) signers: Vec<Spanned<String>>,
    pub(crate) fail_on: Option<Spanned<String>>,
    pub(crate) max_age: Option<Spanned<String>>,
    pub(crate) max_db_age: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Vsa {
    pub(crate) verifier_id: Spanned<String>,
    #[serde(rename = "sign")]
    pub(crate) _sign: Sign,
    pub(crate) trust: Spanned<String>,
    pub(crate) valid_for: Spanned<String>,
    pub(crate) attach: Attach,
}

/// How a summary is signed. One way today; written down, so that another one is a choice.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sign {
    Keyless,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Attach {
    None,
    Referrer,
}

/// Reads the file's shape.
pub(crate) fn parse(name: &str, text: &str) -> Result<File, PolicyError> {
    toml::from_str(text).map_err(|error| PolicyError::new(name, text, vec![problem(text, &error)]))
}

/// TOML's own message, with the nearest candidate where it lists names.
fn problem(text: &str, error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or(0..0);
    let message = error.message().trim().to_owned();
    let quoted = quoted(&message);
    let says =
        |code, message: String, label: &str| Problem::new(code, clamp(&span, text), message, label);
    let new = |code, label: &str| says(code, message.clone(), label);
    match quoted.split_first() {
        Some((typed, names)) if message.starts_with("unknown field") => says(
            "policy::unknown-key",
            format!("there is no key `{typed}`"),
            "not in this section",
        )
        .candidates(typed, names.iter().copied()),
        Some((typed, names)) if message.starts_with("unknown variant") => says(
            "policy::unknown-value",
            format!("there is no value `{typed}`"),
            "not for this key",
        )
        .candidates(typed, names.iter().copied()),
        Some((key, _)) if message.starts_with("missing field") => {
            let help = format!("add `{key}`; palisade has no default for what decides");
            new("policy::missing-key", "in here").help(help)
        }
        _ if message.starts_with("invalid type") => new("policy::wrong-type", "of another type"),
        _ if message.starts_with("duplicate key") => new("policy::duplicate", "stands twice"),
        _ => new("policy::toml", "here"),
    }
}

/// The words between backticks.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

/// A span that a renderer can always underline: inside the text, one line at most.
fn clamp(span: &Range<usize>, text: &str) -> Range<usize> {
    let start = span.start.min(text.len());
    let end = span.end.clamp(start, text.len());
    let line_end = text
        .get(start..end)
        .and_then(|part| part.find('\n'))
        .map_or(end, |at| start + at);
    start..line_end
}
