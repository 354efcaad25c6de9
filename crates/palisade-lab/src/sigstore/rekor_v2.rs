//! Rekor v2 (rekor-tiles): hashedrekord 0.0.2, an Ed25519 checkpoint and tiles.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderName;
use axum::response::Response;
use axum::routing::{get, post};
use ed25519_dalek::Signer as _;
use serde_json::{Value, json};

use super::bodies::{self, Rules};
use super::checkpoint;
use super::log::{Log, Placed};
use super::merkle::{Hash, leaf_hash};
use crate::certificates::spki_ed25519;
use crate::encode::{b64, now, sha256};
use crate::fault::Fault;
use crate::http::{json as json_reply, reply, text, with};
use crate::keys::Keys;
use crate::world::{Shared, World, lock};

/// The log's name: the host of its URL, never with a port.
pub(crate) const ORIGIN: &str = "localhost";

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v2/log/entries", post(create))
        .route("/api/v2/checkpoint", get(latest))
        .route("/api/v2/tile/{*path}", get(tile))
}

/// C2SP signed-note: an Ed25519 key's id is over its name, a newline, the type 1 and the key.
pub(crate) fn note_key_id(keys: &Keys) -> Hash {
    let key = keys.rekor_v2.verifying_key();
    sha256(&[ORIGIN.as_bytes(), b"\n", &[1], key.as_bytes()].concat())
}

async fn create(State(world): State<Shared>, body: Bytes) -> Response {
    let faults = &world.faults;
    let canonical = match bodies::canonical_v2(&body, Rules::of(faults)) {
        Ok(canonical) => canonical,
        Err(message) => {
            return json_reply(400, &json!({"code": 3, "message": message, "details": []}));
        }
    };
    if faults.on(Fault::FirstEntryIndex0) {
        return first_entry(&world, canonical);
    }
    let mut log = lock(&world.rekor_v2);
    if let Some(index) = log.find(&leaf_hash(&canonical)) {
        return conflict(index);
    }
    let Ok(index) = log.append(canonical, now()) else {
        return json_reply(
            500,
            &json!({"code": 13, "message": "the log cannot be written"}),
        );
    };
    if faults.on(Fault::RekorDuplicate) {
        return conflict(index);
    }
    match log.place(index) {
        Some(placed) => json_reply(201, &entry(&world, &placed)),
        None => json_reply(
            500,
            &json!({"code": 13, "message": "the new entry is gone"}),
        ),
    }
}

fn conflict(index: usize) -> Response {
    let message = "an equivalent entry already exists in the transparency log with index";
    let body = json!({"code": 6, "message": format!("{message} {index}"), "details": []});
    with(
        json_reply(409, &body),
        HeaderName::from_static("x-log-index"),
        &index.to_string(),
    )
}

/// The entry as a log of one, in the short form that proto3 JSON allows.
fn first_entry(world: &World, canonical: Vec<u8>) -> Response {
    let mut log = Log::default();
    let placed = log
        .append(canonical, now())
        .ok()
        .and_then(|index| log.place(index));
    let Some(placed) = placed else {
        return json_reply(
            500,
            &json!({"code": 13, "message": "the new entry is gone"}),
        );
    };
    let mut entry = entry(world, &placed);
    let proof = entry["inclusionProof"].as_object_mut();
    proof.map(|proof| (proof.remove("logIndex"), proof.remove("hashes")));
    for name in ["inclusionPromise", "integratedTime", "logIndex"] {
        entry.as_object_mut().map(|entry| entry.remove(name));
    }
    json_reply(201, &entry)
}

/// A `TransparencyLogEntry`; 64-bit integers are strings in proto3 JSON.
fn entry(world: &World, placed: &Placed) -> Value {
    let (keys, faults) = (&world.keys, &world.faults);
    let log_id = if faults.on(Fault::V2LogId) {
        sha256(&spki_ed25519(&keys.rekor_v2))
    } else {
        note_key_id(keys)
    };
    let mut hashes: Vec<String> = placed.path.iter().map(|hash| b64(hash)).collect();
    if faults.on(Fault::V2ProofBad) {
        hashes.push(b64(&[0x5a; 32]));
    }
    let kind = serde_json::from_slice::<Value>(&placed.entry.body).unwrap_or_default();
    json!({
        "logIndex": placed.index.to_string(),
        "logId": {"keyId": b64(&log_id)},
        "kindVersion": {"kind": kind["kind"], "version": kind["apiVersion"]},
        "integratedTime": "0",
        "inclusionPromise": null,
        "inclusionProof": {
            "logIndex": placed.index.to_string(),
            "rootHash": b64(&placed.root),
            "treeSize": placed.size.to_string(),
            "hashes": hashes,
            "checkpoint": {"envelope": checkpoint(world, placed.size, &placed.root)},
        },
        "canonicalizedBody": b64(&placed.entry.body),
    })
}

fn checkpoint(world: &World, size: usize, root: &Hash) -> String {
    let (keys, faults) = (&world.keys, &world.faults);
    let origin = if faults.on(Fault::V2CkptOrigin) {
        "evil.example"
    } else {
        ORIGIN
    };
    let text = checkpoint::text(origin, size, root);
    let mut signature = keys.rekor_v2.sign(text.as_bytes()).to_bytes();
    if faults.on(Fault::V2CkptBadsig) {
        signature = [0; 64];
    }
    let key_id = if faults.on(Fault::V2CkptHint) {
        sha256(&spki_ed25519(&keys.rekor_v2))
    } else {
        note_key_id(keys)
    };
    checkpoint::signed(&text, origin, checkpoint::hint(&key_id), &signature)
}

async fn latest(State(world): State<Shared>) -> Response {
    let log = lock(&world.rekor_v2);
    let size = log.tree().len();
    text(200, checkpoint(&world, size, &log.tree().root(size)))
}

/// C2SP tlog-tiles: `<L>/<N>[.p/<W>]` and `entries/<N>[.p/<W>]`, `<N>` in groups of three digits.
async fn tile(State(world): State<Shared>, Path(path): Path<String>) -> Response {
    let log = lock(&world.rekor_v2);
    match read_tile(&log, &path) {
        Some(bytes) => reply(200, "application/octet-stream", bytes),
        None => text(404, "there is no such tile\n"),
    }
}

fn read_tile(log: &Log, path: &str) -> Option<Vec<u8>> {
    let (level, rest) = path.split_once('/')?;
    let (number, width) = match rest.split_once(".p/") {
        Some((number, width)) => (number, width.parse().ok().filter(|width| *width < 256)?),
        None => (rest, 256),
    };
    let number: usize = number.replace(['x', '/'], "").parse().ok()?;
    let first = number.checked_mul(256)?;
    if level == "entries" {
        let entries = log.entries().get(first..first.checked_add(width)?)?;
        let framed = entries.iter().map(|entry| {
            let length = u16::try_from(entry.body.len()).ok()?;
            Some([&length.to_be_bytes()[..], &entry.body].concat())
        });
        return Some(framed.collect::<Option<Vec<_>>>()?.concat());
    }
    let step = 256_usize.checked_pow(level.parse().ok()?)?;
    let leaves = log.tree().leaves();
    let hashes = (first..first.checked_add(width)?).map(|index| {
        let start = index.checked_mul(step)?;
        Some(super::merkle::root(
            leaves.get(start..start.checked_add(step)?)?,
        ))
    });
    Some(hashes.collect::<Option<Vec<_>>>()?.concat())
}
