//! Two operators: the next is used on an outage, and as many as the configuration asks for.

use std::sync::Mutex;
use std::time::Duration;

use palisade_keyless::{Error, Kind, Progress, Signer, SigningConfig};
use palisade_lab::{Fault, Lab, SigningConfigKind};
use palisade_trust::{ExpectedSigner, TrustRoot, verify_blob};
use palisade_types::{Digest, SignerIdentity, Timestamp};
use serde_json::{Value, json};

use super::{EMAIL, lab, root, token};

/// Two labs that one trust root and one configuration name, the first lab first.
struct Two {
    first: Lab,
    second: Lab,
    root: TrustRoot,
}

impl Two {
    async fn new() -> Self {
        let (first, second) = (lab().await, lab().await);
        let mut root: Value = serde_json::from_str(&first.trusted_root()).unwrap();
        merge(
            &mut root,
            &serde_json::from_str(&second.trusted_root()).unwrap(),
        );
        let root = TrustRoot::parse(root.to_string().as_bytes()).unwrap();
        Self {
            first,
            second,
            root,
        }
    }

    /// The configuration, with these selectors for logs and timestamp authorities.
    fn config(&self, kind: SigningConfigKind, logs: &Value, tsas: &Value) -> SigningConfig {
        let mut config: Value = serde_json::from_str(&self.first.signing_config(kind)).unwrap();
        let mut second: Value = serde_json::from_str(&self.second.signing_config(kind)).unwrap();
        for list in ["caUrls", "rekorTlogUrls", "tsaUrls"] {
            for service in second[list].as_array_mut().unwrap() {
                service["operator"] = "second".into();
            }
        }
        // The token is the first lab's, whose Fulcio alone takes it.
        second["caUrls"] = json!([]);
        merge(&mut config, &second);
        config["rekorTlogConfig"] = logs.clone();
        config["tsaConfig"] = tsas.clone();
        SigningConfig::parse(config.to_string().as_bytes()).unwrap()
    }

    async fn sign(&self, config: &SigningConfig) -> (Result<Value, Error>, Vec<Progress>) {
        let seen = Mutex::new(Vec::new());
        let signer = Signer::new(config, &self.root, Timestamp::now())
            .unwrap()
            .with_deadline(Duration::from_secs(2))
            .with_progress(|step| seen.lock().unwrap().push(step.clone()));
        let blob = Digest::sha256_of(b"x");
        let bundle = signer
            .sign_blob(&blob, &token(&self.first), Timestamp::now())
            .await;
        drop(signer);
        let checked = bundle.map(|bundle| {
            let identity = SignerIdentity {
                san: EMAIL.to_owned(),
                issuer: self.first.base().to_owned(),
            };
            let expected = [ExpectedSigner::exact("test", identity)];
            verify_blob(&bundle, &self.root, &expected, &blob, Timestamp::now()).unwrap();
            serde_json::from_slice(bundle.bytes()).unwrap()
        });
        (checked, seen.into_inner().unwrap())
    }
}

fn merge(into: &mut Value, from: &Value) {
    for (name, value) in from.as_object().unwrap() {
        if let (Some(into), Some(more)) = (into[name].as_array_mut(), value.as_array()) {
            into.extend(more.iter().cloned());
        }
    }
}

/// How many log entries and timestamps a bundle has.
fn counts(bundle: &Value) -> (usize, usize) {
    let material = &bundle["verificationMaterial"];
    let count = |value: &Value| value.as_array().map_or(0, Vec::len);
    (
        count(&material["tlogEntries"]),
        count(&material["timestampVerificationData"]["rfc3161Timestamps"]),
    )
}

#[tokio::test]
async fn as_many_logs_and_times_as_the_configuration_asks_for() {
    let two = Two::new().await;
    let any = json!({"selector": "ANY"});
    let all = json!({"selector": "ALL"});
    let both = json!({"selector": "EXACT", "count": 2});
    for kind in [SigningConfigKind::V1, SigningConfigKind::V2] {
        for (logs, tsas, wanted) in [
            (&any, &any, (1, 1)),
            (&all, &any, (2, 1)),
            (&any, &both, (1, 2)),
            (&both, &all, (2, 2)),
        ] {
            let (signed, _) = two.sign(&two.config(kind, logs, tsas)).await;
            assert_eq!(counts(&signed.unwrap()), wanted, "{kind:?} {logs} {tsas}");
        }
    }
}

#[tokio::test]
async fn the_next_operator_is_used_when_the_first_is_out_and_the_outage_is_told() {
    let two = Two::new().await;
    let any = json!({"selector": "ANY"});
    for (fault, name) in [
        (Fault::Rekor503, "Rekor"),
        (Fault::Tsa503, "timestamp authority"),
    ] {
        two.first.set_faults(&[fault]);
        let config = two.config(SigningConfigKind::V2, &any, &any);
        let (signed, seen) = two.sign(&config).await;
        assert_eq!(counts(&signed.unwrap()), (1, 1));
        let told = seen
            .iter()
            .any(|step| matches!(step, Progress::PassedOver(why) if why.contains(name)));
        assert!(told, "{seen:?}");
    }
}

#[tokio::test]
async fn with_too_many_out_the_outage_is_named_and_nothing_is_signed() {
    let two = Two::new().await;
    let any = json!({"selector": "ANY"});
    let all = json!({"selector": "ALL"});
    two.first.set_faults(&[Fault::Rekor503]);
    let config = two.config(SigningConfigKind::V2, &all, &any);
    let error = two.sign(&config).await.0.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains("Rekor at"), "{error}");
    two.second.set_faults(&[Fault::Rekor503]);
    let config = two.config(SigningConfigKind::V2, &any, &any);
    let error = two.sign(&config).await.0.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let Error::Outage { outages, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(outages.len(), 2);
}

/// Attack: `log_keys_from_root_only`, when signing: a log that answers with keys of its own.
#[tokio::test]
async fn a_log_whose_key_is_not_in_the_trust_root_vouches_for_nothing() {
    let (lab, stranger) = (lab().await, lab().await);
    for kind in [SigningConfigKind::V1, SigningConfigKind::V2] {
        let mut own: Value = serde_json::from_str(&lab.signing_config(kind)).unwrap();
        let theirs: Value = serde_json::from_str(&stranger.signing_config(kind)).unwrap();
        own["rekorTlogUrls"] = theirs["rekorTlogUrls"].clone();
        let config = SigningConfig::parse(own.to_string().as_bytes()).unwrap();
        let (root, now) = (root(&lab), Timestamp::now());
        let signer = Signer::new(&config, &root, now).unwrap();
        let (blob, token) = (Digest::sha256_of(b"x"), token(&lab));
        let bundle = signer.sign_blob(&blob, &token, now).await;
        let error = bundle.unwrap_err();
        assert!(matches!(error, Error::Evidence(_)), "{kind:?}: {error:?}");
        assert_eq!(error.kind(), Kind::Refused);
    }
}

#[tokio::test]
async fn a_refusal_is_not_passed_over_to_somebody_more_lenient() {
    let two = Two::new().await;
    let any = json!({"selector": "ANY"});
    two.first.set_faults(&[Fault::TsaImprint]);
    let config = two.config(SigningConfigKind::V2, &any, &any);
    let (signed, seen) = two.sign(&config).await;
    let error = signed.unwrap_err();
    assert!(matches!(error, Error::Timestamp { .. }), "{error:?}");
    assert!(
        !seen
            .iter()
            .any(|step| matches!(step, Progress::PassedOver(_)))
    );
}
