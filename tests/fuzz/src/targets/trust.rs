//! Verification: whatever is done to a good bundle, it vouches for nothing else.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use palisade_attest::{Bundle, Content, Statement};
use palisade_trust::{
    Artifact, ClaimPattern, ExpectedKey, ExpectedSigner, KeyProfile, PublicKey, SanPattern,
    TrustRoot, fuzz, verify_blob, verify_blob_with_key, verify_certificate, verify_statement,
    verify_statement_with_key, verify_timestamp,
};
use palisade_types::{Digest, SignerIdentity, Timestamp};
use serde_json::Value;

use super::{changes, lines, texts};
use crate::Target;
use crate::damage::damage;
use crate::files::{base64_at, folder, recorded};

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "certificate",
        parser: "certificates (DER), SANs, Fulcio's claims, SCT lists: trust::verify_certificate",
        holds: "no other bytes than a recorded certificate's are believed to be issued; what is read is text, not empty",
        run: certificate,
        seeds: || {
            let place = "/verificationMaterial/certificate/rawBytes";
            let certificate = |bundle: Vec<u8>| base64_at(&bundle, place);
            let mut seeds: Vec<_> = folder("fixtures/sigstore-faults/faults", ".json")
                .into_iter()
                .filter_map(certificate)
                .collect();
            seeds.sort();
            seeds.dedup();
            seeds
        },
    },
    Target {
        name: "pattern",
        parser: "trust::{SanPattern, ClaimPattern}: regular expressions and globs",
        holds: "a glob matches what a naive matcher matches; an accepted expression is anchored on both sides and matches no stranger",
        run: pattern,
        seeds: || {
            texts(&[
                "refs/heads/*\nrefs/heads/main",
                "refs/**\nrefs/heads/a/b",
                "a.b\na.b",
                "*/x\n/x",
                "^https://github\\.com/acme/.*$\nhttps://github.com/acme/app",
                "^a|b$\nxb",
                "^a)|(?:b$\nb",
                "^(?x)a $\na",
                "^[^@]+@acme\\.example$\ndev@acme.example",
                "^a\\$\na",
            ])
        },
    },
    Target {
        name: "public-key",
        parser: "trust::PublicKey (PEM and DER)",
        holds: "a key reads from its own DER as the same key; PEM accepts nothing that DER refuses",
        run: public_key,
        seeds: || {
            let pem = folder("fixtures/sigstore-faults/keyed", ".pub");
            let keys = pem
                .iter()
                .map(|pem| PublicKey::from_pem(pem).expect("recorded"));
            let der: Vec<_> = keys.map(|key| key.der().to_vec()).collect();
            [pem, der].concat()
        },
    },
    Target {
        name: "timestamp",
        parser: "RFC 3161 replies: trust::verify_timestamp",
        holds: "a reply that is believed says the time that the authority signed",
        run: timestamp,
        seeds: || vec![TIMED.0.clone()],
    },
    Target {
        name: "trust-root",
        parser: "trust::TrustRoot (trusted_root.json)",
        holds: "it is strict JSON, named by its digest; reading it twice gives the same",
        run: trust_root,
        seeds: || {
            let mut seeds = changes();
            seeds.push(recorded("trusted_root.json"));
            seeds.push(recorded("static/trusted_root.json"));
            seeds.push(recorded("real-servers/rekor-tiles-2.3.0.trusted_root.json"));
            seeds
        },
    },
    Target {
        name: "verify-bytes",
        parser: "trust::{verify_statement, verify_blob} on a bundle's bytes",
        holds: "what verifies is a recorded statement by the recorded signer, or about the recorded artifact",
        run: |data| keyless(data, None),
        seeds: || GOOD.iter().map(|good| good.bytes.clone()).collect(),
    },
    Target {
        name: "verify-fields",
        parser: "the same on a good bundle with damaged fields: entries, proofs, checkpoints, SETs, timestamps, certificates",
        holds: "what verifies is the statement that was signed, by the one who signed it",
        run: verify_fields,
        seeds: changes,
    },
    Target {
        name: "verify-keyed",
        parser: "trust::{verify_statement_with_key, verify_blob_with_key} on a good bundle with damaged fields",
        holds: "what verifies is what the key signed; no other key verifies it",
        run: verify_keyed,
        seeds: changes,
    },
];

