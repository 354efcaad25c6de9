//! The document: valid, true to what the package managers say, and the same every time.

use std::collections::BTreeSet;

use palisade_bom::model::{Family, Spec};
use palisade_bom::schema::{Fault, Schema};
use palisade_sbom::{Error, Sbom, document, narrow};
use palisade_types::FrozenSubject;
use serde_json::Value;

use crate::image::{EXPECTED, LOCK, STATUS, TREE, files, files_with, layers, subject};
use crate::testing::{auditable_elf, elf};

fn amd64() -> FrozenSubject {
    subject(&["linux/amd64"])
}

fn made(sbom: &Sbom) -> Value {
    serde_json::from_slice(&sbom.json).unwrap()
}

fn schema_errors(document: &Value) -> Vec<Fault> {
    let version = document["specVersion"].as_str().unwrap();
    let spec = Spec {
        family: Family::CycloneDx,
        version: version.to_owned(),
    };
    Schema::of(&spec).unwrap().faults(document)
}

fn components(document: &Value) -> &Vec<Value> {
    document["components"].as_array().unwrap()
}

fn property<'a>(component: &'a Value, name: &str) -> Option<&'a str> {
    let properties = component["properties"].as_array()?;
    properties
        .iter()
        .find(|property| property["name"] == name)?["value"]
        .as_str()
}

fn purls(document: &Value) -> Vec<&str> {
    components(document)
        .iter()
        .filter_map(|component| component["purl"].as_str())
        .collect()
}

#[test]
fn the_document_is_valid_with_a_time_and_without_with_gaps_and_without() {
    for epoch in [None, Some(0), Some(1_700_000_000)] {
        let sbom = document(&amd64(), files(), epoch).unwrap();
        assert_eq!(schema_errors(&made(&sbom)), Vec::<Fault>::new());
        let cut = document(
            &amd64(),
            files_with("var/lib/dpkg/status", &STATUS[..900]),
            epoch,
        )
        .unwrap();
        assert_eq!(schema_errors(&made(&cut)), Vec::<Fault>::new());
        let empty = document(&amd64(), Vec::new(), epoch).unwrap();
        assert_eq!(schema_errors(&made(&empty)), Vec::<Fault>::new());
    }
}

#[test]
fn the_schema_would_have_said_so() {
    let mut document = made(&document(&amd64(), files(), None).unwrap());
    document["components"][0]["type"] = "packet".into();
    assert_ne!(schema_errors(&document), Vec::<Fault>::new());
}

#[test]
fn debian_packages_are_exactly_those_dpkg_lists() {
    let document = made(&document(&amd64(), files(), None).unwrap());
    let mut listed: Vec<String> = components(&document)
        .iter()
        .filter(|component| {
            component["purl"]
                .as_str()
                .is_some_and(|purl| purl.starts_with("pkg:deb/debian/"))
        })
        .map(|component| {
            let purl = component["purl"].as_str().unwrap();
            let (_, architecture) = purl.split_once("arch=").unwrap();
            let (architecture, distro) = architecture.split_once('&').unwrap();
            assert_eq!(distro, "distro=debian-12");
            [
                component["name"].as_str().unwrap(),
                component["version"].as_str().unwrap(),
                architecture,
                property(component, "palisade:source-name").unwrap(),
                property(component, "palisade:source-version").unwrap(),
            ]
            .join("\t")
        })
        .collect();
    listed.sort();
    let mut expected: Vec<_> = EXPECTED.lines().collect();
    expected.sort_unstable();
    assert_eq!(listed, expected);
}

#[test]
fn an_epoch_and_a_plus_are_written_as_the_purl_specification_says() {
    let document = made(&document(&amd64(), files(), None).unwrap());
    let purls = purls(&document);
    for want in [
        "pkg:deb/debian/libattr1@1:2.5.1-4?arch=amd64&distro=debian-12",
        "pkg:deb/debian/libselinux1@3.4-1%2Bb6?arch=amd64&distro=debian-12",
        "pkg:cargo/serde@1.0.1",
        "pkg:cargo/a@2.0.0?vcs_url=git%2Bhttps:%2F%2Fexample.org%2Fa%400123abc",
    ] {
        assert!(purls.contains(&want), "{want} is not in {purls:#?}");
    }
    assert!(
        !purls.iter().any(|purl| purl.contains("/nano@")),
        "nano was removed"
    );
}

