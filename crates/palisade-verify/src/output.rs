//! The answer as JSON. These structs are what users parse: a field keeps its name and meaning
//! as long as `version` stays.

use std::collections::BTreeMap;

use palisade_attest::Statement;
use palisade_roots::RootFacts;
use palisade_trust::KeyProfile;
use palisade_types::{Digest, Timestamp};
use palisade_ui::{Exit, Printer};
use serde::Serialize;
use serde_json::Value as Json;

use crate::args::Format;
use crate::error::Error;
use crate::judge::{Field, Match, Value, Verdict};
use crate::leaves::Entries;
use crate::trust::{Trust, Who};
use crate::vouched::Vouched;
use crate::{table, text};

/// The version of [`Report`].
const VERSION: u32 = 1;

/// The whole answer.
#[derive(Serialize)]
pub(crate) struct Report {
    version: u32,
    /// The subcommand.
    pub(crate) command: &'static str,
    /// `verified` when every answer is; `rejected` when one is; else `undecided`.
    result: Outcome,
    pub(crate) trust_root: RootFacts,
    /// The time of this run, by which ages are told.
    #[serde(skip)]
    pub(crate) now: Timestamp,
    pub(crate) expected: Expected,
    pub(crate) answers: Vec<Answer>,
}

/// How a question ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    Rejected,
    Undecided,
    Verified,
}

/// One answer as JSON on a line of its own: it can be read without the others.
#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    command: &'static str,
    trust_root: &'a RootFacts,
    expected: &'a Expected,
    answer: &'a Answer,
}

/// What was asked for.
#[derive(Serialize)]
pub(crate) struct Expected {
    /// The kind of evidence: `signature`, `message signature`, or predicate types.
    pub(crate) kind: String,
    /// The name or pattern of the signer; absent for a key.
    pub(crate) identity: Option<String>,
    /// Who vouched for the name; absent for a key.
    pub(crate) issuer: Option<String>,
    /// What is demanded of the certificate's claims, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) claims: BTreeMap<&'static str, String>,
    /// The key; absent for a signer with a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<ExpectedKey>,
}

/// The key that was asked for.
#[derive(Serialize)]
pub(crate) struct ExpectedKey {
    /// The file.
    pub(crate) file: String,
    /// The SHA-256 of its DER.
    pub(crate) digest: String,
    /// Whether a log entry and a proven time were demanded.
    pub(crate) log_required: bool,
}

/// What there is to say about one image or file.
#[derive(Clone, Serialize)]
pub(crate) struct Answer {
    /// What was given on the command line.
    pub(crate) given: String,
    /// What it is by digest; absent when that could not be found out.
    pub(crate) subject: Option<String>,
    /// The platform that the index gives it; only with `--recursive`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<String>,
    /// The digest of the index that lists it; only with `--recursive`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) part_of: Option<String>,
    /// The repository that was asked for signatures, where it is not the image's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) looked_in: Option<String>,
    pub(crate) result: Outcome,
    /// What was verified.
    pub(crate) verified: Vec<Proven>,
    /// What could have been an answer and was refused.
    pub(crate) refused: Vec<Refusal>,
    /// What was found and is of another kind, so that it was not verified.
    pub(crate) other: Vec<Listed>,
    /// BuildKit's statements that the index lists, which nobody signed; only with `--recursive`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) buildkit: Vec<BuildKit>,
    /// Why it could not be found out.
    pub(crate) undecided: Option<String>,
}

/// One of BuildKit's attestation manifests.
#[derive(Clone, Serialize)]
pub(crate) struct BuildKit {
    /// The digest of the manifest.
    pub(crate) manifest: String,
    /// The digest of the image in the same index that it is about.
    pub(crate) about: String,
    /// What its statements claim to be.
    pub(crate) predicate_types: Vec<String>,
}

