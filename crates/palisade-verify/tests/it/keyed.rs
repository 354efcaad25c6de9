//! `--key`: what somebody signed with a key of their own.

use crate::program::verify;

fn blob(args: &[&str]) -> crate::program::Run {
    let fixed = [
        "blob",
        "keyed/blob.txt",
        "--trusted-root",
        "keyed/trusted_root.json",
    ];
    verify(fixed.iter().chain(args))
}

const IMAGE: &str =
    "localhost:1/app@sha256:4d7d2c7c50b3dac34d0aac5712a60e0011897264980be370a9e5c047f08db1cb";

#[test]
fn a_file_signed_with_the_key_is_verified_and_with_another_key_it_is_not() {
    for (bundle, key) in [
        ("keyed/sign-rsa2048-rekor2.json", "keyed/rsa2048.pub"),
        ("keyed/sign-p384-rekor2.json", "keyed/p384.pub"),
        ("keyed/sign-p521-rekor2.json", "keyed/p521.pub"),
    ] {
        let run = blob(&["--bundle", bundle, "--key", key]);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(
            run.out.contains("the key is the expected one"),
            "{}",
            run.out
        );
        let other = [
            "--bundle",
            bundle,
            "--key",
            "keyed/ecdsa-p256.pub",
            "--format",
            "json",
        ];
        let run = blob(&other);
        assert_eq!(run.code, 1, "{run:?}");
        let answer = &run.json()["answers"][0];
        assert_eq!(answer["refused"][0]["reason"], "signature");
    }
}

#[test]
fn without_a_log_entry_it_counts_only_when_that_is_asked_for_by_name() {
    let with = |more: &[&str]| {
        let bundle = [
            "--bundle",
            "keyed/sign-ed25519-notlog.json",
            "--key",
            "keyed/ed25519.pub",
        ];
        blob(&[&bundle, more].concat())
    };
    let run = with(&["--format", "json"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(
        run.json()["answers"][0]["refused"][0]["reason"],
        "no-log-entry"
    );
    let run = with(&["--insecure-ignore-tlog", "--format", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.talk().contains("no log entry"), "{}", run.err);
    let json = run.json();
    let proven = &json["answers"][0]["verified"][0];
    assert_eq!(proven["signed_at"], serde_json::Value::Null);
    assert_eq!(proven["claims"], serde_json::json!(["key", "signature"]));
    assert_eq!(json["expected"]["key"]["log_required"], false);
}

#[test]
fn an_image_s_signature_by_a_key_is_one_and_an_attestation_by_it_is_not() {
    let image = |bundle: &str| {
        let root = "keyed/trusted_root.json";
        verify([
            "image",
            IMAGE,
            "--bundle",
            bundle,
            "--key",
            "keyed/ecdsa-p256.pub",
            "--trusted-root",
            root,
            "--insecure-ignore-tlog",
        ])
    };
    assert_eq!(image("keyed/image-sign-p256-notlog.json").code, 0);
    assert_eq!(image("keyed/image-sign-p256-rekor1.json").code, 0);
    let run = image("keyed/image-attest-p256-notlog.json");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.out.contains("no signature by the expected signer"),
        "{}",
        run.out
    );
}

#[test]
fn a_key_and_an_identity_at_once_or_a_relaxation_without_a_key_is_a_wrong_command_line() {
    let bundle = ["--bundle", "keyed/sign-p384-rekor2.json"];
    let key = ["--key", "keyed/p384.pub"];
    let identity = ["--certificate-identity", "a@b.test"];
    let issuer = ["--certificate-oidc-issuer", "https://i.test"];
    for more in [
        [&key[..], &identity, &issuer].concat(),
        [&key[..], &issuer].concat(),
        [&identity[..], &issuer, &["--insecure-ignore-tlog"]].concat(),
        identity.to_vec(),
        Vec::new(),
    ] {
        let run = blob(&[&bundle[..], &more].concat());
        assert_eq!(run.code, 2, "{run:?}");
    }
    let run = blob(&[&bundle[..], &["--key", "keyed/blob.txt"]].concat());
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.talk().contains("PUBLIC KEY"), "{}", run.err);
}
