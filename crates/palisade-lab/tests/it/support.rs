//! A small HTTP client, a signer and checks that were written again from the specifications.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use der::{Decode, Encode};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::rand_core::OsRng;
use p256::pkcs8::EncodePublicKey;
use palisade_lab::{Config, Lab};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) const EMAIL: &str = "dev@palisade.test";

pub(crate) async fn lab() -> Lab {
    Lab::start(Config::default()).await.unwrap()
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// Follows no redirects and keeps no state.
pub(crate) struct Http {
    client: reqwest::Client,
    base: String,
}

impl Http {
    pub(crate) fn new(lab: &Lab) -> Http {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        // Plain HTTP only: reading the system's certificates would be most of the time.
        let client = client.no_proxy().tls_certs_only([]).build().unwrap();
        Http {
            client,
            base: lab.base().to_owned(),
        }
    }

    /// Sends to a path, or to an absolute address on this machine.
    pub(crate) async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> reqwest::Result<Answer> {
        let url = if path.starts_with('/') {
            format!("{}{path}", self.base)
        } else {
            path.into()
        };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, url).body(body.into());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer {
            status,
            headers,
            body: response.bytes().await?.to_vec(),
        })
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(
            "POST",
            path,
            &[("content-type", "application/json")],
            body.to_string(),
        )
        .await
    }
}

pub(crate) fn b64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn unb64(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(sha256(bytes)))
}

pub(crate) fn pem_to_der(pem: &str) -> Vec<u8> {
    let body: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    STANDARD.decode(body).unwrap()
}

pub(crate) fn der_to_pem(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        b64(der)
    )
}

/// A key and the certificate that Fulcio gave for it.
pub(crate) struct Identity {
    pub(crate) key: SigningKey,
    /// Leaf, intermediate, root.
    pub(crate) chain: Vec<x509_cert::Certificate>,
    pub(crate) leaf_pem: String,
}

impl Identity {
    pub(crate) async fn new(lab: &Lab) -> Identity {
        let key = SigningKey::random(&mut OsRng);
        let token = lab.email_token(EMAIL);
        let request = certificate_request(&key, EMAIL);
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let answer = Http::new(lab)
            .send("POST", "/api/v2/signingCert", &headers, request.to_string())
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        Identity::from_answer(key, &answer.json())
    }

    pub(crate) fn from_answer(key: SigningKey, answer: &Value) -> Identity {
        let chain = &answer["signedCertificateEmbeddedSct"]["chain"]["certificates"];
        let pems: Vec<&str> = chain
            .as_array()
            .unwrap()
            .iter()
            .map(|pem| pem.as_str().unwrap())
            .collect();
        let parse = |pem: &&str| x509_cert::Certificate::from_der(&pem_to_der(pem)).unwrap();
        Identity {
            key,
            chain: pems.iter().map(parse).collect(),
            leaf_pem: pems[0].to_owned(),
        }
    }

    pub(crate) fn leaf(&self) -> &x509_cert::Certificate {
        &self.chain[0]
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        sign(&self.key, message)
    }

    pub(crate) fn hashedrekord_v1(&self, artifact: &[u8]) -> Value {
        json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hex::encode(sha256(artifact))}},
                "signature": {
                    "content": b64(&self.sign(artifact)),
                    "publicKey": {"content": b64(self.leaf_pem.as_bytes())},
                },
            },
        })
    }

    pub(crate) fn hashedrekord_v2(&self, artifact: &[u8]) -> Value {
        json!({"hashedRekordRequestV002": {
            "digest": b64(&sha256(artifact)),
            "signature": {
                "content": b64(&self.sign(artifact)),
                "verifier": {
                    "x509Certificate": {"rawBytes": b64(&self.leaf().to_der().unwrap())},
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                },
            },
        }})
    }
}

pub(crate) fn sign(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    let signature: DerSignature = key.sign(message);
    signature.as_bytes().to_vec()
}

pub(crate) fn public_pem(key: &SigningKey) -> String {
    der_to_pem(
        "PUBLIC KEY",
        key.verifying_key().to_public_key_der().unwrap().as_bytes(),
    )
}

