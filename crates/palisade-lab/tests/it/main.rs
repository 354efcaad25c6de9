//! The lab as its clients meet it: over HTTP and on the command line.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod cli;
mod faults;
mod fulcio;
mod oidc;
mod recorded;
mod referrers;
mod registry;
mod registry_faults;
mod registry_login;
mod rekor;
mod state;
mod support;
mod transport;
mod trust;
mod tsa;
mod tuf;
