//! The files that clients configure themselves from.

use palisade_lab::{LAB_ORGANIZATION, SigningConfigKind};
use serde_json::Value;

use crate::support::{Http, lab};

#[tokio::test]
async fn the_trusted_root_says_in_every_authority_that_it_is_a_lab() {
    let lab = lab().await;
    let root: Value = serde_json::from_str(&lab.trusted_root()).unwrap();
    for list in ["certificateAuthorities", "timestampAuthorities"] {
        for authority in root[list].as_array().unwrap() {
            assert_eq!(authority["subject"]["organization"], LAB_ORGANIZATION);
        }
    }
    for list in ["tlogs", "ctlogs"] {
        for log in root[list].as_array().unwrap() {
            assert!(log["publicKey"]["validFor"]["start"].is_string());
            assert!(log["logId"]["keyId"].is_string());
            assert!(
                log["baseUrl"]
                    .as_str()
                    .unwrap()
                    .starts_with("http://localhost:")
            );
        }
    }
}

#[tokio::test]
async fn each_signing_config_offers_what_its_name_says() {
    let lab = lab().await;
    for (kind, version, tsa) in [
        (SigningConfigKind::NoLog, None, true),
        (SigningConfigKind::V1, Some(1), true),
        (SigningConfigKind::V1NoTsa, Some(1), false),
        (SigningConfigKind::V2, Some(2), true),
    ] {
        let config: Value = serde_json::from_str(&lab.signing_config(kind)).unwrap();
        assert_eq!(
            config["rekorTlogUrls"][0]["majorApiVersion"].as_u64(),
            version
        );
        assert_eq!(config["tsaUrls"].is_array(), tsa);
        let both: Value = serde_json::from_str(&lab.client_trust_config(kind)).unwrap();
        assert_eq!(both["signingConfig"], config);
    }
}

#[tokio::test]
async fn the_files_in_a_folder_are_those_the_lab_serves() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let dir = tempfile::tempdir().unwrap();
    lab.write_files(dir.path()).unwrap();
    let mut names: Vec<String> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 15);
    for name in names {
        let served = http.get(&format!("/lab/files/{name}")).await;
        assert_eq!(
            served.body,
            std::fs::read(dir.path().join(&name)).unwrap(),
            "{name}"
        );
    }
    for (name, value) in lab.environment(dir.path()) {
        assert!(!value.is_empty(), "{name}");
    }
}
