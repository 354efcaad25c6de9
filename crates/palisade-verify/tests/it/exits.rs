//! How a run ends and what it says: the same for the same answer, in every format and every form.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use palisade_lab::{Config, Lab};
use serde_json::{Value, json};

use crate::program::{Run, SIGNER, fixture, verify, verify_in, verify_recorded};
use crate::registry::{IMAGE, Registry, SIGNATURE, Setup, Trouble};

fn bundle(name: &str) -> Value {
    serde_json::from_slice(&fs::read(fixture(name)).unwrap()).unwrap()
}

/// Judges a changed bundle about the recorded file.
fn judge(bundle: &Value, more: &[&str]) -> Run {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "{bundle}").unwrap();
    let path = file.path().to_str().unwrap();
    verify_recorded(&[&["blob", "blob.txt", "--bundle", path], more].concat())
}

/// Attack: `exit_panic`. gitsign 0.15 panicked and exited 0.
#[test]
fn nothing_where_something_is_expected_is_refused_and_never_a_panic() {
    let good = bundle("faults/v1-none.json");
    assert_eq!(judge(&good, &[]).code, 0);
    let places = [
        "/mediaType",
        "/verificationMaterial",
        "/verificationMaterial/certificate",
        "/verificationMaterial/certificate/rawBytes",
        "/verificationMaterial/tlogEntries",
        "/verificationMaterial/tlogEntries/0",
        "/verificationMaterial/tlogEntries/0/logId",
        "/verificationMaterial/tlogEntries/0/kindVersion",
        "/verificationMaterial/tlogEntries/0/canonicalizedBody",
        "/verificationMaterial/tlogEntries/0/inclusionProof",
        "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint",
        "/messageSignature",
        "/messageSignature/messageDigest",
        "/messageSignature/signature",
    ];
    for place in places {
        for nothing in [Value::Null, json!([]), json!({}), json!(""), json!([null])] {
            let mut broken = good.clone();
            let at = broken.pointer_mut(place);
            *at.unwrap_or_else(|| panic!("{place} is not in the bundle")) = nothing.clone();
            let run = judge(&broken, &[]);
            // Without its digest a message signature is still one over the file.
            let may_hold = place == "/messageSignature/messageDigest" && run.code == 0;
            assert!(run.code == 1 || may_hold, "{place} {nothing}: {run:?}");
            assert!(!run.err.contains("panicked"), "{place} {nothing}: {run:?}");
        }
    }
    let mut chain = good;
    chain["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.1");
    let material = chain["verificationMaterial"].as_object_mut().unwrap();
    material.remove("certificate");
    material.insert("x509CertificateChain".into(), json!({"certificates": []}));
    assert_eq!(judge(&chain, &[]).code, 1);
}

/// Attack: `exit_same_for_all_formats`. cosign's finer codes exist in the older format alone.
#[test]
fn the_same_fault_ends_the_same_in_bundles_and_in_older_tags() {
    let older = || fixture("../cosign-legacy");
    let older = |name: &str| older().join(name).to_str().unwrap().to_owned();
    let older_root = older("trusted_root.json");
    let who = |identity: &'static str, issuer: &'static str| {
        [
            "--certificate-identity",
            identity,
            "--certificate-oidc-issuer",
            issuer,
        ]
    };
    let recorded = [
        "--bundle",
        "faults/v1-none.json",
        "--trusted-root",
        "trusted_root.json",
    ];
    let legacy_bundle = older("blob-keyless.json");
    let legacy = [
        "--bundle",
        &legacy_bundle,
        "--trusted-root",
        &older_root,
        "--allow-lab",
    ];
    let legacy_file = older("blob");
    let good_new = who("dev@siglab.test", "http://localhost:18500");
    let good_old = who(
        "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
        "https://token.actions.githubusercontent.com",
    );
    let other = who("a@b.test", "https://issuer.test");
    let new =
        |file: &str, who: &[&str]| verify([&["blob", file], &recorded[..], who].concat()).code;
    let old = |file: &str, who: &[&str]| verify([&["blob", file], &legacy[..], who].concat()).code;
    assert_eq!(
        (new("blob.txt", &good_new), old(&legacy_file, &good_old)),
        (0, 0)
    );
    // Another signer, another file, no such file.
    assert_eq!((new("blob.txt", &other), old(&legacy_file, &other)), (1, 1));
    assert_eq!(
        (
            new("expected.tsv", &good_new),
            old("expected.tsv", &good_old)
        ),
        (1, 1)
    );
    assert_eq!((new("none", &good_new), old("none", &good_old)), (2, 2));
    // Nothing there, and a registry that cannot be asked: in the list and in the older tag.
    let end = |api_trouble: bool| {
        let older: &'static str = Box::leak(format!("{}.sig", IMAGE.replace(':', "-")).into());
        let end = if api_trouble { IMAGE } else { older };
        let trouble = Trouble::Limited {
            retry_after: 3_600,
            times: usize::MAX,
        };
        let registry = Registry::start(Setup {
            api: true,
            trouble: [(end, trouble)].into(),
            ..Setup::default()
        });
        verify_recorded(&["image", &registry.by_digest()]).code
    };
    assert_eq!((end(true), end(false)), (3, 3));
}

