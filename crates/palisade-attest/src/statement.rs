//! in-toto Statement v1: some subjects, and one predicate about them.

use std::collections::BTreeMap;

use palisade_types::Digest;
use palisade_types::json::{JsonError, parse_strict, parse_strict_without};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The `_type` we write (in-toto attestation framework v1, *Statement*).
pub const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";
/// The `_type` cosign 3 still writes for `attest`; read, never written.
const STATEMENT_V0_1: &str = "https://in-toto.io/Statement/v0.1";
/// The DSSE payload type of every statement.
pub const IN_TOTO_PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The largest statement we parse. SBOM predicates of 20 to 40 MB are in use, and of 100 MB known.
pub const MAX_STATEMENT: usize = 128 << 20;
/// The most subjects of one statement.
const MAX_SUBJECTS: usize = 1024;
/// The most digests of one subject.
const MAX_DIGESTS: usize = 32;

/// A statement as signed. By itself it is a claim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: &'static str,
    /// What it is about.
    #[serde(rename = "subject")]
    pub subjects: Vec<ResourceDescriptor>,
    /// The URI that says how to read `predicate`.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What it says.
    pub predicate: Value,
}

/// in-toto's ResourceDescriptor, with the fields we use (v1, *ResourceDescriptor*).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDescriptor {
    /// A name; it never decides anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it can be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Digests by algorithm name, lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, Value>,
}

impl ResourceDescriptor {
    /// A subject with one digest.
    pub fn new(name: Option<String>, digest: &Digest) -> Self {
        let digests = BTreeMap::from([(
            digest.algorithm().name().to_owned(),
            digest.hex().to_owned(),
        )]);
        Self {
            name,
            digest: digests,
            ..Self::default()
        }
    }
}

/// Why bytes are not a statement we read.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// Not JSON, or JSON that two readers could read differently.
    #[error("the statement is not acceptable JSON: {0}")]
    Json(JsonError),
    /// Larger than [`MAX_STATEMENT`], or more subjects or digests than we read.
    #[error("the statement has more than {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// `_type` is missing or is not in-toto's.
    #[error("the statement's `_type` is {0}, not `{STATEMENT_V1}`")]
    Type(String),
    /// A field is missing or has another type than the specification gives it.
    #[error("the statement's `{field}` {problem}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

// By hand: `#[from]` would make the cause a source too, and say it twice.
impl From<JsonError> for StatementError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

/// A subject that agrees in one digest algorithm and disagrees in another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "subject {index} of the statement has the {same} digest that was asked for and another {other}"
)]
pub struct Conflict {
    /// The position of the subject.
    pub index: usize,
    /// The algorithm that agrees.
    pub same: String,
    /// The algorithm that does not.
    pub other: String,
}

impl Statement {
    /// A statement to sign.
    pub fn new(
        subjects: Vec<ResourceDescriptor>,
        predicate_type: impl Into<String>,
        predicate: Value,
    ) -> Self {
        Self {
            kind: STATEMENT_V1,
            subjects,
            predicate_type: predicate_type.into(),
            predicate,
        }
    }

