//! Logins that never end or lead elsewhere. What counts is what the other host received.

use palisade_lab::Config;

use super::{Run, SERVICES, Stage};

const UNKNOWN: &str = "it is not known whether";

/// A signed image behind a login by Basic, or by a token.
async fn behind_login(token_auth: bool) -> Stage {
    let stage = Stage::new(Config {
        registry_auth: Some(("dev".to_owned(), "secret-of-the-test".to_owned())),
        token_auth,
        ..Config::default()
    })
    .await;
    let folder = stage.folder.path().join(".docker");
    std::fs::create_dir(&folder).unwrap();
    let login = serde_json::json!({"username": "dev", "password": "secret-of-the-test"});
    let config = serde_json::json!({"auths": {stage.lab.registry(): login}});
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    stage.sign(&stage.image);
    stage
}

/// Nothing that goes to the lab's other name carries a credential, and nothing prints it.
#[track_caller]
fn keeps_the_secret(run: &Run) {
    let other = |host: &str| host.starts_with("127.0.0.1:");
    let told = run
        .requests
        .iter()
        .find(|asked| asked.authorized && other(&asked.host));
    assert!(told.is_none(), "{told:?}");
    assert!(!run.text.contains("secret-of-the-test"), "{}", run.text);
}

/// Attack: `reg_auth_loop`.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_always_asks_for_a_login_is_unknown_after_a_few_requests() {
    for token_auth in [false, true] {
        let stage = behind_login(token_auth).await;
        stage.verify("", 0, "verified");
        let run = stage.verify("registry-401", 3, UNKNOWN);
        assert!(run.stops().requests.len() <= 10, "{:?}", run.requests);
        keeps_the_secret(&run);
    }
    let stage = behind_login(true).await;
    let run = stage.verify("registry-token-expired*1", 0, "verified");
    assert_eq!(run.asked("/registry/token"), 2, "{:?}", run.requests);
    let run = stage.verify("registry-token-huge", 3, UNKNOWN);
    assert!(run.stops().requests.len() <= 10, "{:?}", run.requests);
}

/// Attack: `cred_realm_other_host`.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_names_another_host_gets_no_credential() {
    for token_auth in [false, true] {
        let stage = behind_login(token_auth).await;
        let run = stage.verify("registry-realm-other-host,registry-401", 3, UNKNOWN);
        keeps_the_secret(run.stops());
    }
}

/// Attack: `cred_redirect`.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_another_host_gets_no_credential() {
    let stage = behind_login(false).await;
    let run = stage.verify_as("registry-redirect-other-host", "image", &stage.image, &[]);
    // The other name of the lab wants the login too, and is not given it.
    assert_eq!(run.code, Some(3), "{}", run.text);
    keeps_the_secret(&run);
    let open = Stage::signed().await;
    open.verify("registry-redirect-other-host", 0, "verified");
    let run = open.verify("registry-redirect-loop", 3, UNKNOWN);
    assert!(run.requests.len() <= 10, "{:?}", run.requests);
}

/// Attack: `cred_location_other_host`.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_to_another_host_gets_no_credential() {
    let stage = behind_login(false).await;
    let args = [&[
        "sign",
        "attest",
        &stage.image,
        "--predicate",
        "predicate.json",
    ][..]];
    let args = [
        args.concat(),
        ["--type", "vuln"].to_vec(),
        SERVICES.to_vec(),
    ]
    .concat();
    let run = stage.run("registry-location-other-host", &args);
    assert_ne!(run.code, Some(0), "{}", run.text);
    keeps_the_secret(&run);
}
