//! The Sigstore services: Fulcio with its CT log, Rekor v1 and v2, a timestamp authority, TUF.

mod bodies;
mod checkpoint;
mod fulcio;
mod leaf;
mod log;
mod merkle;
mod rekor_v1;
mod rekor_v2;
mod sct;
mod signatures;
mod trust;
mod tsa;
mod tuf;

use std::io;

use axum::Router;
use serde_json::json;

use crate::encode::{jcs, now};
use crate::world::Shared;

pub(crate) use log::Log;
pub use trust::SigningConfigKind;
pub(crate) use trust::{client_trust_config, files, pretty, signing_config, trusted_root};
pub(crate) use tuf::Tuf;

/// How many entries a new log starts with. Some clients misread the first entry of a log, whose
/// zero fields proto3 JSON leaves out.
const SEEDED: usize = 3;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .merge(fulcio::router())
        .merge(rekor_v1::router())
        .merge(rekor_v2::router())
        .merge(tsa::router())
        .merge(tuf::router())
}

/// Gives an empty log its first entries, which belong to nobody.
pub(crate) fn seed(log: &mut Log) -> io::Result<()> {
    for number in log.entries().len()..SEEDED {
        log.append(
            jcs(&json!({"apiVersion": "0.0.0", "kind": "seed", "number": number})),
            now(),
        )?;
    }
    Ok(())
}