/// A bundle that verifies.
struct Good {
    bytes: Vec<u8>,
    value: Value,
    statement: Option<Statement>,
    /// The file of its key, for a bundle that is signed with one.
    key: &'static str,
}

fn good(name: &str, key: &'static str) -> Good {
    let bytes = recorded(name);
    let bundle = Bundle::parse(&bytes).expect("a recorded bundle");
    let statement = match bundle.claimed() {
        Content::MessageSignature => None,
        // The predicate is in the payload alone until it is verified.
        Content::Statement(_) => {
            let payload = base64_at(&bytes, "/dsseEnvelope/payload").expect("it was read");
            Some(Statement::parse(&payload).expect("it was read"))
        }
    };
    let value = serde_json::from_slice(&bytes).expect("a recorded bundle");
    Good {
        bytes,
        value,
        statement,
        key,
    }
}

static GOOD: LazyLock<Vec<Good>> = LazyLock::new(|| {
    let names = [
        "cross/rust-dsse-v1.json",
        "cross/rust-dsse-v2.json",
        "cross/js-msg-v1.json",
        "cross/cosign-msg-v2.json",
        "faults/v1_notsa-none.json",
        "cross/cosign-dsse-v2.json",
    ];
    names.iter().map(|name| good(name, "")).collect()
});

static KEYED: LazyLock<Vec<Good>> = LazyLock::new(|| {
    let names = [
        ("keyed/attest-p384-rekor2.json", "keyed/p384.pub"),
        ("keyed/attest-p521-rekor2.json", "keyed/p521.pub"),
        ("keyed/attest-rsa2048-rekor2.json", "keyed/rsa2048.pub"),
        ("keyed/sign-p384-rekor2.json", "keyed/p384.pub"),
        ("keyed/sign-ed25519-notlog.json", "keyed/ed25519.pub"),
        ("keyed/image-sign-p256-rekor1.json", "keyed/ecdsa-p256.pub"),
    ];
    names.iter().map(|(name, key)| good(name, key)).collect()
});

/// What the recorded key bundles are about.
static KEYED_BLOB: LazyLock<Vec<u8>> = LazyLock::new(|| recorded("keyed/blob.txt"));
static ROOT: LazyLock<TrustRoot> = LazyLock::new(|| root("trusted_root.json"));
static KEYED_ROOT: LazyLock<TrustRoot> = LazyLock::new(|| root("keyed/trusted_root.json"));
static BLOB: LazyLock<Digest> = LazyLock::new(|| Digest::sha256_of(&recorded("blob.txt")));

/// A recorded timestamp: the reply, what it is about, and the time.
static TIMED: LazyLock<(Vec<u8>, Vec<u8>, Timestamp)> = LazyLock::new(|| {
    let bundle = recorded("cross/rust-dsse-v2.json");
    let at = |pointer| base64_at(&bundle, pointer).expect("it is there");
    let reply =
        at("/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp");
    let signature = at("/dsseEnvelope/signatures/0/sig");
    let time = verify_timestamp(&reply, &signature, &ROOT, now()).expect("recorded");
    (reply, signature, time)
});

fn root(name: &str) -> TrustRoot {
    TrustRoot::parse(&recorded(name)).expect("a recorded root")
}

/// A time after every recorded one.
fn now() -> Timestamp {
    "2026-11-24T00:00:00Z".parse().expect("a time")
}

fn signer() -> SignerIdentity {
    SignerIdentity {
        san: "dev@siglab.test".to_owned(),
        issuer: "http://localhost:18500".to_owned(),
    }
}

