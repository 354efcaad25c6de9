//! What `palisade sbom` promises: valid, complete, repeatable documents, and the right exit code.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod command;
mod convert;
mod document;
mod image;
#[path = "../../../palisade-catalog/src/testing.rs"]
mod testing;
