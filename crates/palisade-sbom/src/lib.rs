//! `palisade sbom`: lists what is in an image, as a CycloneDX bill of materials.
//!
//! [`document`] is a function from an image's files to bytes; [`run`] is the command around it.

mod command;
mod document;
mod error;
mod output;

pub use command::{Args, run};
pub use document::{Sbom, document, document_with_gaps, narrow};
pub use error::Error;