/// Verifies bytes that may be a bundle. What comes out is what was signed: `only`, or any of the
/// good ones.
fn keyless(bytes: &[u8], only: Option<&Good>) {
    let Ok(bundle) = Bundle::parse(bytes) else {
        return;
    };
    let signers = [ExpectedSigner::exact("expected", signer())];
    let one_of = |statement: &Statement| match only {
        Some(good) => good.statement.as_ref() == Some(statement),
        None => GOOD
            .iter()
            .any(|good| good.statement.as_ref() == Some(statement)),
    };
    match bundle.claimed() {
        Content::Statement(_) => {
            if let Ok(verified) = verify_statement(&bundle, &ROOT, &signers, now()) {
                assert!(one_of(verified.value()), "another statement verifies");
                assert_eq!(*verified.signer(), signer());
                assert!(verified.signed_at() < now());
            }
        }
        Content::MessageSignature => {
            let other = Digest::sha256_of(b"another artifact");
            assert!(verify_blob(&bundle, &ROOT, &signers, &other, now()).is_err());
            if let Ok(verified) = verify_blob(&bundle, &ROOT, &signers, &BLOB, now()) {
                assert_eq!(*verified.signer(), signer());
                assert!(only.is_none_or(|good| good.statement.is_none()));
            }
        }
    }
}

fn verify_fields(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let good = &GOOD[usize::from(*first) % GOOD.len()];
    let mut value = good.value.clone();
    damage(&mut value, &mut Unstructured::new(rest));
    keyless(value.to_string().as_bytes(), Some(good));
}

fn verify_keyed(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let good = &KEYED[usize::from(*first) % KEYED.len()];
    let mut value = good.value.clone();
    damage(&mut value, &mut Unstructured::new(rest));
    let Ok(bundle) = Bundle::parse(value.to_string().as_bytes()) else {
        return;
    };
    let key = |file: &str| {
        ExpectedKey::new(
            "key",
            PublicKey::from_pem(&recorded(file)).expect("recorded"),
        )
    };
    let other = if good.key == "keyed/p384.pub" {
        "keyed/p521.pub"
    } else {
        "keyed/p384.pub"
    };
    for (key, ours) in [(key(good.key), true), (key(other), false)] {
        for profile in [KeyProfile::Logged, KeyProfile::NoLog] {
            match bundle.claimed() {
                Content::Statement(_) => {
                    let verified =
                        verify_statement_with_key(&bundle, &KEYED_ROOT, &key, profile, now());
                    if let Ok(verified) = verified {
                        assert!(ours, "another key verifies it");
                        assert_eq!(Some(verified.value()), good.statement.as_ref());
                    }
                }
                Content::MessageSignature => {
                    let verify = |bytes: &[u8]| {
                        let artifact = Artifact::Bytes(bytes);
                        verify_blob_with_key(&bundle, &KEYED_ROOT, &key, artifact, profile, now())
                    };
                    assert!(verify(b"another artifact").is_err());
                    assert!(
                        ours || verify(&KEYED_BLOB).is_err(),
                        "another key verifies it"
                    );
                }
            }
        }
    }
}

fn certificate(data: &[u8]) {
    if let Ok((identity, claims)) = fuzz::read_certificate(data) {
        assert!(!identity.san.is_empty() && !identity.issuer.is_empty());
        for claim in palisade_trust::SignerClaim::ALL {
            assert_ne!(claims.get(claim), Some(""));
        }
    }
    let _readable = fuzz::has_one_sct(data);
    // Inside the ten minutes of the recorded certificates.
    let issued = verify_certificate(data, &ROOT, TIMED.2);
    if let Ok(issued) = issued {
        let (identity, _) = fuzz::read_certificate(data).expect("it was verified");
        assert_eq!(issued.identity, identity);
        assert!(fuzz::has_one_sct(data).is_ok());
        assert_eq!(
            identity.issuer,
            signer().issuer,
            "an issuer nobody certified"
        );
    }
}

