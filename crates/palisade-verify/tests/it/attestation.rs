//! `palisade verify attestation`.

use crate::program::verify_recorded;
use crate::registry::{ATTESTATION, Registry, SIGNATURE, Setup};

fn registry() -> Registry {
    Registry::start(Setup {
        attached: vec![SIGNATURE, ATTESTATION],
        api: true,
        ..Setup::default()
    })
}

#[test]
fn an_attestation_is_found_by_its_short_name_and_by_its_uri() {
    let registry = registry();
    for name in ["slsaprovenance1", "https://slsa.dev/provenance/v1"] {
        let image = registry.by_digest();
        let run = verify_recorded(&["attestation", &image, "--type", name, "--format", "json"]);
        assert_eq!(run.code, 0, "{run:?}");
        let json = run.json();
        let statement = &json["answers"][0]["verified"][0]["statement"];
        let builder = &statement["predicate"]["runDetails"]["builder"]["id"];
        assert!(builder.is_string(), "{statement}");
    }
}

#[test]
fn an_attestation_of_another_type_is_no_answer() {
    let registry = registry();
    for name in [
        "slsaprovenance",
        "spdxjson",
        "https://slsa.dev/provenance/v1/",
    ] {
        let run = verify_recorded(&["attestation", &registry.by_digest(), "--type", name]);
        assert_eq!(run.code, 1, "{run:?}");
        assert!(
            run.out.contains("https://slsa.dev/provenance/v1,"),
            "{}",
            run.out
        );
    }
}

#[test]
fn a_type_that_is_neither_name_nor_uri_is_a_usage_error_with_a_suggestion() {
    let image = registry().by_digest();
    let run = verify_recorded(&["attestation", &image, "--type", "cyclondx"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(
        run.talk().contains("did you mean `--type cyclonedx`?"),
        "{}",
        run.err
    );
}

#[test]
fn a_registry_that_cannot_be_asked_leaves_it_open_in_json_too() {
    let image = format!("localhost:1/demo/app@{}", crate::registry::IMAGE);
    let run = verify_recorded(&["attestation", &image, "--type", "spdx", "--format", "json"]);
    assert_eq!(run.code, 3, "{run:?}");
    let json = run.json();
    assert_eq!(json["result"], "undecided");
    assert!(json["answers"][0]["undecided"].is_string(), "{json}");
}
