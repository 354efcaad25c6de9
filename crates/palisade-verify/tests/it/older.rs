//! What real cosign attached and wrote before bundles, as recorded in `fixtures/cosign-legacy`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use palisade_types::Digest;
use serde_json::{Value, json};

use crate::program::{Run, fixture, verify, verify_in};
use crate::registry::{Registry, Setup};

const IMAGE: &str = "sha256:e434d3f76548656a5931380bb985bc167147067c8c5dc4bfda9b27f845bd1dc6";
const IDENTITY: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";

fn recorded(name: &str) -> PathBuf {
    fixture("../cosign-legacy").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(recorded(name)).unwrap()
}

fn text(name: &str) -> String {
    recorded(name).to_str().unwrap().to_owned()
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

type Answers = BTreeMap<&'static str, (u16, Vec<u8>)>;

/// The manifest under its digest, its layers, and the image.
fn answers(manifest: &[u8]) -> Answers {
    let parsed: Value = serde_json::from_slice(manifest).unwrap();
    let mut answers = Answers::from([
        (
            leak(format!("manifests/{}", Digest::sha256_of(manifest))),
            (200, manifest.to_vec()),
        ),
        (
            leak(format!("manifests/{IMAGE}")),
            (200, read("image.json")),
        ),
    ]);
    for layer in parsed["layers"].as_array().unwrap() {
        let digest = layer["digest"].as_str().unwrap();
        let name = format!("blobs/{}", digest.strip_prefix("sha256:").unwrap());
        // What is not recorded, the test itself adds.
        let Ok(bytes) = std::fs::read(recorded(&name)) else {
            continue;
        };
        answers.insert(leak(format!("blobs/{digest}")), (200, bytes));
    }
    answers
}

/// A registry in which this stands under an older tag.
fn tagged(suffix: &str, manifest: &[u8]) -> Registry {
    let mut instead = answers(manifest);
    let tag = format!("{}.{suffix}", IMAGE.replace(':', "-"));
    instead.insert(leak(format!("manifests/{tag}")), (200, manifest.to_vec()));
    Registry::start(Setup {
        api: true,
        instead,
        ..Setup::default()
    })
}

/// A registry that lists this as attached.
fn listed(manifest: &[u8]) -> Registry {
    listed_with(manifest, Answers::new())
}

fn listed_with(manifest: &[u8], more: Answers) -> Registry {
    let mut instead = answers(manifest);
    instead.extend(more);
    let list = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": Digest::sha256_of(manifest).to_string(),
            "size": manifest.len(),
            "artifactType": "application/vnd.dev.cosign.artifact.sig.v1+json",
        }],
    });
    instead.insert(
        leak(format!("referrers/{IMAGE}")),
        (200, list.to_string().into_bytes()),
    );
    Registry::start(Setup {
        api: true,
        instead,
        ..Setup::default()
    })
}

fn run(identity: &str, args: &[&str]) -> Run {
    let root = text("trusted_root.json");
    let who = [
        "--certificate-identity",
        identity,
        "--certificate-oidc-issuer",
        "https://token.actions.githubusercontent.com",
        "--trusted-root",
        &root,
        "--allow-lab",
        "--format",
        "json",
    ];
    verify(args.iter().chain(&who))
}

fn image(registry: &Registry) -> String {
    format!("{}/demo/app@{IMAGE}", registry.host)
}

/// The same manifest with one character of this annotation of its first layer changed.
fn damaged(manifest: &[u8], annotation: &str) -> Vec<u8> {
    let mut manifest: Value = serde_json::from_slice(manifest).unwrap();
    let value = &mut manifest["layers"][0]["annotations"][annotation];
    let text = value.as_str().unwrap();
    let at = text
        .find("SignedEntryTimestamp\":\"")
        .map_or(20, |at| at + 43);
    let other = if text.as_bytes()[at] == b'A' {
        "B"
    } else {
        "A"
    };
    *value = format!("{}{other}{}", &text[..at], &text[at + 1..]).into();
    manifest.to_string().into_bytes()
}

