//! Signing, without a key to keep or with one: an identity token becomes a ten-minute certificate, a
//! signature, a trusted time and a log entry, and together they become a bundle.
//!
//! The only crate that can sign. It speaks to Fulcio, Rekor and timestamp authorities with its
//! own requests: the clients of the sigstore family read bodies of any length, repeat the
//! server's words in errors and do not retry. Every answer is checked before it is used, and a
//! bundle is returned only after `palisade-trust` has verified it.

mod ambient;
mod bundle;
mod config;
mod content;
mod error;
mod fulcio;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod http;
mod key;
mod keyed;
mod login;
mod proxy;
mod rekor;
mod signer;
mod source;
mod spiffe;
mod token;
mod tsa;
mod witness;

pub use config::{ConfigError, List, Log, LogVersion, Pool, Purpose, Services, SigningConfig};
pub use error::{Error, Kind};
pub use key::{
    GeneratedKey, KeyFailure, KeyFile, KeyFileError, KeyKind, MAX_KEY_FILE, Message, PrivateKey,
    SealedKey, Signing, SigningKey, generate,
};
pub use keyed::KeySigner;
pub use login::{Flow, LoginError, Prompt, login};
pub use proxy::Proxies;
pub use signer::{DEFAULT_DEADLINE, Progress, Signer};
pub use source::{Origin, TokenError, TokenRequest, find_token};
pub use spiffe::SpiffeError;
pub use token::{Claims, IdentityToken, NotAToken};
