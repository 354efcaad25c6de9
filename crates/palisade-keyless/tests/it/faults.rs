//! Every fault of the lab's services, and how signing ends under it.

use std::time::Duration;

use palisade_attest::predicates::cosign_sign::CosignSign;
use palisade_keyless::{Error, Kind, Signer};
use palisade_lab::{Fault, Lab, SigningConfigKind};
use palisade_types::{Digest, Timestamp};

use super::{config, lab, root, token};

/// Enough for one retry, so that an outage is told apart from a stumble.
const SHORT: Duration = Duration::from_millis(1200);

async fn sign(lab: &Lab, kind: SigningConfigKind) -> Result<(), Error> {
    let root = root(lab);
    let signer = Signer::new(&config(lab, kind), &root, Timestamp::now())?.with_deadline(SHORT);
    let statement = CosignSign::statement(&Digest::sha256_of(b"image"));
    signer
        .sign_statement(&statement, &token(lab), Timestamp::now())
        .await
        .map(|_| ())
}

async fn error(lab: &Lab, kind: SigningConfigKind, fault: Fault) -> Error {
    lab.set_faults(&[fault]);
    lab.clear_requests();
    match sign(lab, kind).await {
        Ok(()) => panic!("{} was signed through", fault.name()),
        Err(error) => error,
    }
}

fn asked(lab: &Lab, path: &str) -> bool {
    lab.requests().iter().any(|request| request.path == path)
}

/// Attack: `sct_faults`, `cert_faults`, when signing.
#[tokio::test]
async fn a_bad_certificate_is_refused_before_the_key_signs_anything() {
    let lab = lab().await;
    for fault in [
        Fault::SctNone,
        Fault::SctBadsig,
        Fault::SctWrongIssuerHash,
        Fault::SctOld,
        Fault::CertExpired,
        Fault::CertFuture,
        Fault::CertWrongEku,
        Fault::CertNoIssuerExt,
        Fault::CertIssuerV1Lies,
        Fault::CertForgedCa,
        Fault::SanNoncritical,
        Fault::SanTwo,
    ] {
        let error = error(&lab, SigningConfigKind::V1, fault).await;
        assert!(
            matches!(error, Error::Certificate { .. }),
            "{}: {error:?}",
            fault.name()
        );
        assert_eq!(error.kind(), Kind::Refused);
        assert!(!asked(&lab, "/api/v1/timestamp"), "{}", fault.name());
        assert!(!asked(&lab, "/api/v1/log/entries"), "{}", fault.name());
    }
}

#[tokio::test]
async fn a_certificate_for_another_key_is_refused() {
    let lab = lab().await;
    let error = error(&lab, SigningConfigKind::V1, Fault::CertOtherKey).await;
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    assert!(!asked(&lab, "/api/v1/log/entries"));
}

#[tokio::test]
async fn an_sct_with_the_static_log_s_extension_is_accepted() {
    let lab = lab().await;
    lab.set_faults(&[Fault::SctLeafindex]);
    sign(&lab, SigningConfigKind::V1).await.unwrap();
}

#[tokio::test]
async fn a_bad_timestamp_is_refused_before_anything_is_logged() {
    let lab = lab().await;
    for fault in [Fault::TsaImprint, Fault::TsaBadsig] {
        let error = error(&lab, SigningConfigKind::V2, fault).await;
        assert!(
            matches!(error, Error::Timestamp { .. }),
            "{}: {error:?}",
            fault.name()
        );
        assert!(!asked(&lab, "/api/v2/log/entries"), "{}", fault.name());
    }
}

#[tokio::test]
async fn evidence_that_does_not_verify_is_never_returned() {
    let lab = lab().await;
    let v1 = [
        Fault::V1SetBadsig,
        Fault::V1CkptBadsig,
        Fault::V1CkptHint,
        Fault::V1CkptOrigin,
        Fault::V1CkptNotree,
        Fault::V1ProofBad,
        Fault::V1LogId,
        Fault::V1TimeOld,
        Fault::TsaTimeOld,
    ];
    let v2 = [
        Fault::V2CkptOrigin,
        Fault::V2CkptHint,
        Fault::V2CkptBadsig,
        Fault::V2ProofBad,
        Fault::V2LogId,
        Fault::V2BodyOther,
        Fault::TsaTimeOld,
    ];
    let rows = v1
        .map(|fault| (SigningConfigKind::V1, fault))
        .into_iter()
        .chain(v2.map(|fault| (SigningConfigKind::V2, fault)));
    for (kind, fault) in rows {
        let error = error(&lab, kind, fault).await;
        assert!(
            matches!(error, Error::Evidence(_)),
            "{}: {error:?}",
            fault.name()
        );
    }
}