    /// Reads a DSSE payload. Refuses a missing or foreign `_type`, an empty `predicateType`, no
    /// subjects, duplicate keys and anything beyond the limits of this module.
    pub fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        Self::read(payload, parse_strict)
    }

    /// Reads a DSSE payload as [`Self::parse`] does, and leaves the predicate out: `null` stands in
    /// its place. For what nobody has verified yet.
    pub(crate) fn parse_claimed(payload: &[u8]) -> Result<Self, StatementError> {
        Self::read(payload, |payload| {
            parse_strict_without(payload, "predicate")
        })
    }

    fn read(
        payload: &[u8],
        parse: impl FnOnce(&[u8]) -> Result<Value, JsonError>,
    ) -> Result<Self, StatementError> {
        if payload.len() > MAX_STATEMENT {
            return Err(StatementError::Limit {
                what: "bytes",
                limit: MAX_STATEMENT,
            });
        }
        let mut value = parse(payload)?;
        let kind = match value.get("_type").and_then(Value::as_str) {
            Some(STATEMENT_V1) => STATEMENT_V1,
            Some(STATEMENT_V0_1) => STATEMENT_V0_1,
            Some(other) => return Err(StatementError::Type(format!("{other:?}"))),
            None => return Err(StatementError::Type("missing".to_owned())),
        };
        let predicate_type = match value.get("predicateType").and_then(Value::as_str) {
            Some(uri) if !uri.is_empty() => uri.to_owned(),
            _ => return Err(field("predicateType", "is missing or empty")),
        };
        let subjects = parse_subjects(value.get_mut("subject").map(Value::take))?;
        let predicate = value.get_mut("predicate").map_or(Value::Null, Value::take);
        Ok(Self {
            kind,
            subjects,
            predicate_type,
            predicate,
        })
    }

    /// The bytes to sign.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a statement holds only JSON values and string keys")
    }

    /// The position of the subject with this digest, if there is one.
    ///
    /// in-toto Statement v1, `subject`: a match is by digest alone, whatever the name or content
    /// type. A subject whose other digests cannot belong to the same bytes is a [`Conflict`]; we
    /// can only know that when `also` names those bytes under another algorithm.
    pub fn is_about(&self, digest: &Digest, also: &[Digest]) -> Result<Option<usize>, Conflict> {
        for (index, subject) in self.subjects.iter().enumerate() {
            let equal = |d: &Digest| {
                subject
                    .digest
                    .get(d.algorithm().name())
                    .map(|hex| hex == d.hex())
            };
            let known = || std::iter::once(digest).chain(also);
            let Some(same) = known().find(|d| equal(d) == Some(true)) else {
                continue;
            };
            if let Some(other) = known().find(|d| equal(d) == Some(false)) {
                return Err(Conflict {
                    index,
                    same: same.algorithm().name().to_owned(),
                    other: other.algorithm().name().to_owned(),
                });
            }
            if equal(digest) == Some(true) {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }
}

fn field(field: &'static str, problem: impl Into<String>) -> StatementError {
    StatementError::Field {
        field,
        problem: problem.into(),
    }
}

fn parse_subjects(value: Option<Value>) -> Result<Vec<ResourceDescriptor>, StatementError> {
    let Some(Value::Array(items)) = value else {
        return Err(field("subject", "is missing or is not a list"));
    };
    if items.is_empty() {
        return Err(field("subject", "is empty"));
    }
    if items.len() > MAX_SUBJECTS {
        return Err(StatementError::Limit {
            what: "subjects",
            limit: MAX_SUBJECTS,
        });
    }
    let subjects: Vec<ResourceDescriptor> = items
        .into_iter()
        .map(serde_json::from_value)
        .collect::<Result<_, _>>()
        .map_err(|error| field("subject", error.to_string()))?;
    if subjects
        .iter()
        .any(|subject| subject.digest.len() > MAX_DIGESTS)
    {
        return Err(StatementError::Limit {
            what: "digests in a subject",
            limit: MAX_DIGESTS,
        });
    }
    if subjects.iter().any(|subject| subject.digest.is_empty()) {
        return Err(field("subject", "has an entry without a digest"));
    }
    Ok(subjects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn digest() -> Digest {
        Digest::sha256_of(b"image")
    }

    fn statement() -> Statement {
        let subject = ResourceDescriptor::new(Some("app".to_owned()), &digest());
        Statement::new(vec![subject], "https://example.test/p", json!({"a": 1}))
    }

    #[test]
    fn what_we_write_we_read() {
        let statement = statement();
        assert_eq!(
            Statement::parse(&statement.to_json()).expect("ours"),
            statement
        );
    }

    #[test]
    fn a_missing_foreign_or_empty_field_is_refused() {
        let good: Value = serde_json::from_slice(&statement().to_json()).expect("JSON");
        for (name, bad) in [
            ("_type", json!("x")),
            ("_type", Value::Null),
            ("predicateType", json!("")),
            ("predicateType", json!(1)),
            ("subject", json!([])),
            ("subject", json!([{"name": "app"}])),
            ("subject", json!("app")),
        ] {
            let mut value = good.clone();
            value[name] = bad.clone();
            assert!(
                Statement::parse(value.to_string().as_bytes()).is_err(),
                "{name} = {bad}"
            );
        }
        assert!(Statement::parse(good.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn cosign_s_older_type_is_read() {
        let text = String::from_utf8(statement().to_json()).expect("UTF-8");
        let old = text.replace(STATEMENT_V1, STATEMENT_V0_1);
        assert!(Statement::parse(old.as_bytes()).is_ok());
    }

    /// Attack: `cap_entries`.
    #[test]
    fn more_subjects_or_digests_than_we_read_are_refused() {
        let read = |subjects: usize, digests: usize| {
            let digest = (0..digests).map(|n| (format!("algorithm{n}"), "00".to_owned()));
            let mut statement = statement();
            statement.subjects[0].digest = digest.collect();
            statement.subjects = vec![statement.subjects[0].clone(); subjects];
            Statement::parse(&statement.to_json())
        };
        assert!(read(MAX_SUBJECTS, MAX_DIGESTS).is_ok());
        for (subjects, digests, limit) in [
            (MAX_SUBJECTS + 1, 1, MAX_SUBJECTS),
            (1, MAX_DIGESTS + 1, MAX_DIGESTS),
        ] {
            let refused = read(subjects, digests);
            assert!(
                matches!(refused, Err(StatementError::Limit { limit: l, .. }) if l == limit),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn a_repeated_key_is_refused() {
        let text = String::from_utf8(statement().to_json()).expect("UTF-8");
        let twice = text.replacen('{', "{\"predicateType\":\"https://evil.test\",", 1);
        assert!(matches!(
            Statement::parse(twice.as_bytes()),
            Err(StatementError::Json(_))
        ));
    }

    #[test]
    fn a_subject_matches_by_digest_alone_and_another_digest_does_not() {
        assert_eq!(statement().is_about(&digest(), &[]), Ok(Some(0)));
        assert_eq!(
            statement().is_about(&Digest::sha256_of(b"imagE"), &[]),
            Ok(None)
        );
    }

    #[test]
    fn a_subject_that_disagrees_with_itself_is_a_conflict() {
        let mut statement = statement();
        let wide: Digest = format!("sha512:{}", "0".repeat(128))
            .parse()
            .expect("a digest");
        statement.subjects[0]
            .digest
            .insert("sha512".to_owned(), "0".repeat(128));
        assert_eq!(
            statement.is_about(&digest(), std::slice::from_ref(&wide)),
            Ok(Some(0))
        );
        let other = Digest::sha256_of(b"imagE");
        assert!(statement.is_about(&other, &[wide]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            // Any answer will do; a panic will not.
            drop(Statement::parse(&bytes));
        }
    }
}