/// The request sigstore-go sends.
pub(crate) fn certificate_request(key: &SigningKey, challenge: &str) -> Value {
    json!({"publicKeyRequest": {
        "publicKey": {"algorithm": "ECDSA", "content": public_pem(key)},
        "proofOfPossession": b64(&sign(key, challenge.as_bytes())),
    }})
}

/// A P-256 key of the trusted root, `tlogs`, index 0 or `ctlogs`, index 0.
pub(crate) fn log_key(lab: &Lab, list: &str) -> p256::ecdsa::VerifyingKey {
    use p256::pkcs8::DecodePublicKey;
    let root: Value = serde_json::from_str(&lab.trusted_root()).unwrap();
    let spki = unb64(&root[list][0]["publicKey"]["rawBytes"]);
    p256::ecdsa::VerifyingKey::from_public_key_der(&spki).unwrap()
}

/// RFC 6962 section 2.1.1, walked from the leaf: the root that a path leads to.
pub(crate) fn root_of_path(index: u64, size: u64, leaf: [u8; 32], path: &[Vec<u8>]) -> Vec<u8> {
    let (mut index, mut last, mut hash) = (index, size - 1, leaf.to_vec());
    for sibling in path {
        assert!(last > 0, "the path is too long");
        if index % 2 == 1 || index == last {
            hash = sha256(&[&[1][..], sibling, &hash].concat()).to_vec();
            while index % 2 == 0 && index != 0 {
                index /= 2;
                last /= 2;
            }
        } else {
            hash = sha256(&[&[1][..], &hash, sibling].concat()).to_vec();
        }
        index /= 2;
        last /= 2;
    }
    assert_eq!(last, 0, "the path is too short");
    hash
}

pub(crate) fn leaf_hash(body: &[u8]) -> [u8; 32] {
    sha256(&[&[0][..], body].concat())
}

/// RFC 8785.
pub(crate) fn canonical(value: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).unwrap()
}

pub(crate) const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Pushes a blob the shortest way and returns its descriptor.
pub(crate) async fn push_blob(http: &Http, repository: &str, bytes: &[u8]) -> Value {
    let digest = digest(bytes);
    let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
    let answer = http.send("POST", &path, &[], bytes).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    json!({"mediaType": "application/octet-stream", "digest": digest, "size": bytes.len()})
}

pub(crate) async fn put_manifest(
    http: &Http,
    repository: &str,
    reference: &str,
    manifest: &Value,
) -> Answer {
    let path = format!("/v2/{repository}/manifests/{reference}");
    let media_type = manifest["mediaType"].as_str().unwrap();
    http.send(
        "PUT",
        &path,
        &[("content-type", media_type)],
        manifest.to_string(),
    )
    .await
}

/// An image of one layer; returns its descriptor.
pub(crate) async fn push_image(http: &Http, repository: &str, tag: &str, layer: &str) -> Value {
    let config = push_blob(http, repository, b"{}").await;
    let layer = push_blob(http, repository, layer.as_bytes()).await;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [layer],
    });
    let answer = put_manifest(http, repository, tag, &manifest).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let bytes = manifest.to_string();
    json!({"mediaType": IMAGE, "digest": digest(bytes.as_bytes()), "size": bytes.len()})
}

/// A manifest that refers to `subject`.
pub(crate) async fn referrer(http: &Http, repository: &str, subject: &Value, kind: &str) -> Value {
    let config = push_blob(http, repository, b"{}").await;
    json!({
        "schemaVersion": 2, "mediaType": IMAGE, "artifactType": kind, "config": config,
        "layers": [], "subject": subject, "annotations": {"kind": kind},
    })
}

/// Pushes a referrer by digest; returns its digest.
pub(crate) async fn push_referrer(
    http: &Http,
    repository: &str,
    subject: &Value,
    kind: &str,
) -> String {
    let manifest = referrer(http, repository, subject, kind).await;
    let digest = digest(manifest.to_string().as_bytes());
    assert_eq!(
        put_manifest(http, repository, &digest, &manifest)
            .await
            .status,
        201
    );
    digest
}
