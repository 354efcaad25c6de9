//! The words every palisade crate shares: digests, references, descriptors, signers, decisions.
//!
//! Pure: no network, files, environment or clock. Times are passed in as [`Timestamp`].

pub mod decision;
pub mod descriptor;
pub mod digest;
pub mod file;
pub mod json;
pub mod reference;
pub mod signer;
pub mod subject;

pub use decision::{Decision, Finding, Gap, Mode, Outcome, PolicyIdentity, Relaxation, Verdict};
pub use descriptor::{Descriptor, Platform};
pub use digest::{Algorithm, Digest, ParseDigestError};
pub use file::{Entry, ImageFile};
pub use jiff::{SignedDuration, Timestamp};
pub use reference::{ImageRef, ParseReferenceError, PinnedRef, Repository};
pub use signer::SignerIdentity;
pub use subject::{FrozenSubject, Ignored, Leaf};
