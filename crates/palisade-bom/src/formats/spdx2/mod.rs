//! SPDX 2.2 (ISO/IEC 5962:2021) and 2.3, as JSON.

mod element;
mod parts;
mod read;
mod relationship;
mod write;

pub(crate) use element::word;
pub use read::read;
pub(super) use read::read_value;
pub use write::{lowered, write};

/// The version we write unless another is asked for.
pub const NEWEST: &str = "SPDX-2.3";
/// The versions we read.
pub const READ: &[&str] = &["SPDX-2.2", "SPDX-2.3"];

/// The id of the document itself (SPDX 2.3 §6.3).
const DOCUMENT: &str = "SPDXRef-DOCUMENT";
/// Nobody has looked.
const NO_ASSERTION: &str = "NOASSERTION";
/// There is none.
const NONE: &str = "NONE";
