//! The inventory model, package URLs, and the formats a bill of materials is written in.
//!
//! Pure: no network, files, environment or clock.

pub mod convert;
pub mod formats;
pub mod image;
pub mod inventory;
pub mod model;
pub mod purl;
pub mod schema;