fn timestamp(data: &[u8]) {
    let (reply, signature, time) = &*TIMED;
    if let Ok(told) = verify_timestamp(data, signature, &ROOT, now()) {
        assert_eq!(told, *time, "another time than was signed");
    }
    if data == reply {
        assert!(verify_timestamp(data, b"another signature", &ROOT, now()).is_err());
    }
}

fn public_key(data: &[u8]) {
    for key in [PublicKey::from_pem(data), PublicKey::from_der(data)] {
        let Ok(key) = key else { continue };
        let again = PublicKey::from_der(key.der()).expect("its own DER");
        assert_eq!(again, key);
        assert_eq!(key.fingerprint(), Digest::sha256_of(key.der()));
    }
}

/// Input: a root; or, when it does not begin like one, changes to a recorded one.
fn trust_root(data: &[u8]) {
    if !data.starts_with(b"{") {
        let recorded = recorded("trusted_root.json");
        let mut value: Value = serde_json::from_slice(&recorded).expect("a recorded root");
        damage(&mut value, &mut Unstructured::new(data));
        let changed = value.to_string();
        if changed.starts_with('{') {
            trust_root(changed.as_bytes());
        }
        return;
    }
    let Ok(root) = TrustRoot::parse(data) else {
        return;
    };
    assert_eq!(*root.digest(), Digest::sha256_of(data));
    palisade_types::json::parse_strict(data).expect("a root is strict JSON");
    let again = TrustRoot::parse(data).expect("the same bytes");
    assert_eq!(again.is_lab(), root.is_lab());
}

/// Input: a pattern, and on the next line a text.
fn pattern(data: &[u8]) {
    let Some((pattern, text)) = lines(data) else {
        return;
    };
    if pattern.len() > 200 || text.len() > 200 {
        return;
    }
    if let Ok(claim) = ClaimPattern::glob(pattern) {
        let parts: Vec<char> = pattern.chars().collect();
        let value: Vec<char> = text.chars().collect();
        assert_eq!(
            fuzz::matches(&claim, text),
            glob(&parts, &value),
            "{pattern:?} {text:?}"
        );
        assert!(fuzz::matches(&ClaimPattern::exact(text), text));
    }
    let Ok(san) = SanPattern::regex(pattern) else {
        return;
    };
    assert!(pattern.starts_with('^') && pattern.ends_with('$'));
    let expected = ExpectedSigner::new("x", san, "issuer");
    let matches = |san: &str| {
        let issuer = "issuer".to_owned();
        let san = san.to_owned();
        expected.check(&SignerIdentity { san, issuer }).is_ok()
    };
    assert!(!matches(""));
    // An expression without anything special in it is a text.
    let inner = &pattern[1..pattern.len() - 1];
    if inner
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/@:-".contains(&byte))
    {
        assert_eq!(matches(text), inner == text);
        assert!(matches(inner) && !matches(&format!("{inner}\n")));
        assert!(!matches(&format!("x{inner}")) && !matches(&format!("{inner}x")));
    }
}

/// `*` is any run without a slash, two or more are any run; everything else is itself.
fn glob(pattern: &[char], text: &[char]) -> bool {
    let mut ends: Vec<bool> = vec![false; text.len() + 1];
    ends[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let mut next = vec![false; text.len() + 1];
        if pattern[at] == '*' {
            let stars = pattern[at..].iter().take_while(|c| **c == '*').count();
            at += stars;
            let mut open = false;
            for place in 0..=text.len() {
                if place > 0 && stars == 1 && text[place - 1] == '/' {
                    open = false;
                }
                open |= ends[place];
                next[place] = open;
            }
        } else {
            for place in 0..text.len() {
                next[place + 1] = ends[place] && text[place] == pattern[at];
            }
            at += 1;
        }
        ends = next;
    }
    ends[text.len()]
}
