//! Rekor v1: entry kinds hashedrekord 0.0.1 and dsse 0.0.1, with SET, proof and checkpoint.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::header;
use axum::response::Response;
use axum::routing::{get, post};
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::rand_core::OsRng;
use serde_json::{Map, Value, json};

use super::bodies::{self, Rules};
use super::checkpoint;
use super::log::{Log, Placed};
use super::merkle::leaf_hash;
use crate::certificates::{sign_p256, spki_p256};
use crate::encode::{b64, jcs, now, pem, sha256};
use crate::fault::Fault;
use crate::http::{json as json_reply, param, reply, with};
use crate::world::{Shared, World, lock};

const TEN_HOURS: i64 = 10 * 60 * 60;
/// Entries that one search may ask for, the limit of the real server.
const MAX_RETRIEVED: usize = 10;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v1/log", get(info))
        .route("/api/v1/log/publicKey", get(public_key))
        .route("/api/v1/log/proof", get(consistency))
        .route("/api/v1/log/entries", get(by_index).post(create))
        .route("/api/v1/log/entries/retrieve", post(retrieve))
        .route("/api/v1/log/entries/{uuid}", get(by_uuid))
        .route("/api/v1/index/retrieve", post(search))
}

async fn create(State(world): State<Shared>, body: Bytes) -> Response {
    let canonical = match bodies::canonical_v1(&body, Rules::of(&world.faults)) {
        Ok(canonical) => canonical,
        Err(message) => return error(400, message),
    };
    let mut log = lock(&world.rekor_v1);
    if let Some(index) = log.find(&leaf_hash(&canonical)) {
        return conflict(&world, &log, index);
    }
    let shift = if world.faults.on(Fault::V1TimeOld) {
        TEN_HOURS
    } else {
        0
    };
    let Ok(index) = log.append(canonical, now() - shift) else {
        return error(500, "the log cannot be written");
    };
    if world.faults.on(Fault::RekorDuplicate) {
        return conflict(&world, &log, index);
    }
    let Some((uuid, entry)) = entry(&world, &log, index) else {
        return error(500, "the new entry is gone");
    };
    // Both headers carry the bare uuid; Go clients dereference them without looking.
    let location = format!("/api/v1/log/entries/{uuid}");
    let response = json_reply(201, &json!({&uuid: entry}));
    with(
        with(response, header::ETAG, &uuid),
        header::LOCATION,
        &location,
    )
}

fn conflict(world: &World, log: &Log, index: usize) -> Response {
    let uuid = uuid(world, log, index);
    let message =
        format!("an equivalent entry already exists in the transparency log with UUID {uuid}");
    let location = format!("/api/v1/log/entries/{uuid}");
    with(error(409, &message), header::LOCATION, &location)
}

fn error(status: u16, message: &str) -> Response {
    json_reply(status, &json!({"code": status, "message": message}))
}

/// 16 hex digits of the tree id, 64 of the leaf hash.
fn uuid(world: &World, log: &Log, index: usize) -> String {
    format!(
        "{:016x}{}",
        world.keys.tree_id,
        hex::encode(log.tree().leaves()[index])
    )
}

fn entry(world: &World, log: &Log, index: usize) -> Option<(String, Value)> {
    let placed = log.place(index)?;
    let faults = &world.faults;
    let mut log_id = hex::encode(sha256(&spki_p256(&world.keys.rekor_v1)));
    if faults.on(Fault::V1LogId) {
        log_id = "0".repeat(64);
    }
    let mut entry = json!({
        "body": b64(&placed.entry.body),
        "integratedTime": placed.entry.time,
        "logID": log_id,
        "logIndex": placed.index,
    });
    let set = set(world, &entry);
    let mut hashes: Vec<String> = placed.path.iter().map(hex::encode).collect();
    if faults.on(Fault::V1ProofBad) {
        hashes.push("5a".repeat(32));
    }
    entry["verification"] = json!({
        "inclusionProof": {
            "checkpoint": checkpoint(world, &placed),
            "hashes": hashes,
            "logIndex": placed.index,
            "rootHash": hex::encode(placed.root),
            "treeSize": placed.size,
        },
    });
    if !faults.on(Fault::V1NoSet) {
        entry["verification"]["signedEntryTimestamp"] = b64(&set).into();
    }
    Some((uuid(world, log, index), entry))
}

/// The signed entry timestamp: over the canonical JSON of the entry's four facts.
fn set(world: &World, entry: &Value) -> Vec<u8> {
    let message = jcs(entry);
    if world.faults.on(Fault::V1SetBadsig) {
        sign_p256(&SigningKey::random(&mut OsRng), &message)
    } else {
        sign_p256(&world.keys.rekor_v1, &message)
    }
}

fn checkpoint(world: &World, placed: &Placed) -> String {
    let (keys, faults) = (&world.keys, &world.faults);
    let host = if faults.on(Fault::V1CkptOrigin) {
        "evil.example"
    } else {
        "localhost"
    };
    let origin = if faults.on(Fault::V1CkptNotree) {
        host.to_owned()
    } else {
        format!("{host} - {}", keys.tree_id)
    };
    let text = checkpoint::text(&origin, placed.size, &placed.root);
    let signature = if faults.on(Fault::V1CkptBadsig) {
        sign_p256(&SigningKey::random(&mut OsRng), text.as_bytes())
    } else {
        sign_p256(&keys.rekor_v1, text.as_bytes())
    };
    let mut hint = checkpoint::hint(&sha256(&spki_p256(&keys.rekor_v1)));
    if faults.on(Fault::V1CkptHint) {
        hint = *b"evil";
    }
    checkpoint::signed(&text, host, hint, &signature)
}

