//! Certificates: who gets one, and what stands in it.

use der::asn1::{BitString, OctetString};
use der::{Decode, Encode};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::rand_core::OsRng;
use palisade_lab::{Fault, GithubIdentity, LAB_ORGANIZATION, Lab};
use serde_json::{Value, json};
use x509_cert::Certificate;
use x509_cert::ext::Extension;
use x509_cert::request::{CertReq, CertReqInfo};

use crate::support::{
    Answer, EMAIL, Http, Identity, b64, certificate_request, der_to_pem, lab, log_key, pem_to_der,
    public_pem, sha256, sign,
};

const SCT: &str = "1.3.6.1.4.1.11129.2.4.2";
const SAN: &str = "2.5.29.17";

async fn ask(lab: &Lab, token: &str, request: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    Http::new(lab)
        .send("POST", "/api/v2/signingCert", &headers, request.to_string())
        .await
}

fn extensions(certificate: &Certificate) -> &[Extension] {
    certificate.tbs_certificate.extensions.as_deref().unwrap()
}

fn extension<'a>(certificate: &'a Certificate, oid: &str) -> Option<&'a Extension> {
    extensions(certificate)
        .iter()
        .find(|extension| extension.extn_id.to_string() == oid)
}

fn fulcio(certificate: &Certificate, arc: u8) -> Option<String> {
    let value = extension(certificate, &format!("1.3.6.1.4.1.57264.1.{arc}"))?
        .extn_value
        .as_bytes();
    let text = if arc < 8 {
        value.to_vec()
    } else {
        String::from_der(value).unwrap().into_bytes()
    };
    Some(String::from_utf8(text).unwrap())
}

/// RFC 6962 section 3.2, written again: does the CT log's key cover this certificate?
fn sct_verifies(lab: &Lab, identity: &Identity) -> bool {
    let Some(list) = extension(identity.leaf(), SCT) else {
        return false;
    };
    let list = OctetString::from_der(list.extn_value.as_bytes())
        .unwrap()
        .into_bytes();
    let sct = &list[4..];
    let (timestamp, rest) = (&sct[33..41], &sct[41..]);
    let length = usize::from(rest[0]) << 8 | usize::from(rest[1]);
    let (extensions, rest) = rest.split_at(2 + length);
    assert_eq!(rest[..2], [4, 3]);
    let mut tbs = identity.leaf().tbs_certificate.clone();
    tbs.extensions
        .as_mut()
        .unwrap()
        .retain(|extension| extension.extn_id.to_string() != SCT);
    let tbs = tbs.to_der().unwrap();
    let issuer = identity.chain[1]
        .tbs_certificate
        .subject_public_key_info
        .to_der()
        .unwrap();
    let length = u32::try_from(tbs.len()).unwrap().to_be_bytes();
    let signed = [
        &[0, 0][..],
        timestamp,
        &[0, 1],
        &sha256(&issuer),
        &length[1..],
        &tbs,
        extensions,
    ]
    .concat();
    let signature = DerSignature::from_bytes(&rest[4..]).unwrap();
    log_key(lab, "ctlogs").verify(&signed, &signature).is_ok()
}

#[tokio::test]
async fn a_person_gets_a_certificate_whose_chain_and_sct_hold() {
    let lab = lab().await;
    let identity = Identity::new(&lab).await;
    let leaf = identity.leaf();
    assert!(leaf.tbs_certificate.subject.is_empty());
    assert_eq!(fulcio(leaf, 1).as_deref(), Some(lab.base()));
    assert_eq!(fulcio(leaf, 8).as_deref(), Some(lab.base()));
    assert_eq!(fulcio(leaf, 24).as_deref(), Some(EMAIL));
    assert!(extension(leaf, SAN).unwrap().critical);
    assert_eq!(extensions(leaf).last().unwrap().extn_id.to_string(), SCT);
    assert!(sct_verifies(&lab, &identity));
    for authority in &identity.chain[1..] {
        let subject = authority.tbs_certificate.subject.to_string();
        assert!(subject.contains(LAB_ORGANIZATION), "{subject}");
    }
    let intermediate = identity.chain[1]
        .tbs_certificate
        .subject_public_key_info
        .clone();
    let key =
        p256::ecdsa::VerifyingKey::from_sec1_bytes(intermediate.subject_public_key.raw_bytes())
            .unwrap();
    let signature = DerSignature::from_bytes(leaf.signature.raw_bytes()).unwrap();
    assert!(
        key.verify(&leaf.tbs_certificate.to_der().unwrap(), &signature)
            .is_ok()
    );
}

