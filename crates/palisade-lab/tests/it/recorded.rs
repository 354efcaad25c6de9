//! Requests and entries that other programs recorded, `rekor-tiles` itself among them: the lab
//! must read the same requests and write the same bytes.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use der::Decode;
use serde_json::{Value, json};

use crate::support::{Http, Identity, lab, pem_to_der, unb64};

fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/sigstore-faults")
        .join(folder)
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The log entries of every bundle in a folder: file name, kind and version, canonical body.
fn bodies(folder: &str) -> Vec<(String, String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(fixtures(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let bundle = read(&path);
        let entries = bundle["verificationMaterial"]["tlogEntries"].as_array();
        for entry in entries.into_iter().flatten() {
            let kind = &entry["kindVersion"];
            let kind = format!("{} {}", kind["kind"], kind["version"]).replace('"', "");
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            found.push((name, kind, unb64(&entry["canonicalizedBody"])));
        }
    }
    found.sort();
    found
}

/// Sends what led to a v2 entry and returns the body of the lab's own.
async fn relogged_v2(http: &Http, body: &[u8]) -> Vec<u8> {
    let body: Value = serde_json::from_slice(body).unwrap();
    let spec = &body["spec"]["hashedRekordV002"];
    let request = json!({"hashedRekordRequestV002": {
        "digest": spec["data"]["digest"], "signature": spec["signature"],
    }});
    let answer = http.post("/api/v2/log/entries", &request).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    unb64(&answer.json()["canonicalizedBody"])
}

#[tokio::test]
async fn entries_of_the_real_rekor_tiles_come_out_byte_for_byte() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let bodies = bodies("real-servers");
    assert_eq!(bodies.len(), 2);
    for (name, _, body) in bodies {
        assert_eq!(relogged_v2(&http, &body).await, body, "{name}");
    }
}

#[tokio::test]
async fn rsa_p384_and_p521_keys_are_logged_and_their_signatures_checked() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let bodies = bodies("keyed");
    let v2 = bodies
        .iter()
        .filter(|(_, kind, _)| kind == "hashedrekord 0.0.2");
    let mut count = 0;
    for (name, _, body) in v2 {
        assert_eq!(relogged_v2(&http, body).await, *body, "{name}");
        let mut forged: Value = serde_json::from_slice(body).unwrap();
        let data = &mut forged["spec"]["hashedRekordV002"]["data"];
        let mut digest = unb64(&data["digest"]);
        digest[0] ^= 1;
        let spec = &forged["spec"]["hashedRekordV002"];
        let request = json!({"hashedRekordRequestV002": {
            "digest": STANDARD.encode(&digest), "signature": spec["signature"],
        }});
        assert_eq!(
            http.post("/api/v2/log/entries", &request).await.status,
            400,
            "{name}"
        );
        count += 1;
    }
    assert_eq!(count, 7);
}

#[tokio::test]
async fn v1_entries_of_other_clients_come_out_byte_for_byte() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let all = [bodies("cross"), bodies("keyed")].concat();
    let v1: Vec<_> = all
        .iter()
        .filter(|(_, kind, _)| kind == "hashedrekord 0.0.1")
        .collect();
    assert_eq!(v1.len(), 5);
    for (name, _, body) in v1 {
        // This kind's canonical form is a request in itself.
        let request = serde_json::from_slice(body).unwrap();
        let answer = http.post("/api/v1/log/entries", &request).await;
        assert_eq!(answer.status, 201, "{name}: {}", answer.text());
        let entry = answer.json()[answer.header("etag")].clone();
        assert_eq!(unb64(&entry["body"]), *body, "{name}");
    }
}

#[tokio::test]
async fn recorded_requests_get_the_recorded_bodies() {
    let lab = lab().await;
    let http = Http::new(&lab);
    lab.set_faults(&[palisade_lab::Fault::V2AllowDsse]);
    for (name, path) in [
        ("rekor1-dsse.sigstore-go", "/api/v1/log/entries"),
        ("rekor1-hashedrekord.sigstore-go", "/api/v1/log/entries"),
        ("rekor2-dsse.sigstore-js", "/api/v2/log/entries"),
        ("rekor2-hashedrekord.sigstore-go", "/api/v2/log/entries"),
        ("rekor2-hashedrekord.sigstore-rust", "/api/v2/log/entries"),
    ] {
        let recorded = read(&fixtures("wire").join(format!("{name}.json")));
        let request = &recorded["request"]["body"];
        let answer = http.post(path, request).await;
        assert_eq!(answer.status, 201, "{name}: {}", answer.text());
        let body = |answer: &Value| {
            let entry = answer.as_object().unwrap().values().next().unwrap();
            unb64(answer.get("canonicalizedBody").unwrap_or(&entry["body"]))
        };
        assert_eq!(
            body(&answer.json()),
            body(&recorded["response"]["body"]),
            "{name}"
        );
        let shape = |value: &Value| -> Vec<String> {
            let entry = value.as_object().unwrap();
            let entry = if entry.len() == 1 {
                entry.values().next().unwrap()
            } else {
                value
            };
            let mut names: Vec<String> = entry.as_object().unwrap().keys().cloned().collect();
            names.sort();
            names
        };
        assert_eq!(
            shape(&answer.json()),
            shape(&recorded["response"]["body"]),
            "{name}"
        );
    }
}

#[tokio::test]
async fn recorded_timestamp_queries_are_granted() {
    let lab = lab().await;
    let http = Http::new(&lab);
    for client in ["go", "python", "rust"] {
        let recorded = read(&fixtures("wire").join(format!("tsa.sigstore-{client}.json")));
        let query = unb64(&recorded["request"]["body"]["der_base64"]);
        let headers = [("content-type", "application/timestamp-query")];
        let answer = http
            .send("POST", "/api/v1/timestamp", &headers, query.clone())
            .await;
        assert_eq!(answer.status, 201, "{client}");
        // The imprint, algorithm identifier included, comes back as it was sent.
        let start = query.iter().position(|byte| *byte == 0x20).unwrap() + 1;
        let digest = &query[start..start + 32];
        assert!(
            answer.body.windows(32).any(|window| window == digest),
            "{client}"
        );
    }
}

#[tokio::test]
async fn a_certificate_has_the_extensions_that_clients_have_accepted_before() {
    let lab = lab().await;
    let identity = Identity::new(&lab).await;
    let recorded = read(&fixtures("wire").join("fulcio.sigstore-go.json"));
    let chain = &recorded["response"]["body"]["signedCertificateEmbeddedSct"]["chain"];
    let pem = chain["certificates"][0].as_str().unwrap();
    let recorded = x509_cert::Certificate::from_der(&pem_to_der(pem)).unwrap();
    let extensions = |certificate: &x509_cert::Certificate| -> Vec<(String, bool)> {
        let extensions = certificate.tbs_certificate.extensions.iter().flatten();
        extensions
            .map(|one| (one.extn_id.to_string(), one.critical))
            .collect()
    };
    assert_eq!(extensions(identity.leaf()), extensions(&recorded));
}
