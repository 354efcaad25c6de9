//! The TUF repository, walked as the specification's client workflow walks it.

use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use palisade_lab::{Fault, Lab};
use serde_json::Value;

use crate::support::{Http, canonical, lab, sha256};

/// The signed part of a file, if the root's key signed it.
async fn verified(http: &Http, root: &Value, path: &str) -> Value {
    let file = http.get(&format!("/tuf/{path}")).await.json();
    let id = file["signatures"][0]["keyid"].as_str().unwrap();
    let public = root["signed"]["keys"][id]["keyval"]["public"]
        .as_str()
        .unwrap();
    let public: [u8; 32] = hex::decode(public).unwrap().try_into().unwrap();
    let signature = hex::decode(file["signatures"][0]["sig"].as_str().unwrap()).unwrap();
    let signature = Signature::from_slice(&signature).unwrap();
    let key = VerifyingKey::from_bytes(&public).unwrap();
    key.verify(&canonical(&file["signed"]), &signature).unwrap();
    file["signed"].clone()
}

fn root(lab: &Lab) -> Value {
    let dir = tempfile::tempdir().unwrap();
    lab.write_files(dir.path()).unwrap();
    serde_json::from_slice(&std::fs::read(dir.path().join("root.json")).unwrap()).unwrap()
}

fn names(meta: &Value, bytes: &[u8]) -> bool {
    meta["hashes"]["sha256"] == hex::encode(sha256(bytes)) && meta["length"] == bytes.len()
}

#[tokio::test]
async fn every_step_from_the_root_to_the_trusted_root_holds() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let root = root(&lab);
    let id = root["signatures"][0]["keyid"].as_str().unwrap();
    let key = &root["signed"]["keys"][id];
    assert_eq!(id, hex::encode(sha256(&canonical(key))));
    assert_eq!(http.get("/tuf/2.root.json").await.status, 404);
    let timestamp = verified(&http, &root, "timestamp.json").await;
    let snapshot = http.get("/tuf/1.snapshot.json").await.body;
    assert!(names(&timestamp["meta"]["snapshot.json"], &snapshot));
    let snapshot = verified(&http, &root, "1.snapshot.json").await;
    let targets = http.get("/tuf/1.targets.json").await.body;
    assert!(names(&snapshot["meta"]["targets.json"], &targets));
    let targets = verified(&http, &root, "1.targets.json").await;
    let meta = &targets["targets"]["trusted_root.json"];
    let path = format!(
        "/tuf/targets/{}.trusted_root.json",
        meta["hashes"]["sha256"].as_str().unwrap()
    );
    let target = http.get(&path).await;
    assert!(names(meta, &target.body));
    assert_eq!(target.text(), lab.trusted_root());

    lab.set_faults(&[Fault::TufSwappedTarget]);
    assert!(!names(meta, &http.get(&path).await.body));
}

#[tokio::test]
async fn an_expired_and_an_older_timestamp_are_correctly_signed() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let root = root(&lab);
    let fresh = verified(&http, &root, "timestamp.json").await;
    lab.set_faults(&[Fault::TufExpired]);
    let expired = verified(&http, &root, "timestamp.json").await;
    let time = |file: &Value| {
        file["expires"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
    };
    assert!(time(&expired) < jiff::Timestamp::now() && time(&fresh) > jiff::Timestamp::now());
    lab.set_faults(&[Fault::TufRollback]);
    let older = verified(&http, &root, "timestamp.json").await;
    assert!(older["version"].as_u64() < fresh["version"].as_u64());
}
