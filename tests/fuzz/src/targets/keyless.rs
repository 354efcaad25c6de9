//! What signing reads: tokens, configurations, keys, and the answers of services.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_keyless::{IdentityToken, KeyFile, Purpose, SigningConfig, fuzz};
use palisade_trust::PublicKey;
use palisade_types::Timestamp;
use url::Url;

use super::{text, texts};
use crate::Target;
use crate::files::{folder, recorded};

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "identity-token",
        parser: "keyless::IdentityToken (JWT)",
        holds: "three parts, not expired; no error and no Debug repeats the token",
        run: identity_token,
        seeds: || {
            let token = |claims: &str| {
                let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
                format!(
                    "{}.{}.c2lnbmF0dXJl",
                    part(r#"{"alg":"RS256"}"#),
                    part(claims)
                )
            };
            texts(&[
                &token(
                    r#"{"iss":"https://i.example","sub":"s","email":"a@b","exp":4102444800,"aud":"sigstore"}"#,
                ),
                &token(r#"{"iss":"https://i.example","sub":"s","exp":1}"#),
                &token(r#"{"iss":"x","iss":"y","sub":"s","exp":4102444800}"#),
                &".".repeat(60_000),
                "a.b.c.d.e",
            ])
        },
    },
    Target {
        name: "key-file",
        parser: "keyless::KeyFile (cosign.key, PKCS #8, SEC 1, PKCS #1)",
        holds: "a key that opens has a public half that verifies; no Debug shows a key",
        run: key_file,
        seeds: key_seeds,
    },
    Target {
        name: "service-answer",
        parser: "answers of Rekor v1 and v2, Fulcio, and OIDC discovery",
        holds: "an entry has a kind and a body; v1 has a promise; a provider is the one that was asked",
        run: service_answer,
        seeds: || {
            let mut seeds = Vec::new();
            for answer in folder("fixtures/sigstore-faults/wire", ".json") {
                seeds.extend(bodies(&answer));
            }
            seeds.extend(texts(&[
                r#"{"issuer":"https://issuer.example","authorization_endpoint":"https://a","token_endpoint":"https://t"}"#,
            ]));
            seeds
        },
    },
    Target {
        name: "signing-config",
        parser: "keyless::SigningConfig",
        holds: "no more services are wanted than there are; every address may be told a secret",
        run: signing_config,
        seeds: || folder("fixtures/sigstore-faults/signing-config", ".json"),
    },
];

fn now() -> Timestamp {
    "2026-11-24T00:00:00Z".parse().expect("a time")
}

fn identity_token(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match IdentityToken::parse(text, now()) {
        Ok(token) => {
            let parts: Vec<&str> = text.trim().split('.').collect();
            assert_eq!(parts.len(), 3);
            assert!(token.claims().expires > now());
            assert!(!token.claims().issuer.is_empty() && !token.claims().subject.is_empty());
            let shown = format!("{token:?}");
            assert!(parts[1].len() < 40 || !shown.contains(parts[1]));
        }
        Err(error) => {
            let shown = format!("{error} {error:?}");
            assert!(shown.len() < 300);
            assert!(text.len() < 40 || !shown.contains(text));
        }
    }
}

fn key_file(data: &[u8]) {
    match KeyFile::parse(data) {
        Ok(KeyFile::Open(key)) => {
            use palisade_keyless::SigningKey as _;
            let public = key.public_key();
            assert_eq!(PublicKey::from_der(public.der()).as_ref(), Ok(public));
            let shown = format!("{key:?}");
            assert!(shown.len() < 2_000);
        }
        // Opening it takes as long as its writer wanted, within our bounds.
        Ok(KeyFile::Sealed(key)) => assert_eq!(format!("{key:?}"), "SealedKey(****)"),
        Err(error) => assert!(error.to_string().len() < 300),
    }
}

fn key_seeds() -> Vec<Vec<u8>> {
    let wire = r#"{"kdf":{"name":"scrypt","params":{"N":65536,"r":8,"p":1},"salt":"AAAA"},"cipher":{"name":"nacl/secretbox","nonce":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},"ciphertext":"AAAA"}"#;
    let pem = |label: &str, bytes: &[u8]| {
        let body = base64::engine::general_purpose::STANDARD.encode(bytes);
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    let largest = wire
        .replace("65536", "2147483648")
        .replace("\"r\":8", "\"r\":67108864");
    let mut seeds = texts(&[
        &pem("ENCRYPTED SIGSTORE PRIVATE KEY", wire.as_bytes()),
        &pem("ENCRYPTED COSIGN PRIVATE KEY", largest.as_bytes()),
        &pem("ENCRYPTED PRIVATE KEY", b"0"),
        &pem("EC PRIVATE KEY", b"0\x03\x02\x01\x01"),
        &pem("PUBLIC KEY", b"0"),
        // RFC 8410 §10.3.
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n",
    ]);
    seeds.push(recorded("keyed/p384.pub"));
    seeds
}

fn service_answer(data: &[u8]) {
    for version_2 in [false, true] {
        if let Ok(entry) = fuzz::log_answer(data, version_2) {
            assert_eq!(entry.promise.is_none(), version_2);
            assert!(entry.hashes <= data.len());
        }
    }
    if let Ok(certificate) = fuzz::issued_certificate(data) {
        assert!(certificate.len() <= data.len());
    }
    if fuzz::is_provider(data, "https://issuer.example").is_ok() {
        assert!(fuzz::is_provider(data, "https://issuer.example/").is_ok());
        assert!(fuzz::is_provider(data, "https://issuer.example.evil").is_err());
    }
}

/// The bodies in a recorded exchange, wherever they stand.
fn bodies(recorded: &[u8]) -> Vec<Vec<u8>> {
    fn texts_in(value: &serde_json::Value, into: &mut Vec<Vec<u8>>) {
        match value {
            serde_json::Value::String(text) if text.starts_with('{') => {
                into.push(text.clone().into_bytes());
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| texts_in(item, into)),
            serde_json::Value::Object(map) => {
                for (key, item) in map {
                    if key.contains("body") && item.is_object() {
                        into.push(item.to_string().into_bytes());
                    }
                    texts_in(item, into);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    if let Ok(value) = serde_json::from_slice(recorded) {
        texts_in(&value, &mut found);
    }
    found
}

fn signing_config(data: &[u8]) {
    let Ok(config) = SigningConfig::parse(data) else {
        return;
    };
    let safe = |url: &Url| {
        url.scheme() == "https"
            || matches!(url.host_str(), Some("localhost" | "[::1]"))
            || url.host_str().is_some_and(|host| host.starts_with("127."))
    };
    for purpose in [Purpose::Certificate, Purpose::Key, Purpose::KeyWithoutLog] {
        let Ok(services) = config.select(purpose, now()) else {
            continue;
        };
        assert!(services.fulcio.wanted <= services.fulcio.candidates.len());
        assert!(services.logs.wanted <= services.logs.candidates.len());
        assert!(services.tsas.wanted <= services.tsas.candidates.len());
        assert!(services.fulcio.candidates.iter().all(safe));
        assert!(services.tsas.candidates.iter().all(safe));
        assert!(services.logs.candidates.iter().all(|log| safe(&log.url)));
    }
    let _one_or_none = config.issuer(now());
}
