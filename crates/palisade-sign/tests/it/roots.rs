//! Whom signing believes, and which services it uses, when a TUF repository says so.

use palisade_lab::{Config, Lab, SigningConfigKind};
use serde_json::Value;

use crate::{EMAIL, Run, World, run};

/// Signs a file with the lab's TUF repository alone: neither services nor a root are named.
async fn sign_by_tuf(world: &World, extra: &[&str]) -> Run {
    let token = world.lab.email_token(EMAIL);
    let file = world.write("app.bin", b"x");
    let mut args = vec![
        "blob".to_owned(),
        file.display().to_string(),
        format!("--bundle={}", world.file("out.json").display()),
        format!("--tuf-mirror={}/tuf", world.lab.base()),
        format!("--tuf-root={}", world.file("root.json").display()),
        "--timeout=5".to_owned(),
        "--format=json".to_owned(),
    ];
    args.extend(extra.iter().map(|&arg| arg.to_owned()));
    let home = world.dir.path().display().to_string();
    let environment = [("SIGSTORE_ID_TOKEN", token.as_str()), ("HOME", &home)];
    run(&args, &environment, &token).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tuf_repository_says_whom_to_believe_and_which_services_sign() {
    let world = World::new().await;
    let refused = sign_by_tuf(&world, &[]).await;
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("roots::lab"), "{refused:?}");
    assert!(!world.file("out.json").exists());
    let signed = sign_by_tuf(&world, &["--allow-lab"]).await;
    assert_eq!(signed.code, 0, "{signed:?}");
    assert!(world.file("out.json").exists());
    let said: Value = serde_json::from_str(&signed.out).unwrap();
    let root = &said["trustRoot"];
    assert_eq!(
        (&root["kind"], &root["version"]),
        (&"tuf".into(), &1.into())
    );
    assert!(
        signed.err.contains("trust root: trusted_root.json of"),
        "{signed:?}"
    );
    // What was fetched serves for a day: the second signature asks the repository nothing.
    world.lab.clear_requests();
    assert_eq!(sign_by_tuf(&world, &["--allow-lab"]).await.code, 0);
    let asked = world.lab.requests();
    assert!(
        asked
            .iter()
            .all(|request| !request.path.starts_with("/tuf")),
        "{asked:?}"
    );
}

/// Attack: `log_keys_from_root_only`. The log hands its key to whoever asks, and it is the wrong one.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_s_key_comes_from_the_root_and_never_from_the_log() {
    let world = World::new().await;
    let stranger = Lab::start(Config::default()).await.unwrap();
    let file = world.write("app.bin", b"x");
    let file = file.display().to_string();
    let out = world.file("out.json");
    let bundle = format!("--bundle={}", out.display());
    for kind in [SigningConfigKind::V1, SigningConfigKind::V2] {
        world.lab.clear_requests();
        // The lab's own authorities, and the logs of another lab under the same addresses.
        let mut root: Value = serde_json::from_str(&world.lab.trusted_root()).unwrap();
        let theirs: Value = serde_json::from_str(&stranger.trusted_root()).unwrap();
        let honest = root.clone();
        let logs = theirs["tlogs"].as_array().unwrap();
        for (log, theirs) in root["tlogs"].as_array_mut().unwrap().iter_mut().zip(logs) {
            log["publicKey"]["rawBytes"] = theirs["publicKey"]["rawBytes"].clone();
        }
        let path = world.file("trusted_root.json");
        std::fs::write(&path, root.to_string()).unwrap();
        let signed = world.sign_through(kind, &["blob", &file, &bundle]).await;
        assert_eq!(signed.code, 1, "{signed:?}");
        assert!(!out.exists());
        let asked = world.lab.requests();
        assert!(!asked.is_empty());
        let key = |path: &str| path.to_lowercase().contains("publickey");
        assert!(asked.iter().all(|request| !key(&request.path)), "{asked:?}");
        // The twin: the same with the logs' own keys.
        std::fs::write(&path, honest.to_string()).unwrap();
        let signed = world.sign_through(kind, &["blob", &file, &bundle]).await;
        assert_eq!(signed.code, 0, "{signed:?}");
        std::fs::remove_file(&out).unwrap();
    }
}
