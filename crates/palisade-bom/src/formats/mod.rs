//! The formats: each is a codec between its own documents and our model.

pub mod cyclonedx;
mod fields;

use crate::model::{MAX_COMPONENTS, MAX_EDGES};

/// Why a document cannot be read. Readers are lenient: a wrong value is kept as it is, and judging
/// it is left to the audit; what cannot be represented at all is an error.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON that we accept.
    #[error("it is not JSON")]
    Json(#[from] palisade_types::json::JsonError),
    /// JSON, and not a document of this family.
    #[error("it is not {want}: {why}")]
    Other {
        /// The family that was to be read.
        want: &'static str,
        /// What is missing or different.
        why: String,
    },
    /// A version of the specification that we do not read.
    #[error("version `{found}` of {family} is not read; known are {known}")]
    Version {
        /// The family.
        family: &'static str,
        /// The version found.
        found: String,
        /// The versions we read.
        known: String,
    },
    /// More than a document may hold.
    #[error("it holds more than the limit of {limit} {what}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

/// Refuses one component or edge more than a document may hold.
fn bounded(components: usize, edges: usize) -> Result<(), ReadError> {
    let check = |what, count, limit| {
        if count > limit {
            Err(ReadError::TooMuch { what, limit })
        } else {
            Ok(())
        }
    };
    check("components", components, MAX_COMPONENTS)?;
    check("relationships", edges, MAX_EDGES)
}
