//! An `intoto` entry by a key, in a log of one entry that names itself by its host: made here, with
//! keys of this run.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_attest::{Bundle, IN_TOTO_PAYLOAD_TYPE, ResourceDescriptor, Statement, dsse};
use palisade_trust::{
    Claim, ExpectedKey, KeyProfile, PublicKey, TrustRoot, verify_statement_with_key,
};
use palisade_types::Digest;
use serde_json::{Value, json};

use crate::fixtures::now;

struct Key(EcdsaKeyPair);

impl Key {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let signature = self.0.sign(&SystemRandom::new(), bytes).unwrap();
        signature.as_ref().to_vec()
    }

    /// `SubjectPublicKeyInfo` of an uncompressed point on P-256 (RFC 5480 §2).
    fn spki(&self) -> Vec<u8> {
        let head = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
        [&head, self.0.public_key().as_ref()].concat()
    }

    fn pem(&self) -> String {
        let text = STANDARD.encode(self.spki());
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }
}

struct World {
    signer: Key,
    log: Key,
}

impl World {
    /// The log's id: the SHA-256 of its key.
    fn log_id(&self) -> Vec<u8> {
        Digest::sha256_of(&self.log.spki()).bytes()
    }

    /// A trust root that knows one log and nobody else.
    fn root(&self) -> TrustRoot {
        let root = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": "https://log.test",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": STANDARD.encode(self.log.spki()),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": {"start": "2020-01-01T00:00:00Z"},
                },
                "logId": {"keyId": STANDARD.encode(self.log_id())},
            }],
        });
        TrustRoot::parse(root.to_string().as_bytes()).unwrap()
    }

    /// A bundle whose entry says what `change` makes of the right body, under this origin.
    fn bundle(&self, origin: &str, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let subject = ResourceDescriptor::new(None, &Digest::sha256_of(b"artifact"));
        let payload = Statement::new(vec![subject], "https://example.test/p", json!({})).to_json();
        let signature =
            STANDARD.encode(self.signer.sign(&dsse::pae(IN_TOTO_PAYLOAD_TYPE, &payload)));
        let mut body = json!({
            "apiVersion": "0.0.2",
            "kind": "intoto",
            "spec": {"content": {
                "envelope": {
                    "payloadType": IN_TOTO_PAYLOAD_TYPE,
                    "signatures": [{
                        "publicKey": STANDARD.encode(self.signer.pem()),
                        "sig": STANDARD.encode(&signature),
                    }],
                },
                "hash": {"algorithm": "sha256", "value": "00".repeat(32)},
                "payloadHash": {
                    "algorithm": "sha256",
                    "value": Digest::sha256_of(&payload).hex(),
                },
            }},
        });
        change(&mut body);
        let body = body.to_string();
        // RFC 6962 §2.1: the root of a tree of one leaf is the leaf's hash.
        let tree = STANDARD.encode(Digest::sha256_of(&[b"\0", body.as_bytes()].concat()).bytes());
        let note = format!("{origin}\n1\n{tree}\n");
        let by_log = [&self.log_id()[..4], &self.log.sign(note.as_bytes())].concat();
        let name = origin.split(' ').next().unwrap();
        let signed = STANDARD.encode(by_log);
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "publicKey": {"hint": ""},
                "tlogEntries": [{
                    "logIndex": "0",
                    "logId": {"keyId": STANDARD.encode(self.log_id())},
                    "kindVersion": {"kind": "intoto", "version": "0.0.2"},
                    "integratedTime": "0",
                    "inclusionProof": {
                        "logIndex": "0",
                        "rootHash": tree,
                        "treeSize": "1",
                        "hashes": [],
                        "checkpoint": {"envelope": format!("{note}\n\u{2014} {name} {signed}\n")},
                    },
                    "canonicalizedBody": STANDARD.encode(&body),
                }],
            },
            "dsseEnvelope": {
                "payload": STANDARD.encode(&payload),
                "payloadType": IN_TOTO_PAYLOAD_TYPE,
                "signatures": [{"sig": signature, "keyid": ""}],
            },
        });
        bundle.to_string().into_bytes()
    }

    fn judge(&self, bundle: &[u8], profile: KeyProfile) -> Result<Vec<Claim>, &'static str> {
        let bundle = Bundle::parse(bundle).map_err(|_| "parse")?;
        let key = PublicKey::from_pem(self.signer.pem().as_bytes()).unwrap();
        let key = ExpectedKey::new("signer", key);
        verify_statement_with_key(&bundle, &self.root(), &key, profile, now())
            .map(|verified| verified.claims().to_vec())
            .map_err(|rejection| rejection.word())
    }
}

fn world() -> World {
    World {
        signer: Key::new(),
        log: Key::new(),
    }
}

/// Attack: `log_intoto_002`. Each part of the entry has to be the envelope's own.
#[test]
fn an_intoto_entry_by_a_key_is_about_this_envelope_or_refused() {
    let world = world();
    let of =
        |change: fn(&mut Value)| world.judge(&world.bundle("log.test", change), KeyProfile::NoLog);
    let held = [Claim::Key, Claim::LogInclusion, Claim::Signature];
    assert_eq!(of(|_| {}).as_deref(), Ok(&held[..]));
    let content = |body: &mut Value, pointer: &str, new: Value| {
        *body["spec"]["content"].pointer_mut(pointer).unwrap() = new;
    };
    let zeros = || json!("00".repeat(32));
    let other = [
        of(|body| body["spec"]["content"]["payloadHash"]["value"] = json!("00".repeat(32))),
        of(|body| body["spec"]["content"]["envelope"]["payloadType"] = json!("text/plain")),
        of(|body| body["spec"]["content"]["envelope"]["signatures"] = json!([])),
        of(|body| {
            let sig = STANDARD.encode(STANDARD.encode([0x30; 70]));
            body["spec"]["content"]["envelope"]["signatures"][0]["sig"] = json!(sig);
        }),
        of(|body| {
            let key = STANDARD.encode(Key::new().pem());
            body["spec"]["content"]["envelope"]["signatures"][0]["publicKey"] = json!(key);
        }),
    ];
    for refused in other {
        assert_eq!(refused, Err("entry-mismatch"));
    }
    let md5 = world.bundle("log.test", |body| {
        content(body, "/payloadHash/algorithm", json!("md5"));
        content(body, "/hash/value", zeros());
    });
    assert_eq!(
        world.judge(&md5, KeyProfile::NoLog),
        Err("unsupported-entry")
    );
}

/// Attack: `log_checkpoint_origin`. A log that promises nothing may name itself by its host.
#[test]
fn a_checkpoint_of_a_log_without_promises_names_its_host_and_maybe_its_tree() {
    let world = world();
    let of = |origin: &str| world.judge(&world.bundle(origin, |_| {}), KeyProfile::NoLog);
    for good in ["log.test", "log.test - 17", "log.test:3000 - 17"] {
        assert!(of(good).is_ok(), "{good}: {:?}", of(good));
    }
    for other in [
        "evil.test",
        "log.test.evil - 17",
        "log.test - x",
        "log.test -",
    ] {
        assert!(of(other).is_err(), "{other}");
    }
    // A time is still demanded where a log is.
    let bundle = world.bundle("log.test", |_| {});
    assert_eq!(world.judge(&bundle, KeyProfile::Logged), Err("no-time"));
}
