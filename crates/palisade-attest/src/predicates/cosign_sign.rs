//! cosign's signature as a statement: the one predicate type that counts as a signature.

use serde_json::{Value, json};

use super::{Predicate, PredicateError};
use crate::statement::{ResourceDescriptor, Statement};
use palisade_types::Digest;

/// The predicate type of a signature. Every other type is an attestation and signs nothing off
/// (the class of CVE-2022-35929; cosign 3.1 still gets this wrong).
pub const TYPE: &str = "https://sigstore.dev/cosign/sign/v1";

/// A signature says nothing but that its signer signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CosignSign;

impl CosignSign {
    /// The statement that signs this image, as cosign 3 writes it.
    pub fn statement(image: &Digest) -> Statement {
        Statement::new(vec![ResourceDescriptor::new(None, image)], TYPE, json!({}))
    }
}

impl Predicate for CosignSign {
    const TYPES: &'static [&'static str] = &[TYPE];

    fn read(_predicate_type: &str, predicate: &Value) -> Result<Self, PredicateError> {
        match predicate {
            Value::Null | Value::Object(_) => Ok(Self),
            _ => Err(PredicateError::field("predicate", "is not an object")),
        }
    }
}