#[tokio::test]
async fn a_v1_entry_without_the_log_s_promise_is_malformed() {
    let lab = lab().await;
    let error = error(&lab, SigningConfigKind::V1, Fault::V1NoSet).await;
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
}

#[tokio::test]
async fn the_first_entry_of_a_log_is_accepted_though_its_zeros_are_left_out() {
    let lab = lab().await;
    lab.set_faults(&[Fault::FirstEntryIndex0]);
    sign(&lab, SigningConfigKind::V2).await.unwrap();
}

#[tokio::test]
async fn an_outage_is_named_and_is_no_refusal() {
    let lab = lab().await;
    for (name, faults) in [
        (
            "Fulcio at",
            [Fault::Fulcio503, Fault::FulcioCut, Fault::FulcioSlow],
        ),
        (
            "Rekor at",
            [Fault::Rekor503, Fault::RekorCut, Fault::RekorSlow],
        ),
        (
            "the timestamp authority at",
            [Fault::Tsa503, Fault::TsaCut, Fault::TsaSlow],
        ),
    ] {
        for fault in faults {
            let error = error(&lab, SigningConfigKind::V2, fault).await;
            assert!(
                matches!(error, Error::Unavailable { .. }),
                "{}: {error:?}",
                fault.name()
            );
            assert_eq!(error.kind(), Kind::Unavailable);
            assert!(
                error.to_string().starts_with(name),
                "{}: {error}",
                fault.name()
            );
        }
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off_and_named() {
    let lab = lab().await;
    for fault in [Fault::FulcioHuge, Fault::RekorHuge, Fault::TsaHuge] {
        let error = error(&lab, SigningConfigKind::V2, fault).await;
        assert!(
            matches!(&error, Error::Malformed { why, .. } if why.contains("larger")),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_service_that_asks_to_wait_is_asked_again_when_there_is_time() {
    let lab = lab().await;
    for fault in [Fault::Fulcio429, Fault::Rekor429, Fault::Tsa429] {
        let error = error(&lab, SigningConfigKind::V1, fault).await;
        assert!(
            matches!(error, Error::Unavailable { .. }),
            "{}: {error:?}",
            fault.name()
        );
    }
    let times = |path| {
        lab.requests()
            .iter()
            .filter(|request| request.path == path)
            .count()
    };
    assert_eq!(times("/api/v2/signingCert"), 1);
    assert_eq!(times("/api/v1/timestamp"), 2);
}

#[tokio::test]
async fn a_stumble_of_every_service_is_got_over() {
    let lab = lab().await;
    for kind in [SigningConfigKind::V1, SigningConfigKind::V2] {
        for stumbles in [
            "fulcio-503*1,tsa-503*1,rekor-503*1",
            "fulcio-cut*1",
            "tsa-cut*1",
        ] {
            lab.set_faults_text(stumbles).unwrap();
            sign(&lab, kind)
                .await
                .unwrap_or_else(|error| panic!("{stumbles}: {error:?}"));
        }
    }
}

#[tokio::test]
async fn an_answer_that_a_log_lost_is_got_again() {
    let lab = lab().await;
    for lost in ["rekor-cut*1", "rekor-duplicate*1"] {
        for kind in [SigningConfigKind::V1, SigningConfigKind::V2] {
            lab.set_faults_text(lost).unwrap();
            lab.clear_requests();
            sign(&lab, kind)
                .await
                .unwrap_or_else(|error| panic!("{lost}, {kind:?}: {error:?}"));
            // Rekor v1 gives the entry back; with Rekor v2 a new signature is entered.
            let times = |path| {
                lab.requests()
                    .iter()
                    .filter(|request| request.path == path)
                    .count()
            };
            let signatures = if kind == SigningConfigKind::V1 { 1 } else { 2 };
            assert_eq!(times("/api/v1/timestamp"), signatures, "{lost}, {kind:?}");
        }
    }
}
