//! Both logs: entries, proofs, checkpoints, and every way they are wrong on demand.

use ed25519_dalek::Verifier as _;
use p256::ecdsa::DerSignature;
use palisade_lab::{Fault, Lab};
use serde_json::{Value, json};

use crate::support::{
    Http, Identity, b64, canonical, lab, leaf_hash, log_key, root_of_path, sha256, sign, unb64,
};

/// A checkpoint: its text, the name on the signature, the key hint and the signature.
fn note(note: &str) -> (String, String, [u8; 4], Vec<u8>) {
    let (text, line) = note.split_once("\n\n").unwrap();
    let mut words = line.trim_end().split(' ');
    assert_eq!(words.next(), Some("\u{2014}"));
    let name = words.next().unwrap().to_owned();
    let bytes = unb64(&json!(words.next().unwrap()));
    (
        format!("{text}\n"),
        name,
        bytes[..4].try_into().unwrap(),
        bytes[4..].to_vec(),
    )
}

/// What a strict client finds wrong with a Rekor v1 entry.
fn wrong_with_v1(lab: &Lab, entry: &Value, artifact: &[u8], now: i64) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    let key = log_key(lab, "tlogs");
    let root: Value = serde_json::from_str(&lab.trusted_root()).unwrap();
    let log_id = unb64(&root["tlogs"][0]["logId"]["keyId"]);
    let body = unb64(&entry["body"]);
    let parsed: Value = serde_json::from_slice(&body).unwrap();
    if parsed["spec"]["data"]["hash"]["value"] != hex::encode(sha256(artifact)) {
        wrong.push("body");
    }
    if entry["logID"] != hex::encode(&log_id) {
        wrong.push("log id");
    }
    if (now - entry["integratedTime"].as_i64().unwrap()).abs() > 300 {
        wrong.push("time");
    }
    let verification = &entry["verification"];
    match verification["signedEntryTimestamp"].as_str() {
        None => wrong.push("no set"),
        Some(set) => {
            let message = json!({
                "body": entry["body"], "integratedTime": entry["integratedTime"],
                "logID": entry["logID"], "logIndex": entry["logIndex"],
            });
            let signature = DerSignature::from_bytes(&unb64(&json!(set))).unwrap();
            if key.verify(&canonical(&message), &signature).is_err() {
                wrong.push("set");
            }
        }
    }
    let proof = &verification["inclusionProof"];
    let (text, name, hint, signature) = note(proof["checkpoint"].as_str().unwrap());
    let signature = DerSignature::from_bytes(&signature).unwrap();
    if key.verify(text.as_bytes(), &signature).is_err() {
        wrong.push("checkpoint signature");
    }
    if hint != log_id[..4] {
        wrong.push("hint");
    }
    let lines: Vec<&str> = text.lines().collect();
    match lines[0].split_once(" - ") {
        None => wrong.push("no tree"),
        Some((host, _)) if host == "localhost" && name == "localhost" => {}
        Some(_) => wrong.push("origin"),
    }
    let (index, size) = (
        proof["logIndex"].as_u64().unwrap(),
        proof["treeSize"].as_u64().unwrap(),
    );
    assert_eq!(lines[1], size.to_string());
    let path: Vec<Vec<u8>> = proof["hashes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hash| hex::decode(hash.as_str().unwrap()).unwrap())
        .collect();
    let good = std::panic::catch_unwind(|| root_of_path(index, size, leaf_hash(&body), &path));
    if good.is_err() || b64(&good.unwrap()) != lines[2] {
        wrong.push("proof");
    }
    wrong
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[tokio::test]
async fn a_v1_entry_is_right_and_each_fault_makes_one_thing_wrong() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let identity = Identity::new(&lab).await;
    let cases: [(&[Fault], &[&str]); 10] = [
        (&[], &[]),
        (&[Fault::V1SetBadsig], &["set"]),
        (&[Fault::V1NoSet], &["no set"]),
        (&[Fault::V1CkptBadsig], &["checkpoint signature"]),
        (&[Fault::V1CkptHint], &["hint"]),
        (&[Fault::V1CkptOrigin], &["origin"]),
        (&[Fault::V1CkptNotree], &["no tree"]),
        (&[Fault::V1ProofBad], &["proof"]),
        (&[Fault::V1LogId], &["log id"]),
        (&[Fault::V1TimeOld], &["time"]),
    ];
    for (number, (faults, expected)) in cases.iter().enumerate() {
        lab.set_faults(faults);
        let artifact = format!("artifact {number}");
        let entry = identity.hashedrekord_v1(artifact.as_bytes());
        let answer = http.post("/api/v1/log/entries", &entry).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let uuid = answer.header("etag").to_owned();
        assert_eq!(
            answer.header("location"),
            format!("/api/v1/log/entries/{uuid}")
        );
        let entry = answer.json()[&uuid].clone();
        assert_eq!(
            wrong_with_v1(&lab, &entry, artifact.as_bytes(), now()),
            *expected,
            "{faults:?}"
        );
    }
}

