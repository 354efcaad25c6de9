//! Reads and writes images and their attestations: registries, OCI image layouts and archives.
//!
//! Every byte that leaves this crate was hashed against the digest that named it, every size and
//! count from outside has a named limit, and "there is none" is never mixed up with "could not
//! look" ([`Error::category`]). Start with a [`Client`] and a [`Location`].

mod address;
mod answer;
pub mod attach;
pub mod auth;
mod blob;
mod budget;
mod bundles;
mod cache;
mod call;
mod challenge;
mod client;
pub mod credentials;
mod error;
mod fallback;
mod flags;
mod freeze;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod held;
mod http;
pub mod layers;
pub mod layout;
mod legacy;
pub mod limits;
mod location;
mod login;
mod manifest;
pub mod media;
mod pages;
mod proxy;
mod push;
mod push_layout;
mod referrers;
mod shared;
mod source;
mod store;
mod transport;

pub use attach::Attachment;
pub use bundles::{FoundBundle, FoundBundles, FoundLayer};
pub use cache::ContentCache;
pub use client::{Client, ClientOptions, Resolved};
pub use credentials::CredentialStore;
pub use error::{Category, Error};
pub use flags::RegistryArgs;
pub use held::{Held, Hold};
pub use http::TlsOptions;
pub use legacy::LegacyTag;
pub use location::{Location, ParseLocationError};
pub use manifest::{ImageIndex, ImageManifest, Manifest, RawManifest};
pub use proxy::Proxies;
pub use push_layout::push_layout;
pub use source::BlobSource;