#[test]
fn an_attestation_tag_of_real_cosign_is_verified_and_each_twin_is_not() {
    let att = read("att.json");
    let registry = tagged("att", &att);
    let image_ = image(&registry);
    let ask = |identity: &str, name: &str| run(identity, &["attestation", &image_, "--type", name]);
    let good = ask(IDENTITY, "slsaprovenance1");
    assert_eq!(good.code, 0, "{good:?}");
    let proven = &good.json()["answers"][0]["verified"][0];
    assert_eq!(proven["form"], "cosign-att");
    assert_eq!(proven["matched"]["digest"], IMAGE);
    assert_eq!(
        proven["statement"]["_type"],
        "https://in-toto.io/Statement/v0.1"
    );
    assert_eq!(ask("somebody@else.test", "slsaprovenance1").code, 1);
    assert_eq!(ask(IDENTITY, "cyclonedx").code, 1);
    // Another log promise, and another certificate.
    for annotation in [
        "dev.sigstore.cosign/bundle",
        "dev.sigstore.cosign/certificate",
    ] {
        let registry = tagged("att", &damaged(&att, annotation));
        let args = [
            "attestation",
            &image(&registry),
            "--type",
            "slsaprovenance1",
        ];
        let bad = run(IDENTITY, &args);
        assert_eq!(bad.code, 1, "{annotation}: {bad:?}");
        assert_eq!(
            bad.json()["answers"][0]["refused"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }
    // An attestation is no signature, in whichever tag somebody puts it.
    let registry = tagged("sig", &att);
    assert_eq!(run(IDENTITY, &["image", &image(&registry)]).code, 1);
}

#[test]
fn a_signature_tag_and_the_experimental_referrer_of_real_cosign_are_signatures() {
    for registry in [
        tagged("sig", &read("sig.json")),
        listed(&read("oci11-sig.json")),
    ] {
        let good = run(IDENTITY, &["image", &image(&registry)]);
        assert_eq!(good.code, 0, "{good:?}");
        assert_eq!(
            good.json()["answers"][0]["verified"][0]["form"],
            "cosign-sig"
        );
        assert_eq!(run("a@b.test", &["image", &image(&registry)]).code, 1);
        // A signature says nothing of any type.
        let args = [
            "attestation",
            &image(&registry),
            "--type",
            "slsaprovenance1",
        ];
        assert_eq!(run(IDENTITY, &args).code, 1);
    }
}

/// A bundle with the very bytes that the older signature converts to is no signature of an image;
/// attached beside it, it must not stand for it.
#[test]
fn a_copy_of_a_signature_in_another_form_does_not_hide_it() {
    let mut manifest: Value = serde_json::from_slice(&read("oci11-sig.json")).unwrap();
    // One of its signatures; the others would be an answer too.
    manifest["layers"].as_array_mut().unwrap().truncate(1);
    let layer = &manifest["layers"][0];
    let digest = layer["digest"]
        .as_str()
        .unwrap()
        .replace("sha256:", "blobs/");
    let annotations = serde_json::from_value(layer["annotations"].clone()).unwrap();
    let copy = palisade_attest::legacy::signature_bundle(&read(&digest), &annotations).unwrap();
    let copy = copy.bytes().to_vec();
    let digest = Digest::sha256_of(&copy);
    let entry = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "size": copy.len(),
        "digest": digest.to_string(),
    });
    manifest["layers"].as_array_mut().unwrap().push(entry);
    let more = Answers::from([(leak(format!("blobs/{digest}")), (200, copy))]);
    let registry = listed_with(manifest.to_string().as_bytes(), more);
    let run = run(IDENTITY, &["image", &image(&registry)]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(
        run.json()["answers"][0]["other"].as_array().unwrap().len(),
        1
    );
}

#[test]
fn an_experimental_referrer_of_another_image_is_no_signature_of_this_one() {
    let mut manifest: Value = serde_json::from_slice(&read("oci11-sig.json")).unwrap();
    manifest["subject"]["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
    let registry = listed(manifest.to_string().as_bytes());
    assert_eq!(run(IDENTITY, &["image", &image(&registry)]).code, 1);
}

#[test]
fn cosign_repository_names_where_signatures_are_and_the_flag_goes_before_it() {
    let signatures = tagged("sig", &read("sig.json"));
    let here = format!("{}/demo/app", signatures.host);
    let elsewhere = format!("localhost:1/acme/app@{IMAGE}");
    let root = text("trusted_root.json");
    let ask = |repository: &str, more: &[&str]| {
        let fixed = [
            "image",
            &elsewhere,
            "--certificate-identity",
            IDENTITY,
            "--certificate-oidc-issuer",
            "https://token.actions.githubusercontent.com",
            "--trusted-root",
            &root,
            "--allow-lab",
        ];
        let args = fixed.iter().chain(more);
        verify_in(args, &[("COSIGN_REPOSITORY", repository)], "")
    };
    let run = ask(&here, &[]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(ask("", &[]).code, 3);
    assert_eq!(
        ask("localhost:1/none", &["--signature-repository", &here]).code,
        0
    );
    assert_eq!(
        ask(&here, &["--signature-repository", "localhost:1/none"]).code,
        3
    );
    let run = ask(&format!("{here}:tag"), &[]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.talk().contains("COSIGN_REPOSITORY"), "{}", run.err);
}

fn blob(file: &str, bundle: &str, who: &[&str]) -> Run {
    let root = text("trusted_root.json");
    let fixed = [
        "blob",
        file,
        "--bundle",
        bundle,
        "--trusted-root",
        &root,
        "--allow-lab",
    ];
    verify(fixed.iter().chain(who).chain(&["--format", "json"]))
}

const KEYLESS: [&str; 4] = [
    "--certificate-identity",
    IDENTITY,
    "--certificate-oidc-issuer",
    "https://token.actions.githubusercontent.com",
];

#[test]
fn a_blob_bundle_of_an_older_cosign_is_verified_and_its_twins_are_not() {
    let (file, bundle) = (text("blob"), text("blob-keyless.json"));
    let good = blob(&file, &bundle, &KEYLESS);
    assert_eq!(good.code, 0, "{good:?}");
    assert_eq!(
        good.json()["answers"][0]["verified"][0]["form"],
        "cosign-blob"
    );
    assert_eq!(blob(&text("image.json"), &bundle, &KEYLESS).code, 1);
    let other = ["--certificate-identity", "a@b.test", KEYLESS[2], KEYLESS[3]];
    assert_eq!(blob(&file, &bundle, &other).code, 1);
    let cosign_pub = text("cosign.pub");
    let keyed = blob(&file, &text("blob-key.json"), &["--key", &cosign_pub]);
    assert_eq!(keyed.code, 0, "{keyed:?}");
    let keyed = blob(
        &text("image.json"),
        &text("blob-key.json"),
        &["--key", &cosign_pub],
    );
    assert_eq!(keyed.code, 1, "{keyed:?}");
}

/// Attack: `bind_legacy_cert_is_key`. Real cosign printed `Verified OK` for the key in the bundle.
#[test]
fn a_key_in_a_blob_bundle_is_no_certificate_and_never_outranks_the_key_that_is_given() {
    let (file, bundle) = (text("blob"), text("blob-key.json"));
    let run = blob(&file, &bundle, &KEYLESS);
    assert_eq!(run.code, 1, "{run:?}");
    let refused = &run.json()["answers"][0]["refused"][0];
    assert!(
        refused["detail"].as_str().unwrap().contains("`cert`"),
        "{refused}"
    );
    let given = ["--key", "keyed/ecdsa-p256.pub"];
    assert_eq!(blob(&file, &bundle, &given).code, 1);
    let unlogged = ["--key", "keyed/ecdsa-p256.pub", "--insecure-ignore-tlog"];
    assert_eq!(blob(&file, &bundle, &unlogged).code, 1);
}
