//! Timestamps, checked down to the signed attributes.

use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use der::asn1::{Int, OctetString};
use der::{Decode, Encode, Sequence};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{DerSignature, VerifyingKey};
use palisade_lab::{Fault, Lab};
use serde_json::{Value, json};
use spki::AlgorithmIdentifierOwned;
use x509_cert::Certificate;
use x509_tsp::{MessageImprint, TimeStampReq, TspVersion, TstInfo};

use crate::support::{Answer, Http, b64, lab, sha256, unb64};

#[derive(Sequence)]
struct Reply {
    status: Status,
    token: ContentInfo,
}

#[derive(Sequence)]
struct Status {
    status: u8,
}

fn query(nonce: Option<&[u8]>, cert_req: bool) -> TimeStampReq {
    let sha256_oid = "2.16.840.1.101.3.4.2.1".parse().unwrap();
    TimeStampReq {
        version: TspVersion::V1,
        message_imprint: MessageImprint {
            hash_algorithm: AlgorithmIdentifierOwned {
                oid: sha256_oid,
                parameters: None,
            },
            hashed_message: OctetString::new(sha256(b"signature")).unwrap(),
        },
        req_policy: None,
        nonce: nonce.map(|nonce| Int::new(nonce).unwrap()),
        cert_req,
        extensions: None,
    }
}

async fn ask(lab: &Lab, query: &TimeStampReq) -> Answer {
    let headers = [("content-type", "application/timestamp-query")];
    Http::new(lab)
        .send(
            "POST",
            "/api/v1/timestamp",
            &headers,
            query.to_der().unwrap(),
        )
        .await
}

fn data(answer: &Answer) -> SignedData {
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("content-type"), "application/timestamp-reply");
    let reply = Reply::from_der(&answer.body).unwrap();
    assert_eq!(reply.status.status, 0);
    reply.token.content.decode_as().unwrap()
}

fn info(data: &SignedData) -> (Vec<u8>, TstInfo) {
    let content = data.encap_content_info.econtent.as_ref().unwrap();
    let bytes = content.decode_as::<OctetString>().unwrap().into_bytes();
    let info = TstInfo::from_der(&bytes).unwrap();
    (bytes, info)
}

/// What a strict client finds wrong with a token over `b"signature"`.
fn wrong(lab: &Lab, data: &SignedData) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    let root: Value = serde_json::from_str(&lab.trusted_root()).unwrap();
    let chain = &root["timestampAuthorities"][0]["certChain"]["certificates"];
    let leaf = unb64(&chain[0]["rawBytes"]);
    let certificate = Certificate::from_der(&leaf).unwrap();
    let spki = certificate.tbs_certificate.subject_public_key_info;
    let key = VerifyingKey::from_sec1_bytes(spki.subject_public_key.raw_bytes()).unwrap();
    let signer = &data.signer_infos.0.as_slice()[0];
    let attributes = signer.signed_attrs.as_ref().unwrap();
    let encodings: Vec<Vec<u8>> = attributes
        .iter()
        .map(|attribute| attribute.to_der().unwrap())
        .collect();
    assert!(encodings.is_sorted(), "a SET OF is sorted by its encodings");
    // Each value by the last arc of its attribute: 4 messageDigest, 47 signingCertificateV2.
    let value = |arc: &str| {
        let found = attributes
            .iter()
            .find(|attribute| attribute.oid.to_string().ends_with(arc));
        found.unwrap().values.as_slice()[0].to_der().unwrap()
    };
    let (bytes, info) = info(data);
    assert!(value(".9.4").ends_with(&sha256(&bytes)));
    assert!(
        value(".2.47")
            .windows(32)
            .any(|window| window == sha256(&leaf))
    );
    let signature = DerSignature::from_bytes(signer.signature.as_bytes()).unwrap();
    if key
        .verify(&attributes.to_der().unwrap(), &signature)
        .is_err()
    {
        wrong.push("signature");
    }
    if info.message_imprint.hashed_message.as_bytes() != sha256(b"signature") {
        wrong.push("imprint");
    }
    let age = jiff::Timestamp::now().as_second()
        - info.gen_time.to_unix_duration().as_secs().cast_signed();
    if !(0..60).contains(&age) {
        wrong.push("time");
    }
    wrong
}

#[tokio::test]
async fn a_timestamp_is_right_and_each_fault_makes_one_thing_wrong() {
    let lab = lab().await;
    let cases: [(&[Fault], &[&str]); 4] = [
        (&[], &[]),
        (&[Fault::TsaBadsig], &["signature"]),
        (&[Fault::TsaImprint], &["imprint"]),
        (&[Fault::TsaTimeOld], &["time"]),
    ];
    for (faults, expected) in cases {
        lab.set_faults(faults);
        assert_eq!(
            wrong(&lab, &data(&ask(&lab, &query(None, false)).await)),
            *expected
        );
    }
}

#[tokio::test]
async fn the_nonce_comes_back_and_the_certificate_only_when_asked_for() {
    let lab = lab().await;
    let with = data(&ask(&lab, &query(Some(&[0, 0xff, 1]), true)).await);
    assert_eq!(info(&with).1.nonce.unwrap().as_bytes(), [0, 0xff, 1]);
    assert_eq!(with.certificates.unwrap().0.len(), 1);
    let without = data(&ask(&lab, &query(None, false)).await);
    assert_eq!(info(&without).1.nonce, None);
    assert!(without.certificates.is_none());
}

#[tokio::test]
async fn a_json_query_means_the_same_as_a_der_one() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let query = json!({"artifactHash": b64(&sha256(b"signature")), "hashAlgorithm": "sha256"});
    assert_eq!(
        wrong(&lab, &data(&http.post("/api/v1/timestamp", &query).await)),
        [""; 0]
    );
}

#[tokio::test]
async fn a_query_that_cannot_be_read_or_has_a_short_digest_is_refused() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let headers = [("content-type", "application/timestamp-query")];
    assert_eq!(
        http.send("POST", "/api/v1/timestamp", &headers, "no DER")
            .await
            .status,
        400
    );
    let mut short = query(None, false);
    short.message_imprint.hashed_message = OctetString::new([1; 31]).unwrap();
    assert_eq!(ask(&lab, &short).await.status, 400);
}
