//! How commands end and what they say, with the real programs: exit codes that mean the same
//! everywhere, and words that give nothing away and take nothing over.

use std::path::{Path, PathBuf};
use std::process::Output;

use palisade_lab::{GithubIdentity, SigningConfigKind};
use palisade_oci::{Attachment, Client, ClientOptions};
use palisade_types::Timestamp;
use serde_json::{Value, json};

use crate::interop::stage::{Stage, keyless, ok, san};
use crate::peers;

fn code(output: &Output) -> i32 {
    output
        .status
        .code()
        .unwrap_or_else(|| panic!("{}", peers::text(output)))
}

/// A good bundle about `blob`, to be spoilt.
async fn signed() -> (Stage, Value) {
    let stage = Stage::new(SigningConfigKind::V1, true).await;
    stage.sign(&["blob", "blob", "--bundle", "good.json"]);
    let bundle = std::fs::read(stage.file("good.json")).unwrap();
    (stage, serde_json::from_slice(&bundle).unwrap())
}

/// Attack: `exit_panic`. gitsign ended with 0 when it panicked, and rekor went down.
#[tokio::test(flavor = "multi_thread")]
async fn emptied_and_malformed_parts_of_a_bundle_are_refused_and_never_a_panic() {
    let (stage, good) = signed().await;
    let verify = |bundle: &Value| {
        std::fs::write(stage.file("bad.json"), bundle.to_string()).unwrap();
        stage.verify(&["blob", "blob", "--bundle", "bad.json"])
    };
    ok(&verify(&good));
    let intoto = "eyJraW5kIjoiaW50b3RvIiwiYXBpVmVyc2lvbiI6IjAuMC4yIiwic3BlYyI6bnVsbH0=";
    let entry = "/verificationMaterial/tlogEntries/0";
    let spoilt = [
        ("/messageSignature", Value::Null),
        ("/messageSignature", json!({})),
        ("/messageSignature/signature", json!("")),
        ("/verificationMaterial", Value::Null),
        ("/verificationMaterial/certificate", json!({})),
        ("/verificationMaterial/certificate/rawBytes", json!("")),
        ("/verificationMaterial/certificate/rawBytes", json!("MAA=")),
        ("/verificationMaterial/tlogEntries", json!([])),
        ("/verificationMaterial/tlogEntries", json!([null])),
        ("/verificationMaterial/tlogEntries", json!([{}])),
        (&format!("{entry}/canonicalizedBody"), json!("")),
        (&format!("{entry}/canonicalizedBody"), json!(intoto)),
        (&format!("{entry}/inclusionProof/hashes"), json!([""])),
        (&format!("{entry}/inclusionProof/treeSize"), json!("-1")),
        (
            &format!("{entry}/inclusionProof/checkpoint"),
            json!({"envelope": ""}),
        ),
        (&format!("{entry}/logIndex"), json!("18446744073709551615")),
        (
            "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp",
            json!("MAA="),
        ),
    ];
    let mut wrong = Vec::new();
    for (place, value) in spoilt {
        let mut bad = good.clone();
        let part = bad.pointer_mut(place);
        *part.unwrap_or_else(|| panic!("no {place}")) = value.clone();
        let output = verify(&bad);
        if code(&output) != 1 {
            wrong.push(format!("{place} = {value}: {}", peers::text(&output)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut chain = good.clone();
    let material = chain["verificationMaterial"].as_object_mut().unwrap();
    material.remove("certificate");
    material.insert("x509CertificateChain".into(), json!({"certificates": []}));
    assert_eq!(code(&verify(&chain)), 1);
    for whole in [json!(null), json!([]), json!({}), json!("x"), json!(0)] {
        assert_eq!(code(&verify(&whole)), 1, "{whole}");
    }
}

/// Attack: `exit_same_for_all_formats`. cosign's codes 10 and 12 hold for its older format alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_fault_ends_the_same_in_the_older_and_the_newer_format() {
    let Some(cosign) = peers::find("bin/cosign") else {
        return;
    };
    let mut answers = Vec::new();
    for legacy in [false, true] {
        let stage = Stage::new(SigningConfigKind::V1, true).await;
        let sign = ["sign", &stage.image];
        let verify = |who: &[&str]| stage.verify_as(&["image", &stage.image, "--no-cache"], who);
        let (signer, evil) = (san(), "https://evil.test/x");
        let (signer, evil) = (keyless(&signer), keyless(evil));
        let mut codes = vec![("not signed", code(&verify(&signer)))];
        if legacy {
            let token = ["--identity-token", "token"];
            ok(&stage.cosign_sign_legacy(&cosign, &sign, &token));
        } else {
            stage.cosign_sign(&cosign, &sign);
        }
        codes.push(("signed", code(&verify(&signer))));
        codes.push(("by another", code(&verify(&evil))));
        for fault in [
            "registry-500",
            "registry-401",
            "registry-wrong-blob",
            "registry-wrong-bytes",
        ] {
            stage.lab.set_faults_text(fault).unwrap();
            codes.push((fault, code(&verify(&signer))));
        }
        stage.lab.set_faults_text("").unwrap();
        // Another lab's root: whatever was signed, it was not signed there.
        let other = Stage::new(SigningConfigKind::V1, true).await;
        let root = other.file("trusted_root.json");
        std::fs::copy(root, stage.file("trusted_root.json")).unwrap();
        codes.push(("another root", code(&verify(&signer))));
        answers.push(codes);
    }
    let wanted = [
        ("not signed", 1),
        ("signed", 0),
        ("by another", 1),
        ("registry-500", 3),
        ("registry-401", 3),
        ("registry-wrong-blob", 3),
        ("registry-wrong-bytes", 3),
        ("another root", 1),
    ];
    assert_eq!(answers[0], wanted, "the newer format");
    assert_eq!(answers[1], wanted, "the older format");
}

/// Nothing that moves a cursor, hides text or turns it around.
fn harmless(output: &Output) {
    let text = peers::text(output);
    let hostile = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(hostile), "{text:?}");
}

/// Attack: `out_terminal_escape`. gh printed what an attestation said as it was.
#[tokio::test(flavor = "multi_thread")]
async fn what_others_wrote_never_reaches_a_terminal_unescaped() {
    const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\rverified\u{202e}\u{2066}\u{8}";
    let (stage, good) = signed().await;
    // Names and types that whoever pushes an attachment may choose.
    let client = Client::new(ClientOptions::default());
    let image = stage.image.parse().unwrap();
    let subject = client.manifest(&image).await.unwrap();
    let subject = palisade_types::Descriptor::of(
        "application/vnd.oci.image.manifest.v1+json",
        &subject.bytes,
    );
    for (bytes, predicate_type) in [
        (good.to_string(), HOSTILE),
        (
            format!("{{\"mediaType\": {}}}", json!(HOSTILE)),
            "https://a.test",
        ),
    ] {
        let attached = Attachment::sigstore_bundle(
            bytes.into_bytes(),
            predicate_type,
            "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap(),
        );
        client.attach(&image, &subject, &attached).await.unwrap();
    }
    // A signer whose name in the certificate is hostile.
    let workflow = GithubIdentity {
        git_ref: format!("refs/heads/{HOSTILE}"),
        ..GithubIdentity::default()
    };
    std::fs::write(stage.file("token"), stage.lab.github_token(&workflow)).unwrap();
    let evil = ["--identity-token", "token"];
    let signed = stage.sign_as(&["blob", "blob", "--bundle", "evil.json"], &evil);
    harmless(&signed);
    let mut seen = String::new();
    for format in ["text", "json"] {
        for what in [
            &["tree", &stage.image][..],
            &["image", &stage.image],
            &["image", &format!("localhost/{HOSTILE}")],
            &["blob", "blob", "--bundle", "evil.json"],
            &["blob", "blob", "--bundle", HOSTILE],
            &["blob", HOSTILE, "--bundle", "good.json"],
        ] {
            let output = stage.verify(&[what, &["--format", format]].concat());
            harmless(&output);
            seen += &peers::text(&output);
        }
    }
    // It was shown, that is, and not just left out.
    assert!(seen.contains("owned"), "{seen}");
}

/// Attack: `out_token_not_printed`. cosign prints a token that it cannot use.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_used_is_described_and_never_printed() {
    let stage = Stage::new(SigningConfigKind::V2, true).await;
    let good = std::fs::read_to_string(stage.file("token")).unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("a JWT has three parts")
    };
    let backwards: String = signature.chars().rev().collect();
    // Forged, cut short, with a part too many, and of an algorithm that cosign takes for a path.
    let es256 = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9";
    for token in [
        format!("{header}.{claims}.{backwards}"),
        format!("{header}.{claims}"),
        format!("{header}.{claims}.{signature}.{signature}"),
        format!("{es256}.{claims}.{signature}"),
    ] {
        std::fs::write(stage.file("unusable"), &token).unwrap();
        for given in [token.as_str(), "unusable"] {
            let what = ["blob", "blob", "--bundle", "out.json"];
            let output = stage.sign_as(&what, &["--identity-token", given]);
            assert!(matches!(code(&output), 1..=3), "{}", peers::text(&output));
            // Long lines are broken to fit a terminal; a token would be, too.
            let said: String = peers::text(&output).split([' ', '\n', '│']).collect();
            for part in [claims, signature, &backwards] {
                assert!(!said.contains(&part[..20]), "{said}");
            }
            assert!(!stage.file("out.json").exists());
        }
    }
}

