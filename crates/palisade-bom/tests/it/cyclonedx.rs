//! The official CycloneDX files.

use palisade_bom::formats::cyclonedx::{READ, read, write};
use serde_json::Value;

use crate::data::{files, folder};

fn lossless(name: &str, bytes: &[u8]) {
    let bom = read(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    let theirs: Value = serde_json::from_slice(bytes).unwrap();
    let ours = write(&bom, &bom.spec.as_ref().unwrap().version);
    assert_eq!(ours, theirs, "{name}");
}

#[test]
fn every_valid_document_is_read_and_written_again_without_loss() {
    let Some(folder) = folder("every_valid_document", "cyclonedx") else {
        return;
    };
    let mut count = 0;
    for version in READ {
        for (name, bytes) in files(&folder.join(version), "valid-", ".json") {
            lossless(&name, &bytes);
            count += 1;
        }
    }
    assert!(count >= 130, "only {count} documents");
}

#[test]
fn every_example_is_read_and_written_again_without_loss() {
    let Some(folder) = folder("every_example", "cyclonedx/examples") else {
        return;
    };
    let all = files(&folder, "", ".json");
    assert_eq!(all.len(), 21);
    for (name, bytes) in all {
        lossless(&name, &bytes);
    }
}

#[test]
fn an_invalid_document_is_read_without_loss_or_refused_and_never_a_panic() {
    let Some(folder) = folder("an_invalid_document", "cyclonedx") else {
        return;
    };
    let mut refused = Vec::new();
    for version in READ {
        for (name, bytes) in files(&folder.join(version), "invalid-", ".json") {
            match read(&bytes) {
                Ok(_) => lossless(&name, &bytes),
                Err(_) => refused.push(name),
            }
        }
    }
    let wrong_format = |name: &String| name.starts_with("invalid-bomformat");
    assert!(refused.iter().all(wrong_format), "{refused:?}");
    assert_eq!(refused.len(), 4, "{refused:?}");
}
