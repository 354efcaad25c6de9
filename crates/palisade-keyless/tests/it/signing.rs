//! The three ways a configuration can sign, for statements and for blobs.

use std::sync::Mutex;

use palisade_attest::predicates::cosign_sign::CosignSign;
use palisade_keyless::{Error, IdentityToken, Kind, Progress, Signer};
use palisade_lab::{Fault, GithubIdentity, SigningConfigKind};
use palisade_trust::{ExpectedSigner, verify_blob, verify_statement};
use palisade_types::{Digest, SignerIdentity, Timestamp};

use super::{EMAIL, config, lab, root, token};

const KINDS: [SigningConfigKind; 3] = [
    SigningConfigKind::V1,
    SigningConfigKind::V1NoTsa,
    SigningConfigKind::V2,
];

fn signer(san: &str, issuer: &str) -> ExpectedSigner {
    let identity = SignerIdentity {
        san: san.to_owned(),
        issuer: issuer.to_owned(),
    };
    ExpectedSigner::exact("test", identity)
}

#[tokio::test]
async fn a_statement_signed_through_each_log_verifies_and_for_nobody_else() {
    let lab = lab().await;
    let (root, statement) = (
        root(&lab),
        CosignSign::statement(&Digest::sha256_of(b"image")),
    );
    for kind in KINDS {
        let signing = Signer::new(&config(&lab, kind), &root, Timestamp::now()).unwrap();
        let bundle = signing
            .sign_statement(&statement, &token(&lab), Timestamp::now())
            .await;
        let bundle = bundle.unwrap_or_else(|error| panic!("{kind:?}: {error:?}"));
        let verify = |signer| verify_statement(&bundle, &root, &[signer], Timestamp::now());
        assert_eq!(
            *verify(signer(EMAIL, lab.base())).unwrap().value(),
            statement
        );
        assert!(verify(signer("eve@acme.test", lab.base())).is_err());
        assert!(verify(signer(EMAIL, "https://other.test")).is_err());
    }
}

#[tokio::test]
async fn a_blob_signed_through_each_log_verifies_and_another_does_not() {
    let lab = lab().await;
    let root = root(&lab);
    let (blob, other) = (Digest::sha256_of(b"blob"), Digest::sha256_of(b"blob."));
    for kind in KINDS {
        let signing = Signer::new(&config(&lab, kind), &root, Timestamp::now()).unwrap();
        let bundle = signing
            .sign_blob(&blob, &token(&lab), Timestamp::now())
            .await
            .unwrap();
        let signers = [signer(EMAIL, lab.base())];
        let verify = |digest| verify_blob(&bundle, &root, &signers, digest, Timestamp::now());
        assert!(verify(&blob).is_ok(), "{kind:?}");
        assert!(verify(&other).is_err(), "{kind:?}");
    }
}

#[tokio::test]
async fn a_workflow_signs_as_itself_without_an_address() {
    let lab = lab().await;
    let (root, identity) = (root(&lab), GithubIdentity::default());
    let text = lab.github_token(&identity);
    let token = IdentityToken::parse(&text, Timestamp::now()).unwrap();
    assert_eq!(token.claims().email, None);
    let seen = Mutex::new(Vec::new());
    let config = config(&lab, SigningConfigKind::V2);
    let signing = Signer::new(&config, &root, Timestamp::now())
        .unwrap()
        .with_progress(|step| seen.lock().unwrap().push(step.clone()));
    let statement = CosignSign::statement(&Digest::sha256_of(b"image"));
    signing
        .sign_statement(&statement, &token, Timestamp::now())
        .await
        .unwrap();
    let seen = seen.lock().unwrap();
    let [
        Progress::Certificate(who),
        Progress::Timestamp(_),
        Progress::Logged(_),
    ] = &seen[..]
    else {
        panic!("{seen:?}");
    };
    assert_eq!(
        (who.san.as_str(), who.issuer.as_str()),
        (&*identity.san(), GithubIdentity::ISSUER)
    );
}

#[tokio::test]
async fn certificate_time_and_log_are_asked_once_each_and_in_this_order() {
    let lab = lab().await;
    let root = root(&lab);
    for (kind, log) in [
        (SigningConfigKind::V1, "/api/v1/log/entries"),
        (SigningConfigKind::V2, "/api/v2/log/entries"),
    ] {
        let signing = Signer::new(&config(&lab, kind), &root, Timestamp::now()).unwrap();
        lab.clear_requests();
        signing
            .sign_blob(&Digest::sha256_of(b"x"), &token(&lab), Timestamp::now())
            .await
            .unwrap();
        let paths: Vec<String> = lab
            .requests()
            .into_iter()
            .map(|request| request.path)
            .collect();
        assert_eq!(paths, ["/api/v2/signingCert", "/api/v1/timestamp", log]);
    }
}

#[tokio::test]
async fn an_entry_that_the_log_already_has_is_fetched_and_used() {
    let lab = lab().await;
    let root = root(&lab);
    lab.set_faults(&[Fault::RekorDuplicate]);
    let signing = Signer::new(
        &config(&lab, SigningConfigKind::V1),
        &root,
        Timestamp::now(),
    )
    .unwrap();
    let blob = Digest::sha256_of(b"x");
    let bundle = signing
        .sign_blob(&blob, &token(&lab), Timestamp::now())
        .await
        .unwrap();
    let signers = [signer(EMAIL, lab.base())];
    assert!(verify_blob(&bundle, &root, &signers, &blob, Timestamp::now()).is_ok());
}

#[tokio::test]
async fn a_v2_log_that_keeps_losing_its_answers_is_given_up_by_name() {
    let lab = lab().await;
    let root = root(&lab);
    lab.set_faults(&[Fault::RekorDuplicate]);
    let signing = Signer::new(
        &config(&lab, SigningConfigKind::V2),
        &root,
        Timestamp::now(),
    )
    .unwrap();
    let result = signing
        .sign_blob(&Digest::sha256_of(b"x"), &token(&lab), Timestamp::now())
        .await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(
        error
            .to_string()
            .starts_with(&format!("Rekor at {}", lab.base())),
        "{error}"
    );
}

#[tokio::test]
async fn a_configuration_without_a_log_is_refused_before_anything_is_asked() {
    let lab = lab().await;
    let root = root(&lab);
    lab.clear_requests();
    let config = config(&lab, SigningConfigKind::NoLog);
    let error = Signer::new(&config, &root, Timestamp::now()).unwrap_err();
    assert!(
        matches!(error, Error::Config(_)) && error.kind() == Kind::Usage,
        "{error:?}"
    );
    assert!(lab.requests().is_empty());
}
