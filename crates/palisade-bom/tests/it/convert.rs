//! From one family to the other and back.

use palisade_bom::convert::convert;
use palisade_bom::formats::{cyclonedx, spdx2};
use palisade_bom::model::{Bom, Family, Spec};
use palisade_bom::schema::Schema;

use crate::data::{files, folder};

fn faults(family: Family, version: &str, text: &str) -> Vec<String> {
    let spec = Spec {
        family,
        version: version.to_owned(),
    };
    let document = serde_json::from_str(text).unwrap();
    let faults = Schema::of(&spec).unwrap().faults(&document);
    faults.iter().map(|fault| format!("{fault:?}")).collect()
}

fn purls(bom: &Bom) -> Vec<&str> {
    let mut purls: Vec<_> = bom
        .components
        .iter()
        .filter_map(|one| one.purl.as_deref())
        .collect();
    purls.sort_unstable();
    purls
}

#[test]
fn cyclonedx_becomes_valid_spdx_with_every_package_and_edge() {
    let Some(folder) = folder("convert", "cyclonedx/1.6") else {
        return;
    };
    let mut edges = 0;
    for (name, bytes) in files(&folder, "valid-", ".json") {
        let bom = cyclonedx::read(&bytes).unwrap();
        let converted = convert(bom.clone(), Family::Spdx2);
        let text = spdx2::document(&converted.bom, spdx2::NEWEST);
        // The creation date is required there; a document that has none gets none from us.
        let faults = faults(Family::Spdx2, spdx2::NEWEST, &text);
        let excused = |fault: &String| {
            bom.document.timestamp.is_none() && fault.contains("creationInfo")
                || bom.document.timestamp.is_none() && fault.contains("created")
                || bom.document.authors.is_empty() && fault.contains("creators")
        };
        assert!(faults.iter().all(excused), "{name}: {faults:?}");
        let again = spdx2::read(text.as_bytes()).unwrap();
        assert_eq!(again.components.len(), bom.components.len(), "{name}");
        assert_eq!(purls(&again), purls(&bom), "{name}");
        let known = |id: &String| again.component(id).is_some() || id == "SPDXRef-DOCUMENT";
        let ours = again.relationships.iter().filter(|edge| known(&edge.from));
        edges += ours.count();
    }
    assert!(edges > 5, "only {edges} edges");
}

#[test]
fn spdx_becomes_valid_cyclonedx_and_what_is_lost_is_listed() {
    let Some(folder) = folder("convert", "spdx/tools-java") else {
        return;
    };
    let name = "SPDXJSONExample-v2.3.spdx.json";
    let (_, bytes) = files(&folder, name, "").pop().unwrap();
    let bom = spdx2::read(&bytes).unwrap();
    let converted = convert(bom.clone(), Family::CycloneDx);
    let text = cyclonedx::document(&converted.bom, cyclonedx::NEWEST);
    assert_eq!(
        faults(Family::CycloneDx, cyclonedx::NEWEST, &text),
        Vec::<String>::new()
    );
    let again = cyclonedx::read(text.as_bytes()).unwrap();
    assert_eq!(purls(&again), purls(&bom));
    for (of, field) in [
        ("document", "snippets"),
        ("document", "annotations"),
        ("glibc@2.11.1", "packageVerificationCode"),
        ("document", "name"),
    ] {
        let is = |loss: &palisade_bom::convert::Loss| loss.of == of && loss.field == field;
        assert!(
            converted.losses.iter().any(is),
            "{of} {field}: {:#?}",
            converted.losses
        );
    }
}

#[test]
fn within_a_family_nothing_is_lost() {
    let Some(folder) = folder("convert", "cyclonedx/1.6") else {
        return;
    };
    for (name, bytes) in files(&folder, "valid-", ".json") {
        let bom = cyclonedx::read(&bytes).unwrap();
        let converted = convert(bom.clone(), Family::CycloneDx);
        assert_eq!(
            (converted.bom, converted.losses),
            (bom, Vec::new()),
            "{name}"
        );
    }
}
