//! Verification of what somebody signed with a key of their own, without a certificate.
//!
//! A key names no identity, so what comes out is a [`KeyVerified`], which nothing takes for a
//! [`crate::Verified`]. The underlying verifier knows neither bundles without log and time nor
//! most keys in Rekor v2; so this path is its own from the log entry up.

mod entry;
mod evidence;
mod public;
mod signed;
mod verified;
mod verify;

pub use public::{ExpectedKey, KeyError, PublicKey};
pub use signed::Artifact;
pub use verified::KeyVerified;
pub use verify::{KeyProfile, verify_blob_with_key, verify_statement_with_key};
