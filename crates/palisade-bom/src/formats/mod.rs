//! The formats: each is a codec between its own documents and our model.

pub mod cyclonedx;
mod fields;
mod prune;
pub mod spdx2;
mod target;

pub use target::{ParseTargetError, Target, WriteError, Written};

use std::borrow::Cow;

use palisade_types::json;

use crate::model::{Bom, MAX_COMPONENTS, MAX_EDGES};

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

/// Reads a document of any family we know, told by what is in it.
///
/// The caller bounds the bytes; nesting, components and edges are bounded here.
pub fn read(bytes: &[u8]) -> Result<Bom, ReadError> {
    let value = json::parse_strict(&utf8(bytes))?;
    if value.get("bomFormat").is_some() {
        cyclonedx::read_value(value)
    } else if value.get("spdxVersion").is_some() {
        spdx2::read_value(value)
    } else {
        Err(ReadError::Other {
            want: "a bill of materials",
            why: "it has neither `bomFormat` (CycloneDX) nor `spdxVersion` (SPDX 2)".to_owned(),
        })
    }
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

/// The text as UTF-8: without a byte order mark, and out of UTF-16 where the mark says so. What is
/// no text is left for the parser to refuse.
fn utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let text: String = char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        Cow::Owned(text.into_bytes())
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest),
        [0xff, 0xfe, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => units(rest, u16::from_be_bytes),
        _ => Cow::Borrowed(bytes),
    }
}