async fn info(State(world): State<Shared>) -> Response {
    let log = lock(&world.rekor_v1);
    let Some(placed) = log
        .tree()
        .len()
        .checked_sub(1)
        .and_then(|last| log.place(last))
    else {
        return error(500, "the log is empty");
    };
    json_reply(
        200,
        &json!({
            "inactiveShards": [],
            "rootHash": hex::encode(placed.root),
            "signedTreeHead": checkpoint(&world, &placed),
            "treeID": world.keys.tree_id.to_string(),
            "treeSize": placed.size,
        }),
    )
}

async fn public_key(State(world): State<Shared>) -> Response {
    let key = pem("PUBLIC KEY", &spki_p256(&world.keys.rekor_v1));
    reply(200, "application/x-pem-file", key)
}

async fn consistency(State(world): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let size = |name: &str| param(&query, name).map(|text| text.parse::<usize>());
    let log = lock(&world.rekor_v1);
    let (Ok(first), Some(Ok(last))) = (size("firstSize").unwrap_or(Ok(1)), size("lastSize")) else {
        return error(400, "firstSize and lastSize are tree sizes");
    };
    if first == 0 || first > last || last > log.tree().len() {
        return error(400, "there is no proof between these sizes");
    }
    let hashes: Vec<String> = log
        .tree()
        .consistency(first, last)
        .iter()
        .map(hex::encode)
        .collect();
    json_reply(
        200,
        &json!({"hashes": hashes, "rootHash": hex::encode(log.tree().root(last))}),
    )
}

async fn by_index(State(world): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let index = param(&query.unwrap_or_default(), "logIndex").and_then(|text| text.parse().ok());
    let log = lock(&world.rekor_v1);
    one(index.and_then(|index| entry(&world, &log, index)))
}

async fn by_uuid(State(world): State<Shared>, Path(uuid): Path<String>) -> Response {
    let log = lock(&world.rekor_v1);
    one(find(&world, &log, &uuid).and_then(|index| entry(&world, &log, index)))
}

fn one(entry: Option<(String, Value)>) -> Response {
    match entry {
        Some((uuid, entry)) => json_reply(200, &json!({uuid: entry})),
        None => error(404, "there is no such entry"),
    }
}

/// A uuid with or without the tree id.
fn find(world: &World, log: &Log, uuid: &str) -> Option<usize> {
    let tree = format!("{:016x}", world.keys.tree_id);
    let leaf = if uuid.len() == 80 {
        uuid.strip_prefix(&tree)?
    } else {
        uuid
    };
    let leaf = hex::decode(leaf).ok()?.try_into().ok()?;
    log.find(&leaf)
}

async fn retrieve(State(world): State<Shared>, body: Bytes) -> Response {
    let Ok(query) = serde_json::from_slice::<Value>(&body) else {
        return error(400, "the query is no JSON");
    };
    let list = |name: &str| query[name].as_array().cloned().unwrap_or_default();
    let log = lock(&world.rekor_v1);
    let by_uuid = list("entryUUIDs");
    let by_uuid = by_uuid
        .iter()
        .filter_map(|uuid| find(&world, &log, uuid.as_str()?));
    let by_index = list("logIndexes");
    let by_index = by_index
        .iter()
        .filter_map(|index| usize::try_from(index.as_u64()?).ok());
    let rules = Rules::of(&world.faults);
    let by_content = list("entries");
    let by_content = by_content.iter().filter_map(|entry| {
        let body = bodies::canonical_v1(entry.to_string().as_bytes(), rules).ok()?;
        log.find(&leaf_hash(&body))
    });
    let found = by_uuid
        .chain(by_index)
        .chain(by_content)
        .take(MAX_RETRIEVED);
    let entries: Vec<Value> = found
        .filter_map(|index| entry(&world, &log, index))
        .map(|(uuid, entry)| Value::Object(Map::from_iter([(uuid, entry)])))
        .collect();
    json_reply(200, &json!(entries))
}

/// Finds entries by artifact digest; by e-mail address or key the lab does not search.
async fn search(State(world): State<Shared>, body: Bytes) -> Response {
    let Ok(query) = serde_json::from_slice::<Value>(&body) else {
        return error(400, "the query is no JSON");
    };
    let hash = query["hash"].as_str().unwrap_or_default();
    let Some(digest) = hash.rsplit(':').next().filter(|digest| digest.len() >= 64) else {
        return error(400, "the query names no hash");
    };
    let log = lock(&world.rekor_v1);
    let holds = |body: &[u8]| {
        body.windows(digest.len())
            .any(|part| part == digest.as_bytes())
    };
    let entries = log.entries().iter().enumerate();
    let found: Vec<String> = entries
        .filter(|(_, entry)| holds(&entry.body))
        .map(|(index, _)| uuid(&world, &log, index))
        .collect();
    json_reply(200, &json!(found))
}
