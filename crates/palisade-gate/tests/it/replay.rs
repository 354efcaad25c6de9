//! The same inputs give the same bytes, in the form the schema says.

use palisade_lab::{Fault, Request};
use palisade_oci::layout::{Content, ImageConfig, LayerFile, LayoutWriter};
use palisade_oci::push_layout;
use palisade_types::{PinnedRef, Repository, Timestamp};
use std::collections::BTreeMap;

use crate::stage::Stage;

fn evidence_folder(stage: &Stage) {
    let dir = stage.path("evidence");
    std::fs::create_dir(&dir).unwrap();
    for (number, bundle) in stage.all_good(stage.image.digest()).iter().enumerate() {
        std::fs::write(dir.join(format!("{number}.json")), bundle.bytes()).unwrap();
    }
}

#[test]
fn a_folder_replays_to_the_same_bytes_and_another_time_does_not() {
    let stage = Stage::new();
    evidence_folder(&stage);
    let now = Timestamp::now().to_string();
    let at = |time: &str| {
        let args = [
            "--evidence",
            "evidence",
            "--format",
            "json",
            "--current-time",
            time,
        ];
        stage.judge(&args)
    };
    let (first, second) = (at(&now), at(&now));
    assert_eq!((first.code, &first.out), (0, &second.out));
    assert_eq!(
        at("2030-01-01T00:00:00Z").open().len(),
        2,
        "the scan is too old by then"
    );
    let before = at("2020-01-01T00:00:00Z");
    assert_eq!(before.code, 1, "nothing was signed yet");
}

#[test]
fn every_answer_fits_the_schema() {
    let stage = Stage::new();
    let schema = palisade_gate::output::schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let fits = |args: &[&str], code: i32| {
        let said = stage.judge(args);
        assert_eq!(said.code, code, "{said:?}");
        let json = said.json();
        let errors: Vec<String> = validator
            .iter_errors(&json)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        json
    };
    fits(&["--format", "json"], 1);
    stage
        .lab
        .set_faults(&[palisade_lab::Fault::Registry403Referrers]);
    fits(&["--format", "json"], 3);
    stage.lab.set_faults(&[]);
    evidence_folder(&stage);
    let mut json = fits(&["--evidence", "evidence", "--format", "json"], 0);
    json["relaxations"] = serde_json::json!(["insecure-registry=localhost:5000", "moved-clock"]);
    assert!(validator.is_valid(&json), "every relaxation is in it");
    json["relaxations"] = serde_json::json!(["insecure-registry="]);
    assert!(!validator.is_valid(&json), "and no other");
    json["relaxations"] = serde_json::json!([]);
    assert!(validator.is_valid(&json));
    json["decision"] = "maybe".into();
    assert!(!validator.is_valid(&json), "and the schema can say no");
}

/// An index of two platforms on the lab's registry.
fn push_index(stage: &Stage) -> PinnedRef {
    let dir = stage.path("layout");
    let mut writer = LayoutWriter::create(&dir, Timestamp::UNIX_EPOCH).unwrap();
    let images = ["linux/amd64", "linux/arm64"].map(|platform| {
        let file = LayerFile {
            path: "app".to_owned(),
            content: Content::Bytes(platform.as_bytes().to_vec()),
            mode: 0o755,
        };
        let layer = writer.add_layer_from_files(&[file], "test").unwrap();
        let config = ImageConfig {
            platform: platform.parse().unwrap(),
            entrypoint: vec!["/app".to_owned()],
            cmd: Vec::new(),
            env: Vec::new(),
            user: String::new(),
            working_dir: String::new(),
            labels: BTreeMap::new(),
        };
        writer.add_image(&config, &[layer]).unwrap()
    });
    let index = writer.add_index(&images).unwrap();
    writer.finish(&index, Some("2.0")).unwrap();
    let repository: Repository = format!("{}/acme/multi", stage.lab.registry())
        .parse()
        .unwrap();
    stage
        .runtime
        .block_on(push_layout(
            &stage.client,
            &dir,
            &repository,
            Some("2.0"),
            None,
        ))
        .unwrap()
}