#[tokio::test]
async fn a_workflow_gets_every_claim_of_its_token() {
    let lab = lab().await;
    let workflow = GithubIdentity {
        event: "release".into(),
        ..GithubIdentity::default()
    };
    let token = lab.github_token(&workflow);
    let key = SigningKey::random(&mut OsRng);
    let subject = "repo:acme/app:ref:refs/heads/main";
    let answer = ask(&lab, &token, &certificate_request(&key, subject)).await;
    let identity = Identity::from_answer(key, &answer.json());
    let leaf = identity.leaf();
    assert_eq!(fulcio(leaf, 1).as_deref(), Some(GithubIdentity::ISSUER));
    assert_eq!(fulcio(leaf, 2).as_deref(), Some("release"));
    assert_eq!(fulcio(leaf, 5).as_deref(), Some("acme/app"));
    assert_eq!(fulcio(leaf, 9), Some(workflow.san()));
    assert_eq!(fulcio(leaf, 13), Some("a".repeat(40)));
    assert_eq!(fulcio(leaf, 20).as_deref(), Some("release"));
    assert_eq!(fulcio(leaf, 24).as_deref(), Some(subject));
    let present = (9..=22).filter(|arc| fulcio(leaf, *arc).is_some()).count();
    assert_eq!(present, 14);
    let san = extension(leaf, SAN).unwrap().extn_value.as_bytes();
    assert!(san.ends_with(workflow.san().as_bytes()));
}