#[tokio::test]
async fn a_v1_entry_is_logged_once_and_found_again() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let identity = Identity::new(&lab).await;
    let request = identity.hashedrekord_v1(b"artifact");
    let first = http.post("/api/v1/log/entries", &request).await;
    let uuid = first.header("etag").to_owned();
    let again = http.post("/api/v1/log/entries", &request).await;
    assert_eq!(again.status, 409);
    let found = http.get(again.header("location")).await.json();
    assert_eq!(
        wrong_with_v1(&lab, &found[&uuid], b"artifact", now()),
        Vec::<&str>::new()
    );
    let index = found[&uuid]["logIndex"].as_u64().unwrap();
    let by_index = http
        .get(&format!("/api/v1/log/entries?logIndex={index}"))
        .await
        .json();
    assert_eq!(by_index[&uuid]["body"], found[&uuid]["body"]);
    let hash = format!("sha256:{}", hex::encode(sha256(b"artifact")));
    let by_hash = http
        .post("/api/v1/index/retrieve", &json!({"hash": hash}))
        .await
        .json();
    assert_eq!(by_hash, json!([uuid]));
    let query = json!({"entryUUIDs": [uuid], "logIndexes": [0]});
    let retrieved = http
        .post("/api/v1/log/entries/retrieve", &query)
        .await
        .json();
    assert_eq!(retrieved.as_array().unwrap().len(), 2);
    assert_eq!(
        http.get("/api/v1/log/entries?logIndex=9999").await.status,
        404
    );
    let info = http.get("/api/v1/log").await.json();
    assert_eq!(info["treeSize"].as_u64(), Some(index + 1));
}

#[tokio::test]
async fn a_log_entry_whose_signature_does_not_verify_is_refused_by_both() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let identity = Identity::new(&lab).await;
    let other = b64(&sign(&identity.key, b"another artifact"));
    let mut v1 = identity.hashedrekord_v1(b"artifact");
    v1["spec"]["signature"]["content"] = json!(other);
    assert_eq!(http.post("/api/v1/log/entries", &v1).await.status, 400);
    let mut v2 = identity.hashedrekord_v2(b"artifact");
    v2["hashedRekordRequestV002"]["signature"]["content"] = json!(other);
    let answer = http.post("/api/v2/log/entries", &v2).await;
    assert_eq!((answer.status, &answer.json()["code"]), (400, &json!(3)));
    let mut v2 = identity.hashedrekord_v2(b"artifact");
    v2["hashedRekordRequestV002"]["signature"]["verifier"]["keyDetails"] = json!("PKIX_ED25519");
    assert_eq!(http.post("/api/v2/log/entries", &v2).await.status, 400);
}

