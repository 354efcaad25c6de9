//! The private parsers of this crate, for `tests/fuzz`. Behind the feature `fuzz`, which no binary
//! switches on. Nothing here verifies, and nothing here makes a [`crate::Verified`].

use palisade_types::SignerIdentity;

use crate::checks::certificate::{identity, parse};
use crate::claims::{ClaimPattern, SignerClaims};
use crate::rejection::Rejection;

/// What a certificate (DER) says about its signer.
pub fn read_certificate(der: &[u8]) -> Result<(SignerIdentity, SignerClaims), Rejection> {
    let certificate = parse(der)?;
    Ok((identity(&certificate)?, SignerClaims::read(&certificate)))
}

/// Whether a certificate (DER) has exactly one SCT, and one that can be read.
pub fn has_one_sct(der: &[u8]) -> Result<(), Rejection> {
    crate::issued::embedded_sct(&parse(der)?).map(drop)
}

/// Whether a claim's pattern matches a value.
pub fn matches(pattern: &ClaimPattern, value: &str) -> bool {
    pattern.matches(value)
}