/// Every file under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// Attack: `out_no_secrets`. grype wrote the registry's password into its report.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_in_no_answer_no_message_and_no_file() {
    let stage = Stage::with_login("dev", "pa55word-of-the-registry").await;
    let key = ["--key", "cosign.key"];
    let token = std::fs::read_to_string(stage.file("token")).unwrap();
    ok(&stage.palisade(&["sign", "key", "generate"]));
    let before = files(stage.path());
    let image = stage.image.clone();
    let mut said = String::new();
    let mut say = |output: Output| said += &peers::text(&output);
    for format in ["text", "json"] {
        let format = ["--format", format];
        for who in [&["--identity-token", "token"][..], &key] {
            say(stage.sign_as(&[&["image", &image][..], &format].concat(), who));
            say(stage.sign_as(
                &[&["blob", "blob", "--bundle", "out.json"][..], &format].concat(),
                who,
            ));
            say(stage.sign_as(&["image", "localhost:1/a/b:c"], who));
        }
        say(stage.verify(&[&["image", &image][..], &format].concat()));
        say(stage.verify(&[&["tree", &image][..], &format].concat()));
        say(stage.verify(&["image", "localhost:1/a/b:c"]));
    }
    for fault in ["registry-401", "registry-500", "fulcio-500", "rekor-500"] {
        stage.lab.set_faults_text(fault).ok();
        say(stage.sign_as(&["image", &image], &["--identity-token", "token"]));
        say(stage.verify(&["image", &image]));
    }
    stage.lab.set_faults_text("").unwrap();
    assert!(said.contains("signed"), "{said}");
    let flat: String = said.split([' ', '\n', '│']).collect();
    let secrets = [
        "pa55word-of-the-registry",
        // As it goes over the wire.
        "ZGV2OnBhNTV3b3JkLW9mLXRoZS1yZWdpc3RyeQ",
        "passphrase-of-the-key",
        token.rsplit('.').next().unwrap(),
    ];
    for secret in secrets {
        assert!(!flat.contains(secret), "{said}");
        for file in files(stage.path()) {
            if !before.contains(&file) {
                let bytes = std::fs::read(&file).unwrap();
                let found = bytes
                    .windows(secret.len())
                    .any(|part| part == secret.as_bytes());
                assert!(!found, "{} holds {secret}", file.display());
            }
        }
    }
}

