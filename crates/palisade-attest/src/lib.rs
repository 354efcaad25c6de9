//! What is signed: in-toto statements, the envelopes and bundles that carry them, and predicates.
//!
//! Pure. Nothing here verifies: a [`Bundle`] is untrusted bytes, and a [`Statement`] is only worth
//! something inside `palisade_trust::Verified`.

mod bundle;
pub mod dsse;
pub mod legacy;
pub mod predicates;
mod statement;

pub use bundle::{Bundle, BundleError, Content, MAX_BUNDLE, MediaType};
pub use predicates::{Predicate, PredicateError};
pub use statement::{
    Conflict, IN_TOTO_PAYLOAD_TYPE, MAX_STATEMENT, ResourceDescriptor, STATEMENT_V1, Statement,
    StatementError,
};