#[test]
fn every_reference_is_unique_and_every_edge_has_both_ends() {
    let document = made(&document(&amd64(), files(), None).unwrap());
    let subject = document["metadata"]["component"]["bom-ref"]
        .as_str()
        .unwrap();
    let mut references: Vec<&str> = components(&document)
        .iter()
        .map(|c| c["bom-ref"].as_str().unwrap())
        .collect();
    references.push(subject);
    let unique: BTreeSet<&str> = references.iter().copied().collect();
    assert_eq!(unique.len(), references.len());
    let dependencies = document["dependencies"].as_array().unwrap();
    assert_eq!(dependencies.len(), references.len());
    for dependency in dependencies {
        assert!(unique.contains(dependency["ref"].as_str().unwrap()));
        for used in dependency["dependsOn"].as_array().into_iter().flatten() {
            assert!(unique.contains(used.as_str().unwrap()), "{used}");
        }
    }
}

fn uses<'a>(document: &'a Value, user: &str) -> Vec<&'a str> {
    let dependencies = document["dependencies"].as_array().unwrap();
    let of_user = dependencies
        .iter()
        .find(|d| d["ref"].as_str().unwrap().starts_with(user))
        .unwrap();
    let needs = of_user["dependsOn"].as_array().into_iter().flatten();
    needs
        .map(|need| need.as_str().unwrap().split(['?', '#']).next().unwrap())
        .collect()
}

#[test]
fn edges_are_the_package_manager_s() {
    let document = made(&document(&amd64(), files(), None).unwrap());
    assert_eq!(
        uses(&document, "pkg:cargo/serde@1.0.1"),
        ["pkg:cargo/libc@0.2.150"]
    );
    // `Pre-Depends: awk`, which mawk provides.
    assert_eq!(
        uses(&document, "pkg:deb/debian/base-files"),
        ["pkg:deb/debian/mawk@1.3.4.20200120-3.1"]
    );
    let of_image = uses(&document, "pkg:oci/app");
    assert!(
        of_image.contains(&"pkg:cargo/app@1.0.0") && !of_image.contains(&"pkg:cargo/serde@1.0.1")
    );
}

#[test]
fn every_component_knows_its_file_and_its_layer() {
    let [base, app] = layers();
    let document = made(&document(&amd64(), files(), None).unwrap());
    for component in components(&document) {
        let path = property(component, "palisade:path").unwrap();
        let of_base = path.contains("dpkg") || path.contains("os-release");
        let layer = if of_base { &base } else { &app };
        assert_eq!(
            property(component, "palisade:layer"),
            Some(layer.to_string().as_str())
        );
        assert_eq!(component["evidence"]["occurrences"][0]["location"], path);
    }
}

#[test]
fn a_crate_that_only_built_the_program_is_excluded_from_its_scope() {
    let document = made(&document(&amd64(), files(), None).unwrap());
    let scope = |name: &str| {
        components(&document)
            .iter()
            .find(|c| c["name"] == name)
            .unwrap()["scope"]
            .as_str()
    };
    assert_eq!((scope("cc"), scope("serde")), (Some("excluded"), None));
}

#[test]
fn the_same_files_in_any_order_give_the_same_bytes() {
    let once = document(&amd64(), files(), Some(1)).unwrap();
    let mut reversed = files();
    reversed.reverse();
    assert_eq!(
        once.json,
        document(&amd64(), reversed, Some(1)).unwrap().json
    );
    let other = document(&amd64(), files(), Some(2)).unwrap();
    assert_ne!(made(&once)["serialNumber"], made(&other)["serialNumber"]);
    assert_eq!(made(&once)["metadata"]["timestamp"], "1970-01-01T00:00:01Z");
    assert_eq!(
        made(&document(&amd64(), files(), None).unwrap())["metadata"].get("timestamp"),
        None
    );
}