/// Attack: `out_near_miss`. cosign answers a missing bundle with advice about its formats.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_check_what_it_wanted_and_what_it_got() {
    let (stage, good) = signed().await;
    let verify = |bundle: &Value, who: &[&str]| {
        std::fs::write(stage.file("bad.json"), bundle.to_string()).unwrap();
        let what = ["blob", "blob", "--bundle", "bad.json"];
        peers::text(&stage.verify_as(&what, who))
    };
    let signer = san();
    let signer = keyless(&signer);
    let named = |said: &str, words: &[&str]| {
        for word in words {
            assert!(said.contains(word), "no `{word}` in {said}");
        }
        assert!(
            !said.contains("[4") && !said.contains("trusted-root only"),
            "{said}"
        );
    };
    let entry = "/verificationMaterial/tlogEntries/0";
    let mut bad = good.clone();
    let hashes = bad
        .pointer_mut(&format!("{entry}/inclusionProof/hashes"))
        .unwrap();
    hashes
        .as_array_mut()
        .unwrap()
        .push(json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    named(&verify(&bad, &signer), &["inclusion-proof"]);
    let mut bad = good.clone();
    bad["surprise"] = json!(1);
    let said = verify(&bad, &signer);
    assert!(
        said.contains("verified sha256:") || said.contains("surprise"),
        "{said}"
    );
    let evil = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/mian";
    named(
        &verify(&good, &keyless(evil)),
        &["refs/heads/mian", "refs/heads/main"],
    );
    let missing = stage.verify(&["blob", "blob", "--bundle", "nowhere.json"]);
    assert_eq!(code(&missing), 2);
    named(&peers::text(&missing), &["nowhere.json", "help"]);
    let other = stage.verify(&["blob", "other-blob", "--bundle", "good.json"]);
    assert_eq!(code(&other), 1);
    named(&peers::text(&other), &["signature"]);
}
