//! The official CycloneDX files.

use palisade_bom::formats::cyclonedx::{READ, WRITTEN, lowered, read, write};
use palisade_bom::model::{Family, Spec};
use palisade_bom::schema::Schema;
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

#[test]
fn the_schemas_tell_valid_from_invalid_documents() {
    let Some(folder) = folder("the_schemas", "cyclonedx") else {
        return;
    };
    let mut wrong = Vec::new();
    for version in READ {
        let spec = Spec {
            family: Family::CycloneDx,
            version: (*version).to_owned(),
        };
        let schema = Schema::of(&spec).unwrap();
        for (name, bytes) in files(&folder.join(version), "", ".json") {
            let document = serde_json::from_slice(&bytes).unwrap();
            let faults = schema.faults(&document);
            if name.starts_with("valid-") != faults.is_empty() {
                wrong.push(format!("{name}: {faults:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_cyclonedx_crate_reads_what_we_write_and_finds_as_many_components() {
    let Some(folder) = folder("the_cyclonedx_crate", "cyclonedx") else {
        return;
    };
    let mut compared = 0;
    for version in ["1.3", "1.4", "1.5"] {
        for (name, bytes) in files(&folder.join(version), "valid-", ".json") {
            let bom = read(&bytes).unwrap();
            let ours = write(&bom, version).to_string();
            let theirs = cyclonedx_bom::prelude::Bom::parse_from_json(ours.as_bytes())
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            // They keep nested components inside their parents, and the subject in the metadata.
            let top_level = bom
                .components
                .iter()
                .filter(|one| one.parent.is_none() && !bom.subjects.contains(&one.id));
            let theirs = theirs.components.map_or(0, |components| components.0.len());
            assert_eq!(top_level.count(), theirs, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 50, "only {compared} documents");
}

#[test]
fn every_version_is_written_as_every_older_one_and_what_is_lost_is_listed() {
    let Some(folder) = folder("every_version", "cyclonedx") else {
        return;
    };
    let mut refused = Vec::new();
    for version in ["1.5", "1.6", "1.7"] {
        for (name, bytes) in files(&folder.join(version), "valid-", ".json") {
            let bom = read(&bytes).unwrap();
            for target in WRITTEN.iter().filter(|target| **target <= version) {
                match lowered(&bom, target) {
                    Ok((document, lost)) => {
                        let again = read(document.to_string().as_bytes()).unwrap();
                        assert_eq!(
                            again.components.len(),
                            bom.components.len(),
                            "{name} {target}"
                        );
                        assert!(*target < version || lost.is_empty(), "{name}: {lost:?}");
                    }
                    Err(error) => refused.push(format!("{name} as {target}: {error}")),
                }
            }
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}
