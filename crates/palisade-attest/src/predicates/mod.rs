//! Predicates: one module each. A check reads one only out of a verified statement.

pub mod alias;
pub mod cosign_sign;
pub mod cyclonedx;
pub mod provenance;
pub mod vsa;
pub mod vulns;

use serde_json::Value;

/// A predicate palisade understands. `palisade_trust::Verified::predicate` is the way to one.
pub trait Predicate: Sized {
    /// The predicate types this reads, exactly as they stand in statements.
    const TYPES: &'static [&'static str];

    /// Reads a predicate of one of [`Self::TYPES`].
    fn read(predicate_type: &str, predicate: &Value) -> Result<Self, PredicateError>;
}

/// Why a predicate cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PredicateError {
    /// A required field is missing or of another type.
    #[error("the predicate's `{field}` {problem}")]
    Field {
        /// The field.
        field: String,
        /// What is wrong.
        problem: String,
    },
    /// The statement is of another type.
    #[error("the predicate type is `{got}`, wanted `{want}`")]
    Type {
        /// What stands there.
        got: String,
        /// What was looked for.
        want: String,
    },
}

impl PredicateError {
    /// A field that is missing or wrong.
    pub fn field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Field {
            field: field.into(),
            problem: problem.into(),
        }
    }
}
