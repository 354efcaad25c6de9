//! A lab that is stopped and started again.

use palisade_lab::{Config, Lab};
use serde_json::json;

use crate::support::{Http, Identity, lab};

#[tokio::test]
async fn keys_port_and_log_survive_in_a_folder_only_its_owner_reads() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        state: Some(dir.path().join("state")),
        ..Config::default()
    };
    let first = Lab::start(config.clone()).await.unwrap();
    let (base, root) = (first.base().to_owned(), first.trusted_root());
    let entry = Identity::new(&first).await.hashedrekord_v2(b"artifact");
    let logged = Http::new(&first)
        .post("/api/v2/log/entries", &entry)
        .await
        .json();
    drop(first);
    let second = restart(&config).await;
    assert_eq!(
        (second.base(), second.trusted_root()),
        (base.as_str(), root)
    );
    let again = Http::new(&second).post("/api/v2/log/entries", &entry).await;
    assert_eq!(again.status, 409);
    assert_eq!(json!(again.header("x-log-index")), logged["logIndex"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| {
            let path = config.state.as_ref().unwrap().join(name);
            std::fs::metadata(path).unwrap().permissions().mode() & 0o777
        };
        assert_eq!((mode(""), mode("keys.json")), (0o700, 0o600));
    }
}

/// The port is free again a moment after the handle is gone.
async fn restart(config: &Config) -> Lab {
    for _ in 0..100 {
        if let Ok(lab) = Lab::start(config.clone()).await {
            return lab;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the port is still taken");
}

#[tokio::test]
async fn a_damaged_key_file_is_an_error_and_not_a_new_key() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("keys.json"), "{}").unwrap();
    let config = Config {
        state: Some(dir.path().to_owned()),
        ..Config::default()
    };
    assert!(matches!(
        Lab::start(config).await,
        Err(palisade_lab::Error::State { .. })
    ));
}

#[tokio::test]
async fn two_labs_share_neither_port_nor_keys() {
    let (first, second) = (lab().await, lab().await);
    assert_ne!(first.base(), second.base());
    assert_ne!(first.trusted_root(), second.trusted_root());
}

#[tokio::test]
async fn a_taken_port_is_an_error() {
    let lab = lab().await;
    let port = lab.base().rsplit(':').next().unwrap().parse().unwrap();
    let config = Config {
        port,
        ..Config::default()
    };
    assert!(matches!(
        Lab::start(config).await,
        Err(palisade_lab::Error::Listen { .. })
    ));
}