#[tokio::test]
async fn a_token_in_the_body_and_crlf_line_ends_are_accepted() {
    let lab = lab().await;
    let key = SigningKey::random(&mut OsRng);
    let mut request = certificate_request(&key, EMAIL);
    request["credentials"] = json!({"oidcIdentityToken": lab.email_token(EMAIL)});
    request["publicKeyRequest"]["publicKey"] =
        json!({"algorithm": "", "content": public_pem(&key).replace('\n', "\r\n")});
    let answer = Http::new(&lab).post("/api/v2/signingCert", &request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_signing_request_is_proof_of_possession_and_a_foreign_signature_is_not() {
    let lab = lab().await;
    let key = SigningKey::random(&mut OsRng);
    let info = CertReqInfo {
        version: x509_cert::request::Version::V1,
        subject: x509_cert::name::Name::default(),
        public_key: spki::SubjectPublicKeyInfoOwned::from_der(&pem_to_der(&public_pem(&key)))
            .unwrap(),
        attributes: x509_cert::attr::Attributes::default(),
    };
    let signed = |key: &SigningKey| CertReq {
        algorithm: spki::AlgorithmIdentifierOwned {
            oid: "1.2.840.10045.4.3.2".parse().unwrap(),
            parameters: None,
        },
        signature: BitString::from_bytes(&sign(key, &info.to_der().unwrap())).unwrap(),
        info: info.clone(),
    };
    let request = |csr: &CertReq| {
        let pem = der_to_pem("CERTIFICATE REQUEST", &csr.to_der().unwrap());
        json!({"certificateSigningRequest": b64(pem.as_bytes())})
    };
    let token = lab.email_token(EMAIL);
    assert_eq!(ask(&lab, &token, &request(&signed(&key))).await.status, 200);
    let foreign = signed(&SigningKey::random(&mut OsRng));
    assert_eq!(ask(&lab, &token, &request(&foreign)).await.status, 400);
}

#[tokio::test]
async fn without_proof_or_token_there_is_no_certificate() {
    let lab = lab().await;
    let key = SigningKey::random(&mut OsRng);
    let token = lab.email_token(EMAIL);
    let wrong = ask(
        &lab,
        &token,
        &certificate_request(&key, "other@palisade.test"),
    )
    .await;
    assert_eq!((wrong.status, &wrong.json()["code"]), (400, &json!(3)));
    let request = certificate_request(&key, EMAIL);
    let missing = Http::new(&lab).post("/api/v2/signingCert", &request).await;
    assert_eq!((missing.status, &missing.json()["code"]), (401, &json!(16)));
    let other_lab = crate::support::lab().await;
    assert_eq!(
        ask(&lab, &other_lab.email_token(EMAIL), &request)
            .await
            .status,
        401
    );
    let (input, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let flipped = format!("{input}.{first}{}", &signature[1..]);
    assert_eq!(ask(&lab, &token, &request).await.status, 200);
    assert_eq!(ask(&lab, &flipped, &request).await.status, 401);
}

#[tokio::test]
async fn each_sct_fault_breaks_the_sct_and_the_valid_variant_does_not() {
    let lab = lab().await;
    for fault in [Fault::SctNone, Fault::SctBadsig, Fault::SctWrongIssuerHash] {
        lab.set_faults(&[fault]);
        assert!(
            !sct_verifies(&lab, &Identity::new(&lab).await),
            "{}",
            fault.name()
        );
    }
    lab.set_faults(&[Fault::SctLeafindex]);
    assert!(sct_verifies(&lab, &Identity::new(&lab).await));
}

#[tokio::test]
async fn each_certificate_fault_changes_what_it_says() {
    let lab = lab().await;
    for fault in [
        Fault::CertExpired,
        Fault::CertFuture,
        Fault::CertWrongEku,
        Fault::CertNoIssuerExt,
        Fault::CertIssuerV1Lies,
        Fault::CertForgedCa,
        Fault::CertOtherKey,
        Fault::SanNoncritical,
        Fault::SanTwo,
    ] {
        lab.set_faults(&[fault]);
        let identity = Identity::new(&lab).await;
        let now = std::time::SystemTime::now();
        let leaf = identity.leaf();
        let tbs = &leaf.tbs_certificate;
        let own = tbs.subject_public_key_info.subject_public_key.raw_bytes();
        let key = identity.key.verifying_key().to_encoded_point(false);
        let ca = identity.chain[1]
            .tbs_certificate
            .subject_public_key_info
            .clone();
        let ca = p256::ecdsa::VerifyingKey::from_sec1_bytes(ca.subject_public_key.raw_bytes());
        let signature = DerSignature::from_bytes(leaf.signature.raw_bytes()).unwrap();
        let observed = [
            tbs.validity.not_after.to_system_time() < now,
            tbs.validity.not_before.to_system_time() > now,
            !extension(leaf, "2.5.29.37")
                .unwrap()
                .extn_value
                .as_bytes()
                .ends_with(&[3, 3]),
            fulcio(leaf, 8).is_none() && fulcio(leaf, 1).is_none(),
            fulcio(leaf, 8).is_some() && fulcio(leaf, 1) != fulcio(leaf, 8),
            ca.unwrap()
                .verify(&tbs.to_der().unwrap(), &signature)
                .is_err(),
            own != key.as_bytes(),
            !extension(leaf, SAN).unwrap().critical,
            extension(leaf, SAN)
                .unwrap()
                .extn_value
                .as_bytes()
                .windows(5)
                .any(|w| w == b"evil@"),
        ];
        let mut expected = [false; 9];
        expected[fault as usize - Fault::CertExpired as usize] = true;
        assert_eq!(observed, expected, "{}", fault.name());
    }
}
