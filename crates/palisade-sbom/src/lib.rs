//! `palisade sbom`: lists what is in an image, as a CycloneDX bill of materials.
//!
//! [`document`] is a function from an image's files to bytes; [`run`] is the command around it.

pub mod catalog;
mod command;
pub mod distro;
mod document;
mod ecosystems;
mod error;
mod formats;
pub mod inventory;
mod output;
pub mod purl;
#[cfg(test)]
mod testing;

pub use command::{Args, run};
pub use document::{Sbom, document, document_with_gaps, narrow};
pub use error::Error;
