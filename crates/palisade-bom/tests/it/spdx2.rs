//! The examples of the SPDX tools.

use std::fs;

use palisade_bom::formats::ReadError;
use palisade_bom::formats::spdx2::{read, write};
use palisade_bom::model::{Family, Spec};
use palisade_bom::schema::Schema;
use serde_json::Value;

use crate::data::{files, folder};

/// The document as JSON, whatever encoding it is in.
fn value(bytes: &[u8]) -> Value {
    match bytes {
        [0xff, 0xfe, rest @ ..] => {
            let units: Vec<_> = rest
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect();
            serde_json::from_str(&String::from_utf16(&units).unwrap()).unwrap()
        }
        _ => serde_json::from_slice(bytes).unwrap(),
    }
}

#[test]
fn every_example_is_read_and_written_again_without_loss() {
    let Some(folder) = folder("spdx2", "spdx") else {
        return;
    };
    let mut count = 0;
    for of in ["tools-java", "tools-python"] {
        for (name, bytes) in files(&folder.join(of), "", ".json") {
            if name.starts_with("SPDXWrongVersion") {
                assert!(
                    matches!(read(&bytes), Err(ReadError::Version { .. })),
                    "{name}"
                );
                continue;
            }
            let bom = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert!(!bom.components.is_empty(), "{name}");
            let ours = write(&bom, &bom.spec.as_ref().unwrap().version);
            assert_eq!(ours, value(&bytes), "{name}");
            count += 1;
        }
    }
    assert_eq!(count, 6);
}

#[test]
fn what_the_image_of_a_cyclonedx_document_becomes_is_valid_spdx() {
    let Some(folder) = folder("spdx2", "cyclonedx") else {
        return;
    };
    let bytes = fs::read(folder.join("1.6/valid-bom-1.6.json")).unwrap();
    let bom = palisade_bom::formats::cyclonedx::read(&bytes).unwrap();
    let (document, _) = palisade_bom::formats::spdx2::lowered(&bom, "SPDX-2.3").unwrap();
    let text = document.to_string();
    let spec = Spec {
        family: Family::Spdx2,
        version: "SPDX-2.3".to_owned(),
    };
    let faults = Schema::of(&spec)
        .unwrap()
        .faults(&serde_json::from_str(&text).unwrap());
    assert_eq!(faults, []);
    assert_eq!(
        read(text.as_bytes()).unwrap().components.len(),
        bom.components.len()
    );
}
