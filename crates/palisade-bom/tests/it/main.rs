//! What bills of materials are held against: the official test suites of their specifications.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod convert;
mod cyclonedx;
mod data;
mod purl;
mod spdx2;
