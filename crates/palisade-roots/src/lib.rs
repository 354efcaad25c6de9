//! Where the trust root comes from: embedded, a file, or a TUF repository and its cache. The one place
//! that loads it, for every command, with the flags that say from where.

mod args;
mod cache;
mod embedded;
mod error;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod keys;
mod mirror;
mod source;
mod tuf;

pub use args::{InstanceName, RefreshArgs, TrustArgs, TrustMode};
pub use error::RootsError;
pub use source::{Loaded, Mode, Origin, RootFacts, RootSource, Tuf, load};
pub use tuf::FRESH;
