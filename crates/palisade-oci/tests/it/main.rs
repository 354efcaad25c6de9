//! What the registry client promises, against a small registry that can be told to misbehave.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod attaching;
mod bundles;
mod cache;
mod credentials;
mod hostile;
mod layers;
mod layouts;
mod login;
mod peers;
mod pushing;
mod quirks;
mod reading;
mod referrers_api;
mod registries;
mod registry;
mod retries;
mod tls;
