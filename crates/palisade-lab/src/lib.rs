//! A private Sigstore, OCI registry and deploy platforms in one process, for tests and demos.
//!
//! One loopback port serves an OIDC provider, Fulcio with an embedded SCT, Rekor v1 and v2, a
//! timestamp authority, a TUF repository and a registry: enough for real clients to sign and
//! verify offline. Each service can be told to misbehave ([`Fault`]). Nothing the lab signs is
//! worth anything: every certificate says [`LAB_ORGANIZATION`], and it shares no code with what
//! verifies or signs in palisade, so that a misread specification cannot agree with itself.

mod certificates;
pub mod cli;
mod control;
mod encode;
mod fault;
mod http;
mod keys;
mod lab;
mod line;
mod oidc;
pub mod platforms;
mod recorder;
mod registry;
mod sigstore;
mod world;

pub use certificates::LAB_ORGANIZATION;
pub use fault::{Fault, UnknownFault};
pub use lab::{Config, Error, Lab};
pub use oidc::GithubIdentity;
pub use recorder::Request;
pub use registry::{Exchange, Profile, UnknownProfile};
pub use sigstore::SigningConfigKind;
