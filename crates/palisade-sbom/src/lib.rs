//! `palisade sbom`: lists what is in an image, as a CycloneDX bill of materials.
//!
//! `palisade sbom convert` turns one document into another.
//!
//! [`document`] is a function from an image's files to bytes; [`run`] is the command around it.

mod command;
mod convert;
mod document;
mod error;
mod output;

pub use command::{Args, Command, run};
pub use convert::ConvertArgs;
pub use document::{Sbom, document, document_with_gaps, narrow};
pub use error::Error;
