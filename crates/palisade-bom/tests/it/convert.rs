//! From one family to the other and back.

use palisade_bom::convert::convert;
use palisade_bom::formats::{Target, Written, cyclonedx, spdx2};
use palisade_bom::model::{Bom, Family, Spec};
use palisade_bom::schema::Schema;
use serde_json::{Value, json};

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

fn text(bom: &Bom) -> String {
    let (document, removed) = spdx2::lowered(bom, spdx2::NEWEST).unwrap();
    assert_eq!(removed, Vec::<String>::new());
    document.to_string()
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
        let text = text(&converted.bom);
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

/// A CycloneDX document with these components.
fn document(components: &Value) -> Bom {
    let document = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {
            "timestamp": "2026-11-01T00:00:00Z",
            "tools": {"components": [{"type": "application", "name": "t", "version": "1"}]},
        },
        "components": components, "dependencies": [],
    });
    cyclonedx::read(document.to_string().as_bytes()).unwrap()
}

fn losses(bom: Bom, target: &str) -> (Value, Vec<String>) {
    let written = bom.write(target);
    let of = written.losses.iter();
    let of = of
        .map(|loss| format!("{}: {}", loss.of, loss.field))
        .collect();
    (serde_json::from_str(&written.text).unwrap(), of)
}

trait Write {
    fn write(self, target: &str) -> Written;
}

impl Write for Bom {
    fn write(self, target: &str) -> Written {
        target.parse::<Target>().unwrap().write(self).unwrap()
    }
}

#[test]
fn a_file_keeps_what_an_spdx_file_has_no_place_for() {
    let hashes = json!([{"alg": "SHA-1", "content": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}]);
    let plain = json!({"type": "file", "bom-ref": "f", "name": "f", "hashes": hashes});
    let mut named = plain.clone();
    named["purl"] = json!("pkg:generic/f@1");
    let (spdx, lost) = losses(document(&json!([plain])), "spdx-json");
    assert_eq!(spdx["files"][0]["fileName"], "f");
    assert_eq!(lost, Vec::<String>::new());
    let (spdx, lost) = losses(document(&json!([named])), "spdx-json");
    let locator = &spdx["packages"][0]["externalRefs"][0]["referenceLocator"];
    assert_eq!(locator, "pkg:generic/f@1");
    assert_eq!(
        lost,
        ["f: type `file`, since SPDX has no place for the rest in one"]
    );
}

#[test]
fn a_licence_on_no_list_is_defined_and_several_are_told() {
    let one = json!([{"license": {"name": "Our terms, 2nd edition"}}]);
    let two = json!([{"license": {"name": "Our terms/ 2nd edition"}}, {"license": {"id": "MIT"}}]);
    let component = |name: &str, licenses| json!({"type": "library", "bom-ref": name, "name": name, "licenses": licenses});
    let components = json!([component("a", one), component("b", two)]);
    let (spdx, lost) = losses(document(&components), "spdx-json");
    let defined = spdx["hasExtractedLicensingInfos"].as_array().unwrap();
    let texts: Vec<_> = defined
        .iter()
        .map(|one| one["extractedText"].as_str().unwrap())
        .collect();
    assert_eq!(texts.len(), 2, "{defined:?}");
    let id = spdx["packages"][0]["licenseDeclared"].as_str().unwrap();
    let of_a = defined.iter().find(|one| one["licenseId"] == id).unwrap();
    assert_eq!(of_a["extractedText"], "Our terms, 2nd edition");
    assert_eq!(
        lost,
        ["b: that licences are several: they are joined by AND"]
    );
}

#[test]
fn an_older_spdx_has_no_field_it_does_not_know() {
    let component = json!({"type": "library", "bom-ref": "a", "name": "a", "version": "1"});
    let (spdx, lost) = losses(document(&json!([component])), "spdx-json@2.2");
    assert_eq!(
        faults(Family::Spdx2, "SPDX-2.2", &spdx.to_string()),
        Vec::<String>::new()
    );
    assert_eq!(lost, ["a@1: primaryPackagePurpose"]);
    let component = json!({"type": "library", "bom-ref": "a", "name": "a", "version": "1"});
    let (spdx, lost) = losses(document(&json!([component])), "spdx-json@2.3");
    assert_eq!(spdx["packages"][0]["primaryPackagePurpose"], "LIBRARY");
    assert_eq!(lost, Vec::<String>::new());
}

#[test]
fn an_end_that_is_not_listed_is_told_and_one_named_twice_is_one() {
    let package = |id: &str| json!({"SPDXID": id, "name": id, "downloadLocation": "NOASSERTION"});
    let edge = |from: &str, kind: &str, to: &str| json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to});
    let spdx = json!({
        "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "d",
        "dataLicense": "CC0-1.0", "documentNamespace": "https://example.org/d",
        "creationInfo": {"created": "2026-11-01T00:00:00Z", "creators": ["Tool: t-1"]},
        "packages": [package("SPDXRef-a"), package("SPDXRef-b")],
        "relationships": [
            edge("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-a"),
            edge("SPDXRef-a", "CONTAINS", "SPDXRef-b"),
            edge("SPDXRef-b", "DEPENDENCY_OF", "SPDXRef-a"),
            edge("SPDXRef-b", "DEPENDS_ON", "NOASSERTION"),
            edge("SPDXRef-b", "DEPENDS_ON", "DocumentRef-x:SPDXRef-c"),
        ],
    });
    let bom = spdx2::read(spdx.to_string().as_bytes()).unwrap();
    let (cyclonedx, lost) = losses(bom, "cyclonedx-json");
    assert_eq!(
        cyclonedx["dependencies"],
        json!([{"ref": "SPDXRef-a", "dependsOn": ["SPDXRef-b"]}, {"ref": "SPDXRef-b"}])
    );
    for id in ["NOASSERTION", "DocumentRef-x:SPDXRef-c"] {
        let told = format!("SPDXRef-b: relationship with `{id}`, which is not listed");
        assert!(lost.contains(&told), "{lost:?}");
    }
}

#[test]
fn of_a_long_list_the_wrong_members_go_and_the_others_stay() {
    let wrong = |index: usize| [2, 10, 11].contains(&index);
    let reference = |index: usize| {
        let url = if wrong(index) {
            json!(index)
        } else {
            json!(format!("https://{index}"))
        };
        json!({"type": "website", "url": url})
    };
    let references: Vec<_> = (0..13).map(reference).collect();
    let component = json!({"type": "library", "bom-ref": "a", "name": "a",
        "externalReferences": references});
    let (cyclonedx, _) = losses(document(&json!([component])), "cyclonedx-json@1.6");
    let kept = cyclonedx["components"][0]["externalReferences"]
        .as_array()
        .unwrap();
    let kept: Vec<_> = kept
        .iter()
        .map(|one| one["url"].as_str().unwrap())
        .collect();
    let right = (0..13)
        .filter(|index| !wrong(*index))
        .map(|index| format!("https://{index}"));
    assert_eq!(kept, right.collect::<Vec<_>>());
}