/// Attack: `exit_no_attestations`. What is left over after sorting is nothing, and nothing is no.
#[test]
fn no_attestation_of_the_wanted_type_is_never_fine() {
    let registry = Registry::start(Setup {
        attached: vec![SIGNATURE],
        api: true,
        ..Setup::default()
    });
    for kind in ["slsaprovenance1", "cyclonedx", "https://example.test/none"] {
        let run = verify_recorded(&["attestation", &registry.by_digest(), "--type", kind]);
        assert_eq!(run.code, 1, "{run:?}");
    }
}

/// Attack: `out_near_miss`. The failing check by name, with what was expected and what was found.
#[test]
fn a_refusal_names_the_check_that_failed() {
    let mut proof = bundle("faults/v1-none.json");
    let hash = "/verificationMaterial/tlogEntries/0/inclusionProof/rootHash";
    *proof.pointer_mut(hash).unwrap() = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let run = judge(&proof, &["--format", "json"]);
    assert_eq!(run.code, 1, "{run:?}");
    let refused = run.json()["answers"][0]["refused"][0].clone();
    let reason = refused["reason"].as_str().unwrap();
    assert!(
        ["inclusion-proof", "checkpoint"].contains(&reason),
        "{refused}"
    );
    assert_ne!(refused["detail"], "");

    let mut unknown = bundle("faults/v1-none.json");
    unknown["verificationMaterial"]["tlogEntry"] = json!([]);
    let run = judge(&unknown, &["--format", "json"]);
    if run.code != 0 {
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.out.contains("tlogEntry"), "{}", run.out);
    }

    let run = verify_recorded(&["blob", "blob.txt", "--bundle", "no-such-bundle.json"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.talk().contains("`no-such-bundle.json`"), "{}", run.err);

    let text = judge(&proof, &[]);
    assert!(text.out.contains(&format!(": {reason}: ")), "{}", text.out);
    // No list of byte values, as cosign prints.
    assert!(!text.out.contains("[0 0"), "{}", text.out);
}

fn is_harmless(run: &Run) -> bool {
    let steers = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    !run.out.contains(steers) && !run.err.contains(steers)
}

/// Attack: `out_terminal_escape`. In the registry's words, media types, annotations, file names.
#[test]
fn what_a_registry_or_a_file_says_cannot_write_on_the_terminal() {
    const BAD: &str = "\u{1b}[2Jverified\r\u{202e}\u{9b}31m";
    let referrers: &'static str = Box::leak(format!("referrers/{IMAGE}").into());
    let index = |entry: Value| {
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [entry],
        })
        .to_string()
    };
    let layer = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": BAD, "size": 2, "digest": IMAGE},
        "layers": [{"mediaType": BAD, "size": 2, "digest": IMAGE}],
        "subject": {"mediaType": BAD, "size": 2, "digest": IMAGE},
        "annotations": {"dev.sigstore.bundle.predicateType": BAD},
    })
    .to_string();
    let digest = palisade_types::Digest::sha256_of(layer.as_bytes()).to_string();
    let entry = json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "size": layer.len(),
        "digest": digest,
        "artifactType": BAD,
        "annotations": {BAD: BAD},
    });
    let manifest: &'static str = Box::leak(format!("manifests/{digest}").into());
    let error = json!({"errors": [{"code": BAD, "message": BAD, "detail": BAD}]}).to_string();
    for instead in [
        vec![(referrers, (403, error.clone().into_bytes()))],
        vec![(
            referrers,
            (200, index(json!({"mediaType": BAD})).into_bytes()),
        )],
        vec![
            (referrers, (200, index(entry).into_bytes())),
            (manifest, (200, layer.clone().into_bytes())),
        ],
    ] {
        let registry = Registry::start(Setup {
            api: true,
            instead: instead.into_iter().collect(),
            ..Setup::default()
        });
        let image = registry.by_digest();
        for args in [
            &["image", &image][..],
            &["image", &image, "--format", "table"],
            &["image", &image, "--format", "jsonl"],
            &["image", &image, "--format", "json"],
            &["tree", &image],
        ] {
            let run = verify_recorded(args);
            assert!(is_harmless(&run), "{args:?}: {run:?}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(BAD), BAD).unwrap();
    let image = format!("localhost:1/demo/app@{IMAGE}");
    let path = folder.path().to_str().unwrap();
    for format in ["text", "table", "json"] {
        let run = verify_recorded(&["image", &image, "--evidence", path, "--format", format]);
        assert_eq!(run.code, 1, "{run:?}");
        assert!(is_harmless(&run), "{run:?}");
    }
}

/// Every file below a folder but the one with the credentials.
fn home_files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() != "config.json" {
                let bytes = fs::read(&path).unwrap();
                files.push((path, bytes));
            }
        }
    }
    files
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