#[test]
fn an_index_needs_every_leaf_or_itself_and_gets_a_summary_for_each() {
    let stage = Stage::new();
    let index = push_index(&stage);
    let frozen = stage.runtime.block_on(stage.client.freeze(&index)).unwrap();
    let leaf = |position: usize| index.sibling(frozen.leaves[position].manifest.clone());
    for bundle in stage.all_good(leaf(0).digest()) {
        stage.attach(&leaf(0), &bundle);
    }
    let said = stage.gate(&index.to_string(), &["--no-sign"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out.contains("for linux/arm64 of the image"),
        "{said:?}"
    );
    for bundle in stage.all_good(leaf(1).digest()) {
        stage.attach(&leaf(1), &bundle);
    }
    let by_tag = format!("{}:2.0", index.repository());
    stage.lab.clear_requests();
    let said = stage.gate(&by_tag, &[Stage::SIGN, &["--vsa", "vsa.jsonl"]].concat());
    let requests = stage.lab.requests();
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("tag 2.0 resolved once"), "{said:?}");
    assert_eq!(
        stage.read("vsa.jsonl").lines().count(),
        3,
        "the index and its two leaves"
    );
    let written_at = [index.clone(), leaf(0), leaf(1)].map(|image| {
        let summaries = summaries(&stage, &image);
        assert_eq!(summaries.len(), 1, "{image}");
        let is_write = |r: &Request| r.method == "PUT" && r.path.ends_with(&summaries[0]);
        requests.iter().position(is_write).unwrap()
    });
    let of_the_index = written_at[0];
    assert!(
        written_at[1..].iter().all(|leaf| *leaf < of_the_index),
        "what releases the image comes last: {written_at:?}"
    );
}

/// The manifests of the summaries that are attached to an image.
fn summaries(stage: &Stage, image: &PinnedRef) -> Vec<String> {
    let found = stage.runtime.block_on(stage.client.bundles(image)).unwrap();
    let summaries = found.bundles.iter().filter(|found| {
        found.predicate_hint.as_deref() == Some("https://slsa.dev/verification_summary/v1")
    });
    summaries.map(|found| found.manifest.to_string()).collect()
}

#[test]
fn nothing_is_attached_when_the_file_cannot_be_written() {
    let stage = Stage::new();
    stage.attach_all_good();
    let image = stage.image.to_string();
    let said = stage.gate(
        &image,
        &[Stage::SIGN, &["--vsa", "nowhere/vsa.jsonl"]].concat(),
    );
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("gate::write"), "{said:?}");
    assert!(summaries(&stage, &stage.image).is_empty());
    let said = stage.gate(&image, &[Stage::SIGN, &["--vsa", "vsa.jsonl"]].concat());
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(summaries(&stage, &stage.image).len(), 1);
}

#[test]
fn no_file_is_left_when_nothing_can_be_attached() {
    let stage = Stage::new();
    std::fs::create_dir(stage.path("out")).unwrap();
    evidence_folder(&stage);
    let args = ["--evidence", "evidence", "--vsa", "out/vsa.jsonl"];
    let args = [Stage::SIGN, &args].concat();
    let image = stage.image.to_string();
    let files = || std::fs::read_dir(stage.path("out")).unwrap().count();
    stage
        .lab
        .set_faults(&[Fault::RegistryLostWrite, Fault::Registry403Referrers]);
    let said = stage.gate(&image, &args);
    assert_ne!(said.code, 0, "{said:?}");
    assert!(said.err.contains("gate::attach"), "{said:?}");
    assert_eq!(files(), 0);
    stage.lab.set_faults(&[]);
    assert_eq!(stage.gate(&image, &args).code, 0);
    assert_eq!(files(), 1);
}

#[test]
fn a_layout_and_a_folder_are_judged_without_a_request() {
    let stage = Stage::new();
    push_index(&stage);
    stage.lab.clear_requests();
    let said = stage.gate("oci:layout", &["--no-sign", "--offline"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("gate::no_evidence_source"), "{said:?}");
    std::fs::create_dir(stage.path("evidence")).unwrap();
    let said = stage.gate(
        "oci:layout",
        &["--no-sign", "--offline", "--evidence", "evidence"],
    );
    assert_eq!(said.code, 1, "{said:?}");
    assert!(stage.lab.requests().is_empty());
}
