//! Wrong input, wrong servers: a named error, the right exit code, no panic.

use std::io::Write as _;

use crate::program::{SIGNER, verify, verify_recorded};
use crate::registry::{IMAGE, Registry, SIGNATURE, Setup, blob};

fn with(end: &'static str, status: u16, body: impl Into<Vec<u8>>) -> Registry {
    Registry::start(Setup {
        attached: vec![SIGNATURE],
        api: true,
        instead: [(end, (status, body.into()))].into(),
        ..Setup::default()
    })
}

#[test]
fn what_names_no_image_is_a_usage_error() {
    for image in [
        "",
        "https://ghcr.io/a",
        "ghcr.io/A",
        "ghcr.io/a@sha256:00",
        "\u{1b}[31m",
    ] {
        let run = verify_recorded(&["image", image]);
        assert_eq!(run.code, 2, "{run:?}");
    }
}

#[test]
fn nobody_named_is_a_usage_error() {
    let image = format!("localhost:1/demo/app@{IMAGE}");
    assert_eq!(verify(["image", &image]).code, 2);
    let issuer = ["--certificate-oidc-issuer", "http://localhost:18500"];
    assert_eq!(verify(["image", &image].iter().chain(&issuer)).code, 2);
}

#[test]
fn files_that_are_missing_or_folders_are_usage_errors_that_name_them() {
    for args in [
        ["blob", "blob.txt", "--bundle", "no-such-file"],
        ["blob", "no-such-file", "--bundle", "faults/v2-none.json"],
        ["blob", "blob.txt", "--bundle", "faults"],
        ["blob", "faults", "--bundle", "faults/v2-none.json"],
    ] {
        let run = verify_recorded(&args);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.talk().contains("cannot be read"), "{}", run.err);
        assert_eq!(run.out, "");
    }
}

#[test]
fn a_trust_root_that_is_none_or_huge_is_a_usage_error() {
    let mut huge = tempfile::NamedTempFile::new().unwrap();
    let filler = vec![b'a'; 10 << 20];
    write!(huge, "{{\"mediaType\":\"").unwrap();
    huge.write_all(&filler).unwrap();
    write!(huge, "\"}}").unwrap();
    let huge = huge.path().to_str().unwrap();
    for root in [
        huge,
        "blob.txt",
        "expected.tsv",
        "faults/v2-none.json",
        "no-such-file",
    ] {
        let args = ["blob", "blob.txt", "--bundle", "faults/v2-none.json"];
        let signer = SIGNER[..4].iter().chain(&["--trusted-root"]);
        let run = verify(args.iter().chain(signer).chain(&[root]));
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.err.contains("roots::"), "{}", run.err);
    }
}

#[test]
fn a_registry_that_refuses_or_fails_leaves_it_open_whether_the_image_is_signed() {
    for status in [401, 403, 500] {
        let registry = with(IMAGE, status, "{}");
        let run = verify_recorded(&["image", &registry.by_digest(), "--format", "json"]);
        assert_eq!(run.code, 3, "{status}: {run:?}");
        assert_eq!(run.json()["result"], "undecided");
        assert!(!run.out.contains("rejected"), "{}", run.out);
    }
}

#[test]
fn an_unreachable_registry_leaves_it_open_too() {
    let run = verify_recorded(&["image", &format!("localhost:1/demo/app@{IMAGE}")]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(
        run.talk().contains("it is not known whether"),
        "{}",
        run.err
    );
}

#[test]
fn a_cut_or_exchanged_manifest_is_no_signature_and_leaves_the_answer_open() {
    let whole = blob(SIGNATURE).unwrap();
    let cut = whole[..whole.len() / 2].to_vec();
    for body in [cut, b"{}".to_vec(), b"\xff\x00garbage".to_vec()] {
        let registry = with(SIGNATURE, 200, body);
        let run = verify_recorded(&["image", &registry.by_digest(), "--format", "json"]);
        assert_eq!(run.code, 3, "{run:?}");
        assert_eq!(run.json()["answers"][0]["result"], "undecided");
        assert!(run.talk().contains("cannot all be read"), "{}", run.err);
    }
}

#[test]
fn a_list_of_attachments_that_is_garbage_leaves_it_open() {
    for body in [
        &b"<html>"[..],
        b"{}",
        b"{\"mediaType\":\"application/vnd.oci.image.index.v1+json\"}",
    ] {
        let registry = with(IMAGE, 200, body);
        let run = verify_recorded(&["image", &registry.by_digest()]);
        assert_ne!(run.code, 0, "{run:?}");
        assert_ne!(run.code, 101, "{run:?}");
    }
}

/// Attack: `out_terminal_escape`. CVE-2026-45803.
#[test]
fn what_a_bundle_says_cannot_write_on_the_terminal() {
    let mut bundle: serde_json::Value = serde_json::from_slice(
        &std::fs::read(crate::program::fixture("faults/v2-none.json")).unwrap(),
    )
    .unwrap();
    bundle["mediaType"] = "\u{1b}[2Jverified\r\u{202e}".into();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "{bundle}").unwrap();
    let path = file.path().to_str().unwrap();
    let run = verify_recorded(&["blob", "blob.txt", "--bundle", path]);
    assert_eq!(run.code, 1, "{run:?}");
    let harmless = |text: &str| {
        text.chars()
            .all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}'))
    };
    assert!(harmless(&run.out) && harmless(&run.err), "{run:?}");
}
