//! Attesting statements about images.

use palisade_attest::{Bundle, Statement};
use palisade_trust::{Verified, verify_statement};
use palisade_types::{PinnedRef, Timestamp};
use serde_json::{Value, json};

use super::{Run, World};

async fn attest(
    world: &World,
    kind: &str,
    predicate: &Value,
) -> (Run, Option<Verified<Statement>>) {
    let file = world.write("predicate.json", predicate.to_string());
    let out = world.file("bundle.json");
    let run = world
        .sign(&[
            "attest",
            &world.image,
            &format!("--predicate={}", file.display()),
            &format!("--type={kind}"),
            &format!("--bundle={}", out.display()),
        ])
        .await;
    let bundle = std::fs::read(&out)
        .ok()
        .map(|bytes| Bundle::parse(&bytes).unwrap());
    let verified = bundle.map(|bundle| {
        verify_statement(&bundle, &world.root(), &[world.signer()], Timestamp::now()).unwrap()
    });
    (run, verified)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statement_names_the_repository_and_carries_the_predicate_as_given() {
    let world = World::new().await;
    let predicate = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": [{"type": "library", "name": "hello", "version": "1"}],
        "metadata": {"component": {"type": "container", "name": "acme/app"}},
    });
    let (run, verified) = attest(&world, "cyclonedx", &predicate).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!run.err.contains("warning"), "{run:?}");
    let verified = verified.unwrap();
    let statement = verified.value();
    assert_eq!(statement.predicate_type, "https://cyclonedx.org/bom");
    assert_eq!(statement.predicate, predicate);
    let image: PinnedRef = world.image.parse().unwrap();
    assert_eq!(statement.is_about(image.digest(), &[]), Ok(Some(0)));
    let name = image.repository().to_string();
    assert_eq!(statement.subjects[0].name.as_deref(), Some(name.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_uri_is_a_type_and_a_slip_is_answered_with_the_nearest() {
    let world = World::new().await;
    let uri = "https://acme.test/review/v1";
    let (run, verified) = attest(&world, uri, &json!({"ok": true})).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(verified.unwrap().value().predicate_type, uri);
    std::fs::remove_file(world.file("bundle.json")).unwrap();
    let (run, verified) = attest(&world, "cyclondx", &json!({})).await;
    assert_eq!(run.code, 2);
    assert!(run.err.contains("did you mean `cyclonedx`?"), "{run:?}");
    assert!(verified.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attestation_cannot_pass_for_a_signature() {
    let world = World::new().await;
    let (run, verified) = attest(&world, "https://sigstore.dev/cosign/sign/v1", &json!({})).await;
    assert_eq!(run.code, 2, "{run:?}");
    assert!(verified.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_predicate_the_gate_could_not_read_is_signed_with_a_warning() {
    let world = World::new().await;
    let (run, verified) = attest(&world, "slsaprovenance1", &json!({})).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.err
            .contains("warning: palisade's gate could not read this"),
        "{run:?}"
    );
    assert!(verified.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_object_is_refused_before_anything_is_asked() {
    let world = World::new().await;
    for text in ["", "[]", "{\"a\":1,\"a\":2}", "{} x", "\u{1b}[2J"] {
        let file = world.write("predicate.json", text);
        let flag = format!("--predicate={}", file.display());
        world.lab.clear_requests();
        let run = world
            .sign(&["attest", &world.image, &flag, "--type=custom"])
            .await;
        assert_eq!(run.code, 2, "{text}: {run:?}");
        assert!(run.err.contains("sign::predicate"), "{run:?}");
        assert!(world.lab.requests().is_empty());
    }
}
