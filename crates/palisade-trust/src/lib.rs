//! Verification: the only place where untrusted bytes become [`Verified`].
//!
//! Pure: bytes, a trust root, expected signers and `now` come in; a verified statement or a
//! [`Rejection`] comes out. Built on `sigstore-verify`, whose gaps are closed here.

#[cfg(feature = "assertion")]
mod assertion;
mod checks;
mod claims;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod issued;
mod key;
mod profile;
mod reason;
mod rejection;
mod root;
mod signer;
mod verified;
mod verify;

pub use claims::{ClaimPattern, SignerClaim, SignerClaims};
pub use issued::{IssuedCertificate, verify_certificate, verify_timestamp};
pub use key::{
    Artifact, ExpectedKey, KeyError, KeyProfile, KeyVerified, PublicKey, verify_blob_with_key,
    verify_statement_with_key,
};
pub use profile::Profile;
pub use reason::Reason;
pub use rejection::Rejection;
pub use root::{Instance, LAB_ORGANIZATION, RootError, TrustRoot};
pub use signer::{AnchoredRegex, ExpectedSigner, Mismatch, PatternError, SanPattern};
pub use verified::{BlobSignature, Claim, Verified};
pub use verify::{verify_blob, verify_statement};
