//! Where the trust root comes from: embedded, a file, or a TUF repository and its cache.

mod cache;
mod error;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod mirror;
mod source;
mod tuf;

pub use error::RootsError;
pub use source::{Loaded, Mode, RootSource, Tuf, load};
pub use tuf::FRESH;