/// Attack: `out_no_secrets`. A registry's password, right or wrong, is in no output.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_s_password_is_never_printed() {
    const PASSWORD: &str = "correct-horse-battery-staple";
    // base64 of `me:` and the password, right and wrong.
    const RIGHT: &str = "bWU6Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ==";
    const WRONG: &str = "bWU6d3JvbmctaG9yc2UtYmF0dGVyeS1zdGFwbGU=";
    for token_auth in [false, true] {
        let lab = Lab::start(Config {
            registry_auth: Some(("me".to_owned(), PASSWORD.to_owned())),
            token_auth,
            ..Config::default()
        })
        .await
        .unwrap();
        let image = lab.seed_image();
        for (login, code) in [(RIGHT, 1), (WRONG, 3)] {
            let folder = tempfile::tempdir().unwrap();
            let config = json!({"auths": {lab.registry(): {"auth": login}}});
            fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
            let home = folder.path().to_str().unwrap();
            for format in ["text", "json"] {
                let args = ["image", &image, "--format", format];
                let variables = [("DOCKER_CONFIG", home), ("HOME", home)];
                let run = verify_in(args.iter().chain(&SIGNER), &variables, "");
                assert_eq!(run.code, code, "{run:?}");
                for secret in [PASSWORD, "wrong-horse", login, "Authorization", "Bearer"] {
                    let said = run.out.contains(secret) || run.err.contains(secret);
                    assert!(!said, "{secret}: {run:?}");
                }
            }
            let cache = home_files(folder.path());
            for secret in [PASSWORD, "wrong-horse", login] {
                let kept = cache.iter().find(|(_, bytes)| contains(bytes, secret));
                assert!(
                    kept.is_none(),
                    "{secret} is in {:?}",
                    kept.map(|(path, _)| path)
                );
            }
        }
    }
}

/// inv_claims_from_checks, F3: cosign says "verified in the transparency log" without an entry.
#[test]
fn only_what_was_checked_is_claimed() {
    let claims = |args: &[&str]| {
        let run = verify([args, &["--format", "json"]].concat());
        assert_eq!(run.code, 0, "{run:?}");
        let claims = run.json()["answers"][0]["verified"][0]["claims"].clone();
        let claims: Vec<String> = serde_json::from_value(claims).unwrap();
        claims.join(" ")
    };
    let blob = |name: &str| {
        let args = ["blob", "blob.txt", "--bundle", name];
        claims(&[&args[..], &SIGNER].concat())
    };
    let common = "certificate-chain identity log-inclusion";
    assert_eq!(
        blob("faults/v2-none.json"),
        format!("{common} sct signature timestamp")
    );
    assert_eq!(
        blob("faults/v1-none.json"),
        format!("{common} log-promise sct signature timestamp")
    );
    assert_eq!(
        blob("faults/v1_notsa-none.json"),
        format!("{common} log-promise sct signature")
    );
    let image = "localhost:1/app@sha256:\
                 4d7d2c7c50b3dac34d0aac5712a60e0011897264980be370a9e5c047f08db1cb";
    let keyed = |bundle: &str| {
        claims(&[
            "image",
            image,
            "--bundle",
            bundle,
            "--key",
            "keyed/ecdsa-p256.pub",
            "--trusted-root",
            "keyed/trusted_root.json",
            "--insecure-ignore-tlog",
        ])
    };
    assert_eq!(keyed("keyed/image-sign-p256-notlog.json"), "key signature");
    assert!(keyed("keyed/image-sign-p256-rekor1.json").contains("log-inclusion"));
}