/// One verified signature or attestation.
#[derive(Clone, Serialize)]
pub(crate) struct Proven {
    /// Where the bundle was: the attached manifest's digest, or a path.
    pub(crate) origin: String,
    /// The digest of the bundle.
    pub(crate) bundle: String,
    /// How it was stored: `bundle`, `cosign-att`, `cosign-blob` or `cosign-sig`.
    pub(crate) form: &'static str,
    /// Who signed; absent for a key.
    pub(crate) signer: Option<Signer>,
    /// The SHA-256 of the DER of the key that signed; absent for a signer with a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// The earliest proven time of the signature; absent where none is, which only a key without
    /// a log may have.
    pub(crate) signed_at: Option<String>,
    /// The checks that ran and held.
    pub(crate) claims: Vec<&'static str>,
    /// The same in words, for the text.
    #[serde(skip)]
    pub(crate) words: Vec<&'static str>,
    /// The subject that matched.
    pub(crate) matched: Matched,
    /// The statement's type; absent for a signature over a file's bytes.
    pub(crate) predicate_type: Option<String>,
    /// The statement as signed; only for attestations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) statement: Option<Json>,
}

/// Who signed.
#[derive(Clone, Serialize)]
pub(crate) struct Signer {
    pub(crate) identity: String,
    pub(crate) issuer: String,
}

/// The subject that matched.
#[derive(Clone, Serialize)]
pub(crate) struct Matched {
    pub(crate) digest: String,
    /// Its position among the statement's subjects, from 0; absent where there is no statement.
    pub(crate) index: Option<usize>,
}

/// One refusal.
#[derive(Clone, Serialize)]
pub(crate) struct Refusal {
    pub(crate) origin: String,
    /// One stable word.
    pub(crate) reason: &'static str,
    pub(crate) detail: String,
    /// Each thing that was wanted beside what stands there, also where they are the same.
    pub(crate) fields: Vec<Compared>,
}

/// One field of a near miss.
#[derive(Clone, Serialize)]
pub(crate) struct Compared {
    pub(crate) field: &'static str,
    pub(crate) want: String,
    pub(crate) got: String,
    pub(crate) equal: bool,
}

/// Something of another kind.
#[derive(Clone, Serialize)]
pub(crate) struct Listed {
    pub(crate) origin: String,
    /// The type it claims; absent for a signature over bytes.
    pub(crate) predicate_type: Option<String>,
}

impl Report {
    pub(crate) fn new(
        command: &'static str,
        kind: &str,
        trust: &Trust,
        answers: Vec<Answer>,
    ) -> Self {
        Self {
            version: VERSION,
            command,
            result: together(&answers),
            trust_root: trust.about.clone(),
            now: trust.now,
            expected: expected(kind, trust),
            answers,
        }
    }

    /// Prints the answer and says how it ends.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the last step of every subcommand's `run`"
    )]
    pub(crate) fn print(&self, printer: Printer, format: impl Into<Format>) -> Result<Exit, Error> {
        match format.into() {
            Format::Json => printer.json(self),
            Format::Jsonl => self.answers.iter().for_each(|answer| {
                printer.json_line(&Line {
                    version: self.version,
                    command: self.command,
                    trust_root: &self.trust_root,
                    expected: &self.expected,
                    answer,
                });
            }),
            Format::Table => table::print(self, printer),
            Format::Text => text::print(self, printer),
        }
        Ok(match self.result {
            Outcome::Rejected => Exit::No,
            Outcome::Undecided => Exit::Undecided,
            Outcome::Verified => Exit::Ok,
        })
    }
}

fn expected(kind: &str, trust: &Trust) -> Expected {
    let kind = kind.to_owned();
    match &trust.who {
        Who::Key { key, profile } => Expected {
            kind,
            identity: None,
            issuer: None,
            claims: BTreeMap::new(),
            key: Some(ExpectedKey {
                file: key.name().to_owned(),
                digest: key.key().fingerprint().to_string(),
                log_required: *profile == KeyProfile::Logged,
            }),
        },
        Who::Signer {
            signers,
            identity,
            issuer,
        } => Expected {
            kind,
            identity: Some(identity.clone()),
            issuer: Some(issuer.clone()),
            claims: signers[0]
                .demands()
                .iter()
                .map(|(claim, pattern)| (claim.word(), pattern.text().to_owned()))
                .collect(),
            key: None,
        },
    }
}

/// A refusal stays one however often it is asked again, so it goes before an outage.
fn together(answers: &[Answer]) -> Outcome {
    let any = |outcome| answers.iter().any(|answer| answer.result == outcome);
    if answers.is_empty() || any(Outcome::Rejected) {
        Outcome::Rejected
    } else if any(Outcome::Undecided) {
        Outcome::Undecided
    } else {
        Outcome::Verified
    }
}