#[tokio::test]
async fn a_dsse_entry_names_the_envelope_as_sent() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let identity = Identity::new(&lab).await;
    let payload_type = "application/vnd.in-toto+json";
    let payload = b"{}";
    let pae = format!(
        "DSSEv1 {} {payload_type} {} {{}}",
        payload_type.len(),
        payload.len()
    );
    // The space must survive into the hash.
    let envelope = format!(
        "{{\"payload\": \"{}\",\"payloadType\":\"{payload_type}\",\"signatures\":[{{\"sig\":\"{}\"}}]}}",
        b64(payload),
        b64(&identity.sign(pae.as_bytes()))
    );
    let request = |envelope: &str| {
        json!({
            "apiVersion": "0.0.1", "kind": "dsse",
            "spec": {"proposedContent": {
                "envelope": envelope, "verifiers": [b64(identity.leaf_pem.as_bytes())],
            }},
        })
    };
    let answer = http.post("/api/v1/log/entries", &request(&envelope)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let entry = answer.json()[answer.header("etag")].clone();
    let body: Value = serde_json::from_slice(&unb64(&entry["body"])).unwrap();
    assert_eq!(
        body["spec"]["envelopeHash"]["value"],
        hex::encode(sha256(envelope.as_bytes()))
    );
    assert_eq!(
        body["spec"]["payloadHash"]["value"],
        hex::encode(sha256(payload))
    );
    let forged = envelope.replace(&b64(payload), &b64(b"[]"));
    assert_eq!(
        http.post("/api/v1/log/entries", &request(&forged))
            .await
            .status,
        400
    );
}

/// What a strict client finds wrong with a Rekor v2 entry.
fn wrong_with_v2(lab: &Lab, entry: &Value, artifact: &[u8]) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    let root: Value = serde_json::from_str(&lab.trusted_root()).unwrap();
    let log = &root["tlogs"][1];
    let log_id = unb64(&log["logId"]["keyId"]);
    let spki = unb64(&log["publicKey"]["rawBytes"]);
    let raw: [u8; 32] = spki[spki.len() - 32..].try_into().unwrap();
    assert_eq!(sha256(&[b"localhost\n\x01", &raw[..]].concat()), *log_id);
    let key = ed25519_dalek::VerifyingKey::from_bytes(&raw).unwrap();
    let body = unb64(&entry["canonicalizedBody"]);
    let parsed: Value = serde_json::from_slice(&body).unwrap();
    let data = &parsed["spec"]["hashedRekordV002"]["data"];
    if data["digest"] != b64(&sha256(artifact)) {
        wrong.push("body");
    }
    if unb64(&entry["logId"]["keyId"]) != log_id {
        wrong.push("log id");
    }
    let proof = &entry["inclusionProof"];
    let (text, name, hint, signature) = note(proof["checkpoint"]["envelope"].as_str().unwrap());
    let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    if key.verify(text.as_bytes(), &signature).is_err() {
        wrong.push("checkpoint signature");
    }
    if hint != log_id[..4] {
        wrong.push("hint");
    }
    let lines: Vec<&str> = text.lines().collect();
    if lines[0] != "localhost" || name != "localhost" {
        wrong.push("origin");
    }
    // Proto3 JSON leaves zero and empty fields out.
    let number = |value: &Value| value.as_str().unwrap_or("0").parse::<u64>().unwrap();
    let path: Vec<Vec<u8>> = proof["hashes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(unb64)
        .collect();
    let (index, size) = (number(&proof["logIndex"]), number(&proof["treeSize"]));
    let good = std::panic::catch_unwind(|| root_of_path(index, size, leaf_hash(&body), &path));
    if good.is_err() || b64(&good.unwrap()) != lines[2] {
        wrong.push("proof");
    }
    wrong
}

#[tokio::test]
async fn a_v2_entry_is_right_and_each_fault_makes_one_thing_wrong() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let identity = Identity::new(&lab).await;
    let cases: [(&[Fault], &[&str]); 8] = [
        (&[], &[]),
        (&[Fault::V2CkptOrigin], &["origin"]),
        (&[Fault::V2CkptHint], &["hint"]),
        (&[Fault::V2CkptBadsig], &["checkpoint signature"]),
        (&[Fault::V2ProofBad], &["proof"]),
        (&[Fault::V2LogId], &["log id"]),
        (&[Fault::V2BodyOther], &["body"]),
        (&[Fault::FirstEntryIndex0], &[]),
    ];
    for (number, (faults, expected)) in cases.iter().enumerate() {
        lab.set_faults(faults);
        let artifact = format!("artifact {number}");
        let request = identity.hashedrekord_v2(artifact.as_bytes());
        let answer = http.post("/api/v2/log/entries", &request).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let entry = answer.json();
        assert_eq!(
            wrong_with_v2(&lab, &entry, artifact.as_bytes()),
            *expected,
            "{faults:?}"
        );
        assert_eq!(
            entry.get("logIndex").is_none(),
            faults == &[Fault::FirstEntryIndex0]
        );
    }
}

