//! `palisade verify image --recursive`: the index and each image it lists.

use std::collections::BTreeMap;

use palisade_types::Digest;
use serde_json::{Value, json};

use crate::program::{Run, verify_recorded};
use crate::registry::{IMAGE, Registry, SIGNATURE, Setup, blob};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// What a registry holds besides the recorded image.
#[derive(Default)]
struct Content(BTreeMap<&'static str, (u16, Vec<u8>)>);

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

impl Content {
    /// Stores a document and returns its entry for an index.
    fn add(&mut self, document: &Value, platform: &str) -> Value {
        let bytes = document.to_string().into_bytes();
        let digest = Digest::sha256_of(&bytes);
        let entry = entry(document["mediaType"].as_str().unwrap(), &bytes, platform);
        self.0
            .insert(leak(format!("manifests/{digest}")), (200, bytes));
        // Nothing is attached to it.
        let none = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []});
        let none = none.to_string().into_bytes();
        self.0
            .insert(leak(format!("referrers/{digest}")), (200, none));
        entry
    }

    /// Stores an index of these and verifies it with all its images.
    fn verify(mut self, entries: &[Value], more: &[&str]) -> Run {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        let entry = self.add(&index, "");
        let registry = Registry::start(Setup {
            attached: vec![SIGNATURE],
            api: true,
            instead: self.0,
            ..Setup::default()
        });
        let image = format!(
            "{}/demo/app@{}",
            registry.host,
            entry["digest"].as_str().unwrap()
        );
        verify_recorded(&[&["image", &image, "--recursive"], more].concat())
    }
}

fn entry(media_type: &str, bytes: &[u8], platform: &str) -> Value {
    let mut entry = json!({
        "mediaType": media_type,
        "size": bytes.len(),
        "digest": Digest::sha256_of(bytes).to_string(),
    });
    if let Some((os, architecture)) = platform.split_once('/') {
        entry["platform"] = json!({"os": os, "architecture": architecture});
    }
    entry
}

/// The recorded image, which is signed.
fn signed() -> Value {
    entry(MANIFEST, &blob(IMAGE).unwrap(), "linux/amd64")
}

/// A manifest with one layer of this type; `name` makes it another one.
fn manifest(layer: &str, name: &str) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "size": 2,
            "digest": Digest::sha256_of(b"{}").to_string(),
        },
        "layers": [{
            "mediaType": layer,
            "size": 2,
            "digest": Digest::sha256_of(b"{}").to_string(),
            "annotations": {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"},
        }],
        "annotations": {"name": name},
    })
}

fn calls_itself_statements(mut entry: Value) -> Value {
    entry["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": IMAGE,
    });
    entry
}

fn results(run: &Run) -> Vec<String> {
    let json = run.json();
    let answers = json["answers"].as_array().unwrap();
    let result = |answer: &Value| answer["result"].as_str().unwrap().to_owned();
    answers.iter().map(result).collect()
}

/// Attack: `reg_index_child`. A signature of a child is none of the index; each has its own answer.
#[test]
fn the_index_and_each_image_have_their_own_answer_and_the_worst_counts() {
    let mut content = Content::default();
    let other = content.add(&manifest(LAYER, "arm"), "linux/arm64");
    let run = content.verify(&[signed(), other], &["--format", "json"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(results(&run), ["rejected", "verified", "rejected"]);
    let json = run.json();
    assert_eq!(json["answers"][1]["platform"], "linux/amd64");
    assert!(
        json["answers"][1]["subject"]
            .as_str()
            .unwrap()
            .ends_with(IMAGE)
    );
    assert_eq!(json["answers"][2]["platform"], "linux/arm64");
    let index = json["answers"][0]["subject"].as_str().unwrap();
    for child in [1, 2] {
        let part_of = json["answers"][child]["part_of"].as_str().unwrap();
        assert!(index.ends_with(part_of), "{index}");
        assert_eq!(json["answers"][child]["given"], json["answers"][0]["given"]);
    }
}

#[test]
fn buildkit_s_statements_are_listed_in_both_layouts_and_are_no_images() {
    for new in [false, true] {
        let mut content = Content::default();
        let mut document = manifest(IN_TOTO, "statements");
        if new {
            document["artifactType"] = json!("application/vnd.docker.attestation.manifest.v1+json");
            document["subject"] = signed();
        }
        let mut entry = content.add(&document, "unknown/unknown");
        if !new {
            entry = calls_itself_statements(entry);
        }
        let run = content.verify(&[signed(), entry], &["--format", "json"]);
        assert_eq!(results(&run), ["rejected", "verified"], "new layout: {new}");
        let listed = &run.json()["answers"][0]["buildkit"][0];
        assert_eq!(listed["about"], IMAGE);
        assert_eq!(
            listed["predicate_types"][0],
            "https://slsa.dev/provenance/v1"
        );
    }
}

#[test]
fn an_image_that_calls_itself_buildkit_s_statements_is_judged_all_the_same() {
    for (platform, layer) in [
        // It has a file system, or a machine would choose it.
        ("unknown/unknown", LAYER),
        ("linux/amd64", IN_TOTO),
        ("", IN_TOTO),
    ] {
        let mut content = Content::default();
        let hidden = content.add(&manifest(layer, "hidden"), platform);
        let entries = [signed(), calls_itself_statements(hidden)];
        let run = content.verify(&entries, &["--format", "json"]);
        assert_eq!(run.code, 1, "{run:?}");
        assert_eq!(
            results(&run),
            ["rejected", "verified", "rejected"],
            "{platform} {layer}"
        );
    }
}

#[test]
fn images_in_an_index_in_an_index_are_judged_and_too_deep_a_nest_leaves_it_open() {
    let nest = |depth: usize| {
        let mut content = Content::default();
        let mut entry = signed();
        for _ in 0..depth {
            let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]});
            entry = content.add(&index, "");
        }
        content.verify(&[entry], &["--format", "json"])
    };
    let run = nest(2);
    assert_eq!(
        results(&run),
        ["rejected", "rejected", "rejected", "verified"]
    );
    let run = nest(9);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.talk().contains("more than the limit"), "{}", run.err);
}

#[test]
fn what_the_index_calls_by_another_type_than_it_is_leaves_its_answer_open() {
    let mut content = Content::default();
    let inner = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [signed()]});
    let mut entry = content.add(&inner, "linux/arm64");
    entry["mediaType"] = json!(MANIFEST);
    let run = content.verify(&[signed(), entry], &["--format", "json"]);
    assert_eq!(results(&run), ["rejected", "verified", "undecided"]);
}

#[test]
fn a_child_that_is_not_there_leaves_its_answer_open_and_hides_no_other() {
    let missing = entry(MANIFEST, b"missing", "linux/arm64");
    let run = Content::default().verify(&[missing, signed()], &["--format", "json"]);
    assert_eq!(results(&run), ["rejected", "undecided", "verified"]);
}

/// Attack: `exit_zero_legs`. An index that lists no image has nothing in it that somebody signed.
#[test]
fn an_index_without_an_image_is_never_fine() {
    let run = Content::default().verify(&[], &["--format", "json"]);
    assert_eq!(run.code, 1, "{run:?}");
    let mut content = Content::default();
    let statements = content.add(&manifest(IN_TOTO, "statements"), "unknown/unknown");
    // What it is about is not in the index, so it is judged as an image, and is none that is signed.
    let run = content.verify(
        &[calls_itself_statements(statements)],
        &["--format", "json"],
    );
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(results(&run), ["rejected", "rejected"]);
}