impl Answer {
    pub(crate) fn judged(given: String, subject: String, verdict: Verdict) -> Self {
        let result = if verdict.matches.is_empty() {
            Outcome::Rejected
        } else {
            Outcome::Verified
        };
        let refused = verdict.refused.into_iter().map(|refused| Refusal {
            origin: refused.origin,
            reason: refused.reason,
            detail: refused.detail,
            fields: refused.fields.into_iter().map(compared).collect(),
        });
        let other = verdict.others.into_iter().map(|other| Listed {
            origin: other.origin,
            predicate_type: other.predicate_type,
        });
        Self {
            given,
            subject: Some(subject),
            platform: None,
            part_of: None,
            looked_in: None,
            result,
            verified: verdict.matches.into_iter().map(proven).collect(),
            refused: refused.collect(),
            other: other.collect(),
            buildkit: Vec::new(),
            undecided: None,
        }
    }

    /// `subject` where it is known what the image is by digest.
    pub(crate) fn undecided(given: String, subject: Option<String>, error: &Error) -> Self {
        Self {
            given,
            subject,
            platform: None,
            part_of: None,
            looked_in: None,
            result: Outcome::Undecided,
            verified: Vec::new(),
            refused: Vec::new(),
            other: Vec::new(),
            buildkit: Vec::new(),
            undecided: Some(error.why()),
        }
    }

    /// Says where in an index the image stands.
    pub(crate) fn place(&mut self, part_of: Option<&Digest>, platform: Option<String>) {
        self.part_of = part_of.map(Digest::to_string);
        self.platform = platform;
    }

    /// Says what the index lists. One that lists no image signs nothing off, whoever signed it:
    /// each of its images would be verified, and there is none.
    pub(crate) fn list(&mut self, entries: Entries) {
        self.buildkit
            .extend(entries.buildkit.into_iter().map(|statements| BuildKit {
                manifest: statements.manifest.to_string(),
                about: statements.about.to_string(),
                predicate_types: statements.predicate_types,
            }));
        if entries.images == 0 && self.result == Outcome::Verified {
            self.result = Outcome::Rejected;
            self.refused.push(Refusal {
                origin: self.subject.clone().unwrap_or_default(),
                reason: "no-image",
                detail: "the index lists no image that could run".to_owned(),
                fields: Vec::new(),
            });
        }
    }
}

fn compared(field: Field) -> Compared {
    Compared {
        field: field.name,
        want: field.want,
        got: field.got,
        equal: field.equal,
    }
}

fn proven(found: Match) -> Proven {
    let Match {
        origin,
        form,
        value,
        digest,
    } = found;
    let digest = digest.to_string();
    match value {
        Value::Message(message) => facts(origin, form, &message, &digest, None),
        Value::Statement { statement, subject } => {
            let predicate_type = statement.value().predicate_type.clone();
            let whole = (predicate_type != palisade_attest::predicates::cosign_sign::TYPE)
                .then(|| json_of(&statement));
            Proven {
                predicate_type: Some(predicate_type),
                statement: whole,
                ..facts(origin, form, &statement, &digest, Some(subject))
            }
        }
    }
}

fn json_of(statement: &Vouched<Statement>) -> Json {
    serde_json::to_value(statement.value()).expect("a statement came out of JSON")
}

fn facts<T>(
    origin: String,
    form: &'static str,
    of: &Vouched<T>,
    digest: &str,
    index: Option<usize>,
) -> Proven {
    Proven {
        origin,
        bundle: of.bundle().to_string(),
        form,
        signer: of.signer().map(|signer| Signer {
            identity: signer.san.clone(),
            issuer: signer.issuer.clone(),
        }),
        key: of.key().map(ToString::to_string),
        signed_at: of.signed_at().map(|time| time.to_string()),
        claims: of.claims().iter().map(|claim| claim.word()).collect(),
        words: of.claims().iter().map(|claim| claim.words()).collect(),
        matched: Matched {
            digest: digest.to_owned(),
            index,
        },
        predicate_type: None,
        statement: None,
    }
}