#[tokio::test]
async fn a_v2_entry_is_logged_once_and_after_a_lost_answer_too() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let identity = Identity::new(&lab).await;
    let request = identity.hashedrekord_v2(b"artifact");
    let first = http.post("/api/v2/log/entries", &request).await.json();
    let again = http.post("/api/v2/log/entries", &request).await;
    assert_eq!((again.status, &again.json()["code"]), (409, &json!(6)));
    assert_eq!(
        again.header("x-log-index"),
        first["logIndex"].as_str().unwrap()
    );
    lab.set_faults(&[Fault::RekorDuplicate]);
    let lost = http
        .post("/api/v2/log/entries", &identity.hashedrekord_v2(b"other"))
        .await;
    assert_eq!(lost.status, 409);
}

#[tokio::test]
async fn the_dead_dsse_kind_is_refused_unless_allowed() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let identity = Identity::new(&lab).await;
    let verifier =
        identity.hashedrekord_v2(b"")["hashedRekordRequestV002"]["signature"]["verifier"].clone();
    let signature = b64(&identity.sign(b"DSSEv1 1 t 2 {}"));
    let request = json!({"dsseRequestV002": {
        "envelope": {
            "payload": b64(b"{}"), "payloadType": "t", "signatures": [{"sig": signature}],
        },
        "verifiers": [verifier],
    }});
    let refused = http.post("/api/v2/log/entries", &request).await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json()["message"],
        "invalid type, must be hashedrekord"
    );
    lab.set_faults(&[Fault::V2AllowDsse]);
    let allowed = http.post("/api/v2/log/entries", &request).await;
    assert_eq!(
        (allowed.status, &allowed.json()["kindVersion"]["kind"]),
        (201, &json!("dsse"))
    );
}

#[tokio::test]
async fn tiles_hold_what_the_checkpoint_signs() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let checkpoint = http.get("/api/v2/checkpoint").await.text();
    let lines: Vec<&str> = checkpoint.lines().collect();
    let size: usize = lines[1].parse().unwrap();
    let tile = http.get(&format!("/api/v2/tile/0/000.p/{size}")).await.body;
    let entries = http
        .get(&format!("/api/v2/tile/entries/000.p/{size}"))
        .await
        .body;
    let leaves: Vec<&[u8]> = tile.chunks(32).collect();
    assert_eq!(leaves.len(), size);
    let length = usize::from(entries[0]) << 8 | usize::from(entries[1]);
    assert_eq!(leaf_hash(&entries[2..2 + length]), leaves[0]);
    // Three leaves, as every new log has: ((0, 1), 2).
    assert_eq!(size, 3);
    let left = sha256(&[&[1][..], leaves[0], leaves[1]].concat());
    assert_eq!(
        b64(&sha256(&[&[1][..], &left, leaves[2]].concat())),
        lines[2]
    );
    assert_eq!(http.get("/api/v2/tile/0/000").await.status, 404);
    assert_eq!(
        http.get("/api/v2/tile/99/99999999999999999999")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn consistency_proofs_have_the_later_root() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let proof = http
        .get("/api/v1/log/proof?firstSize=2&lastSize=3")
        .await
        .json();
    let info = http.get("/api/v1/log").await.json();
    assert_eq!(proof["rootHash"], info["rootHash"]);
    assert_eq!(proof["hashes"].as_array().unwrap().len(), 1);
    assert_eq!(
        http.get("/api/v1/log/proof?firstSize=2&lastSize=4")
            .await
            .status,
        400
    );
    assert_eq!(
        http.get("/api/v1/log/proof?firstSize=0&lastSize=3")
            .await
            .status,
        400
    );
}
