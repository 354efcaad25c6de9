//! The policy: what must be proven about an image, and whether it is.
//!
//! Pure: the policy's bytes, the evidence and `now` go in, a decision comes out. Start with
//! [`Policy::parse`] and [`evaluate`].

pub mod checks;
mod compile;
mod coverage;
mod duration;
mod error;
mod evaluate;
mod evidence;
mod file;
mod glob;
mod levels;
mod lint;
mod near;
mod policy;

pub use error::{PolicyError, Problem};
pub use evaluate::evaluate;
pub use evidence::{Binding, Evidence, RejectedEvidence, bind};
pub use glob::Glob;
pub use levels::{SLSA_VERSION, verified_levels};
pub use policy::{
    Attach, Builder, MAX_POLICY, Policy, ProvenanceRule, SbomRule, ScanRule, SignatureRule, Signer,
    SourceRule, Trust, TrustSource, VsaRule,
};