#[test]
fn a_file_that_cannot_be_read_makes_the_document_incomplete_and_is_named_in_it() {
    let mut flipped = auditable_elf(TREE);
    let at = flipped
        .windows(2)
        .position(|pair| pair == b"\x78\x9c")
        .unwrap();
    flipped[at + 12] ^= 1;
    let whole = document(&amd64(), files(), None).unwrap();
    assert_eq!(
        (
            whole.gaps.len(),
            &made(&whole)["compositions"][0]["aggregate"]
        ),
        (0, &"unknown".into())
    );
    for (path, bytes) in [
        ("var/lib/dpkg/status", &STATUS[..STATUS.len() - 1]),
        ("usr/bin/app", &flipped),
        ("opt/app/Cargo.lock", &LOCK.as_bytes()[..LOCK.len() - 2]),
        ("usr/lib/os-release", b"ID="),
    ] {
        let sbom = document(&amd64(), files_with(path, bytes), None).unwrap();
        let document = made(&sbom);
        assert_eq!(sbom.gaps.len(), 1, "{path}");
        assert_eq!(sbom.gaps[0].source, path);
        assert_eq!(
            document["compositions"][0]["aggregate"], "incomplete",
            "{path}"
        );
        assert!(
            property(&document, "palisade:gap")
                .unwrap()
                .starts_with(path)
        );
    }
}

#[test]
fn what_cargo_auditable_wrote_is_read_whole() {
    let section = include_bytes!("../../../../fixtures/sbom/auditable/dep-v0.z");
    let sbom = document(
        &amd64(),
        files_with("usr/bin/app", &elf(&[(".dep-v0", section)])),
        None,
    );
    let sbom = sbom.unwrap();
    let document = made(&sbom);
    assert_eq!(sbom.gaps, []);
    let of_program = components(&document)
        .iter()
        .filter(|component| property(component, "palisade:path") == Some("usr/bin/app"));
    let listed: Vec<_> = of_program
        .map(|component| {
            let scope = component["scope"].as_str().unwrap_or("required");
            format!("{} {scope}", component["purl"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        listed,
        [
            "pkg:cargo/aud-hello@0.3.1 required",
            "pkg:cargo/cc@1.11.3 excluded",
            "pkg:cargo/find-msvc-tools@0.1.15 excluded",
            "pkg:cargo/itoa@1.0.19 required",
            "pkg:cargo/libc@0.2.191 required",
            "pkg:cargo/shlex@2.0.1 excluded",
        ]
    );
    assert_eq!(
        uses(&document, "pkg:cargo/cc@1.11.3"),
        ["pkg:cargo/find-msvc-tools@0.1.15", "pkg:cargo/shlex@2.0.1"]
    );
}

#[test]
fn a_program_without_a_tree_adds_nothing_and_is_no_gap() {
    let sbom = document(&amd64(), files_with("usr/bin/app", &elf(&[])), None).unwrap();
    assert_eq!(sbom.gaps, []);
    assert!(!purls(&made(&sbom)).contains(&"pkg:cargo/serde@1.0.1"));
}

#[test]
fn a_document_is_about_one_platform() {
    let both = subject(&["linux/amd64", "linux/arm64"]);
    assert!(matches!(
        document(&both, files(), None),
        Err(Error::PlatformNeeded { .. })
    ));
    assert!(matches!(
        narrow(both.clone(), None),
        Err(Error::PlatformNeeded { .. })
    ));
    let absent = narrow(both.clone(), Some(&"linux/s390x".parse().unwrap()));
    assert!(matches!(absent, Err(Error::Platform { .. })));
    let arm = narrow(both.clone(), Some(&"linux/arm64".parse().unwrap())).unwrap();
    let purl =
        made(&document(&arm, files(), None).unwrap())["metadata"]["component"]["purl"].clone();
    let want = format!(
        "pkg:oci/app@{}?arch=arm64&repository_url=ghcr.io%2Facme%2Fapp",
        both.leaves[1].manifest
    );
    assert_eq!(purl, want.as_str());
    assert!(matches!(
        narrow(subject(&[]), None),
        Err(Error::NoImage { .. })
    ));
}
