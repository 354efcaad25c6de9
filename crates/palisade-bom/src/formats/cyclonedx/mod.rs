//! CycloneDX (ECMA-424), versions 1.2 to 1.7.

mod component;
mod lower;
mod parts;
mod read;
mod write;

pub use lower::{LowerError, lowered};
pub use read::read;
pub(super) use read::read_value;
pub(super) use write::numbered;
pub use write::{document, write};

/// The version we write unless another is asked for.
pub const NEWEST: &str = "1.7";
/// The versions we write.
pub const WRITTEN: &[&str] = &["1.4", "1.5", "1.6", "1.7"];
/// The versions we read.
pub const READ: &[&str] = &["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"];
