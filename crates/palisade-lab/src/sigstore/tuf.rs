//! A TUF repository (specification 1.0) with consistent snapshots and one key for every role.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

use crate::encode::{jcs, now, rfc3339, sha256};
use crate::fault::{Fault, Faults};
use crate::http::{reply, text};
use crate::world::Shared;

const YEAR: i64 = 365 * 24 * 60 * 60;

/// The repository's files by path below `/tuf/`.
pub(crate) struct Tuf {
    files: BTreeMap<String, Vec<u8>>,
    /// The timestamp an attacker would serve again: correctly signed, one version back.
    older: Vec<u8>,
    /// The timestamp after its end.
    expired: Vec<u8>,
}

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/tuf/{*path}", get(file))
}

async fn file(State(world): State<Shared>, Path(path): Path<String>) -> Response {
    match world.tuf.read(&path, &world.faults) {
        Some(bytes) => reply(200, "application/json", bytes),
        None => text(404, "there is no such file\n"),
    }
}

impl Tuf {
    /// A repository that holds these targets.
    pub(crate) fn new(key: &SigningKey, targets: &[(&str, Vec<u8>)]) -> Tuf {
        let expires = rfc3339(now() + YEAR);
        let mut files = BTreeMap::new();
        let mut listed = serde_json::Map::new();
        for (name, bytes) in targets {
            let hash = hex::encode(sha256(bytes));
            files.insert(format!("targets/{hash}.{name}"), bytes.clone());
            listed.insert((*name).to_owned(), meta(bytes));
        }
        let mut body = header("targets", 1, &expires);
        body["targets"] = listed.into();
        let targets = signed(key, &body);
        let mut body = header("snapshot", 1, &expires);
        body["meta"] = json!({"targets.json": versioned(&targets)});
        let snapshot = signed(key, &body);
        let timestamp = |version: u32, expires: &str| {
            let mut body = header("timestamp", version, expires);
            body["meta"] = json!({"snapshot.json": versioned(&snapshot)});
            signed(key, &body)
        };
        let root = root(key, &expires);
        files.insert("root.json".to_owned(), root.clone());
        files.insert("1.root.json".to_owned(), root);
        files.insert("1.targets.json".to_owned(), targets);
        files.insert("timestamp.json".to_owned(), timestamp(2, &expires));
        files.insert("1.snapshot.json".to_owned(), snapshot.clone());
        Tuf {
            files,
            older: timestamp(1, &expires),
            // Newer than the current one: clients keep what they have of the same version.
            expired: timestamp(3, &rfc3339(now() - YEAR)),
        }
    }

    /// The root metadata that clients start from.
    pub(crate) fn root(&self) -> Vec<u8> {
        self.files.get("root.json").cloned().unwrap_or_default()
    }

    fn read(&self, path: &str, faults: &Faults) -> Option<Vec<u8>> {
        let mut bytes = self.files.get(path)?.clone();
        if path == "timestamp.json" && faults.on(Fault::TufRollback) {
            return Some(self.older.clone());
        }
        if path == "timestamp.json" && faults.on(Fault::TufExpired) {
            return Some(self.expired.clone());
        }
        if path.starts_with("targets/") && faults.on(Fault::TufSwappedTarget) {
            let last = bytes.last_mut()?;
            *last = if *last == b' ' { b'\n' } else { b' ' };
        }
        Some(bytes)
    }
}

fn header(role: &str, version: u32, expires: &str) -> Value {
    json!({"_type": role, "spec_version": "1.0.31", "version": version, "expires": expires})
}

/// Length and hash, as targets metadata lists a target.
fn meta(bytes: &[u8]) -> Value {
    json!({"length": bytes.len(), "hashes": {"sha256": hex::encode(sha256(bytes))}})
}

fn versioned(bytes: &[u8]) -> Value {
    let mut meta = meta(bytes);
    meta["version"] = 1.into();
    meta
}

fn root(key: &SigningKey, expires: &str) -> Vec<u8> {
    let role = json!({"keyids": [key_id(key)], "threshold": 1});
    let mut body = header("root", 1, expires);
    body["consistent_snapshot"] = true.into();
    body["keys"] = json!({key_id(key): public_key(key)});
    body["roles"] = json!({"root": role, "snapshot": role, "targets": role, "timestamp": role});
    signed(key, &body)
}

fn public_key(key: &SigningKey) -> Value {
    let public = hex::encode(key.verifying_key().as_bytes());
    json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public}})
}

/// Section 4.2: SHA-256 over the key's canonical JSON.
fn key_id(key: &SigningKey) -> String {
    hex::encode(sha256(&jcs(&public_key(key))))
}

fn signed(key: &SigningKey, body: &Value) -> Vec<u8> {
    let signature = hex::encode(key.sign(&jcs(body)).to_bytes());
    let file = json!({"signed": body, "signatures": [{"keyid": key_id(key), "sig": signature}]});
    super::trust::pretty(&file)
}
