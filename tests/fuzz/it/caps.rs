//! Input that is made to exhaust: refused in time and memory that do not grow with what it claims.

use std::time::{Duration, Instant};

use palisade_attest::{Bundle, BundleError, MAX_BUNDLE, Statement};
use palisade_keyless::{IdentityToken, KeyFile, SigningConfig};
use palisade_oci::{RawManifest, fuzz as oci, media};
use palisade_policy::Policy;
use palisade_trust::{PublicKey, TrustRoot, fuzz as trust};
use palisade_types::{Descriptor, Repository, Timestamp};
use serde_json::Value;

/// How much memory this process ever had, in bytes; nothing where `/proc` is absent.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmPeak:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes << 10)
}

/// Runs this, which may take twenty seconds of a busy machine and 512 MiB, the harness and its neighbours included.
fn frugally(what: &str, run: impl FnOnce()) {
    let (start, before) = (Instant::now(), peak());
    run();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{what} took {took:?}");
    if let (Some(before), Some(after)) = (before, peak()) {
        assert!(
            after - before < 512 << 20,
            "{what} took {} bytes",
            after - before
        );
    }
}

/// Every reader of a document gives an error, or finds nothing in it.
fn refused_everywhere(document: &[u8]) {
    let repository: Repository = "ghcr.io/acme/app".parse().unwrap();
    assert!(Bundle::parse(document).is_err());
    assert!(Statement::parse(document).is_err());
    assert!(TrustRoot::parse(document).is_err());
    assert!(SigningConfig::parse(document).is_err());
    assert!(Policy::parse("policy", document).is_err());
    assert!(KeyFile::parse(document).is_err());
    assert!(PublicKey::from_pem(document).is_err());
    assert!(palisade_keyless::fuzz::log_answer(document, false).is_err());
    assert!(palisade_keyless::fuzz::log_answer(document, true).is_err());
    assert!(palisade_keyless::fuzz::issued_certificate(document).is_err());
    assert!(palisade_keyless::fuzz::is_provider(document, "https://i.example").is_err());
    assert!(oci::helper_answer(document).is_none());
    for media_type in [media::OCI_INDEX, media::OCI_MANIFEST] {
        let descriptor = Descriptor::of(media_type, document);
        let bytes = document.to_vec();
        assert!(RawManifest { bytes, descriptor }.parse().is_err());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let credential = runtime.block_on(oci::credential(document, &repository));
    assert!(!matches!(credential, Ok(Some(_))));
}

/// Attack: `cap_exhaustion_notation`. CVE-2023-25656: nesting that a reader follows to its end.
#[test]
fn json_that_is_nested_without_end_is_refused_by_every_reader() {
    let opened = |text: &str| text.repeat(200_000).into_bytes();
    for text in [
        "[",
        "{\"a\":",
        "[[],",
        "{\"mediaType\":[",
        "{\"a\":[{\"b\":",
    ] {
        frugally(text, || refused_everywhere(&opened(text)));
    }
    let closed = [opened("["), opened("]")].concat();
    frugally("closed again", || refused_everywhere(&closed));
}

/// Attack: `cap_exhaustion_notation`. One text that fills the document.
#[test]
fn a_text_without_end_is_refused_by_every_reader() {
    let huge = |open: &str| [open.as_bytes(), &vec![b'x'; 2 << 20], b"\"}"].concat();
    for open in ["{\"mediaType\":\"", "{\"_type\":\"", "{\"a\":\""] {
        frugally(open, || refused_everywhere(&huge(open)));
    }
    let too_large = vec![b' '; MAX_BUNDLE + 1];
    assert!(matches!(
        Bundle::parse(&too_large),
        Err(BundleError::TooLarge)
    ));
}

/// Attack: `cap_jwt_split`. CVE-2025-66506, CVE-2025-27144, CVE-2024-28180, CVE-2026-34986.
#[test]
fn a_token_of_nothing_but_dots_is_refused_without_being_taken_apart() {
    let now: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
    let part = "e30";
    let wrong = [
        ".".repeat(64 << 20),
        "a.".repeat(30_000),
        ".".repeat(60_000),
        // JWE has five parts; compressed ones were inflated by others.
        [part; 5].join("."),
        format!("{part}..{part}"),
        format!("{part}.{}.{part}", "=".repeat(1_000)),
    ];
    for token in wrong {
        frugally("a token", || {
            assert!(IdentityToken::parse(&token, now).is_err());
        });
    }
}

/// Attack: `cap_jwt_split`. CVE-2025-66564: an object identifier with millions of parts.
#[test]
fn an_object_identifier_with_millions_of_parts_is_refused() {
    let oid = der(0x06, &vec![1; 60_000]);
    let algorithm = der(0x30, &oid);
    let key = der(0x30, &[algorithm.clone(), der(0x03, &[0, 1])].concat());
    frugally("an OID", || {
        assert!(PublicKey::from_der(&key).is_err());
        assert!(trust::read_certificate(&key).is_err());
        assert!(trust::has_one_sct(&der(0x30, &[key.clone(), algorithm].concat())).is_err());
    });
}

/// Attack: `cap_alloc_from_count`. CVE-2024-29903: lengths that nothing stands behind.
#[test]
fn nothing_is_allocated_for_a_length_that_is_only_claimed() {
    for length in [
        &[0x84, 0xff, 0xff, 0xff, 0xff][..],
        &[0x84, 0x0f, 0xff, 0xff, 0xff],
        &[0x83, 0xff, 0xff, 0xff],
    ] {
        for tag in [0x30, 0x04, 0x03, 0x06] {
            let claimed = [&[tag][..], length, &[0; 8]].concat();
            let nested = [&[0x30, 0x0e][..], &claimed].concat();
            frugally("DER", || {
                for der in [&claimed, &nested] {
                    assert!(PublicKey::from_der(der).is_err());
                    assert!(trust::read_certificate(der).is_err());
                }
            });
        }
    }
    let zero = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let manifest = format!(
        r#"{{"config":{{"mediaType":"a","digest":"{zero}","size":{max}}},"layers":[{{"mediaType":"a","digest":"{zero}","size":{max}}}]}}"#,
        max = u64::MAX
    );
    let bytes = manifest.into_bytes();
    let descriptor = Descriptor::of(media::OCI_MANIFEST, &bytes);
    frugally("a manifest", || {
        assert!(RawManifest { bytes, descriptor }.parse().is_ok());
    });
    // The sizes in a tar: in the header, and in the extension that may replace it.
    let mut header = tar::Header::new_gnu();
    header.set_path("file").unwrap();
    header.set_size(u64::MAX >> 2);
    header.set_cksum();
    frugally("a tar header", || {
        let wanted = |_: &palisade_oci::layers::Entry<'_>| Some(u64::MAX);
        assert!(oci::read_layers(&[header.as_bytes()], false, 512, wanted).is_err());
    });
    let value: Value = serde_json::json!({"kdf": {"name": "scrypt", "params": {"N": 1_u64 << 31, "r": 1_u64 << 26, "p": 1}, "salt": "AA=="},
        "cipher": {"name": "nacl/secretbox", "nonce": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, "ciphertext": "AA=="});
    let body = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        value.to_string(),
    );
    let label = "ENCRYPTED SIGSTORE PRIVATE KEY";
    let pem = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    frugally("a key file", || {
        assert!(KeyFile::parse(pem.as_bytes()).is_err());
    });
}

/// One DER value.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84][..], &length, content].concat()
}
