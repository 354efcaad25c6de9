//! The files that clients configure themselves from: trusted root, signing configs, PEMs.

use serde_json::{Value, json};

use super::rekor_v2::note_key_id;
use crate::certificates::{LAB_ORGANIZATION, spki_ed25519, spki_p256};
use crate::encode::{b64, pem, rfc3339, sha256};
use crate::world::World;

/// Which services a signing config offers. Every kind names the same Fulcio and OIDC provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningConfigKind {
    /// No transparency log; the timestamp authority alone.
    NoLog,
    /// Rekor v1 and the timestamp authority.
    V1,
    /// Rekor v1 without a timestamp authority.
    V1NoTsa,
    /// Rekor v2 and the timestamp authority.
    V2,
}

impl SigningConfigKind {
    /// Every kind.
    pub const ALL: [SigningConfigKind; 4] = [
        SigningConfigKind::NoLog,
        SigningConfigKind::V1,
        SigningConfigKind::V1NoTsa,
        SigningConfigKind::V2,
    ];

    /// The part of the file name that tells the kinds apart.
    pub fn name(self) -> &'static str {
        match self {
            SigningConfigKind::NoLog => "notlog",
            SigningConfigKind::V1 => "v1",
            SigningConfigKind::V1NoTsa => "v1_notsa",
            SigningConfigKind::V2 => "v2",
        }
    }
}

/// Sigstore protobuf-specs, `TrustedRoot`.
pub(crate) fn trusted_root(world: &World) -> Value {
    let (base, keys) = (&world.base, &world.keys);
    let valid = valid_for(world);
    let ecdsa = |spki: &[u8]| {
        json!({
            "rawBytes": b64(spki), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid,
        })
    };
    let log = |url: &str, key: Value, id: &[u8]| {
        json!({
            "baseUrl": url, "hashAlgorithm": "SHA2_256", "publicKey": key,
            "logId": {"keyId": b64(id)},
        })
    };
    let rekor_v1 = spki_p256(&keys.rekor_v1);
    let rekor_v2 = json!({
        "rawBytes": b64(&spki_ed25519(&keys.rekor_v2)), "keyDetails": "PKIX_ED25519",
        "validFor": valid,
    });
    let ct = spki_p256(&keys.ct);
    let authority = |name: &str, uri: &str, chain: [&Vec<u8>; 2]| {
        json!({
            "subject": {"organization": LAB_ORGANIZATION, "commonName": name},
            "uri": uri,
            "certChain": {"certificates": chain.map(|der| json!({"rawBytes": b64(der)}))},
            "validFor": valid,
        })
    };
    let certificates = &keys.certificates;
    let fulcio = [&certificates.intermediate, &certificates.root];
    let tsa = [&certificates.tsa, &certificates.tsa_root];
    let tsa_url = format!("{base}/api/v1/timestamp");
    json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [
            log(base, ecdsa(&rekor_v1), &sha256(&rekor_v1)),
            log(base, rekor_v2, &note_key_id(keys)),
        ],
        "certificateAuthorities": [authority("fulcio root", base, fulcio)],
        "ctlogs": [log(&format!("{base}/ctlog"), ecdsa(&ct), &sha256(&ct))],
        "timestampAuthorities": [authority("timestamp authority", &tsa_url, tsa)],
    })
}

/// Sigstore protobuf-specs, `SigningConfig` version 0.2.
pub(crate) fn signing_config(world: &World, kind: SigningConfigKind) -> Value {
    let service = |url: &str, version: u8| {
        json!([{
            "url": url, "majorApiVersion": version, "validFor": valid_for(world),
            "operator": LAB_ORGANIZATION,
        }])
    };
    let base = &world.base;
    let mut config = json!({
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": service(base, 1),
        "oidcUrls": service(base, 1),
    });
    let log = match kind {
        SigningConfigKind::NoLog => None,
        SigningConfigKind::V1 | SigningConfigKind::V1NoTsa => Some(1),
        SigningConfigKind::V2 => Some(2),
    };
    if let Some(version) = log {
        config["rekorTlogUrls"] = service(base, version);
        config["rekorTlogConfig"] = json!({"selector": "ANY"});
    }
    if kind != SigningConfigKind::V1NoTsa {
        config["tsaUrls"] = service(&format!("{base}/api/v1/timestamp"), 1);
        config["tsaConfig"] = json!({"selector": "ANY"});
    }
    config
}

/// Sigstore protobuf-specs, `ClientTrustConfig`.
pub(crate) fn client_trust_config(world: &World, kind: SigningConfigKind) -> Value {
    json!({
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": trusted_root(world),
        "signingConfig": signing_config(world, kind),
    })
}

fn valid_for(world: &World) -> Value {
    json!({"start": rfc3339(world.keys.start)})
}

/// Every file, by name.
pub(crate) fn files(world: &World) -> Vec<(String, Vec<u8>)> {
    let keys = &world.keys;
    let certificates = &keys.certificates;
    let certificate = |der: &[u8]| pem("CERTIFICATE", der);
    let key = |spki: &[u8]| pem("PUBLIC KEY", spki).into_bytes();
    let chain =
        |first: &[u8], second: &[u8]| (certificate(first) + &certificate(second)).into_bytes();
    let mut files = vec![
        ("ctlog.pub.pem".to_owned(), key(&spki_p256(&keys.ct))),
        (
            "fulcio.pem".to_owned(),
            chain(&certificates.intermediate, &certificates.root),
        ),
        (
            "rekor_v1.pub.pem".to_owned(),
            key(&spki_p256(&keys.rekor_v1)),
        ),
        (
            "rekor_v2.pub.pem".to_owned(),
            key(&spki_ed25519(&keys.rekor_v2)),
        ),
        ("root.json".to_owned(), world.tuf.root()),
        ("trusted_root.json".to_owned(), pretty(&trusted_root(world))),
        (
            "tsa.pem".to_owned(),
            chain(&certificates.tsa, &certificates.tsa_root),
        ),
    ];
    for kind in SigningConfigKind::ALL {
        let name = kind.name();
        files.push((
            format!("signing_config_{name}.json"),
            pretty(&signing_config(world, kind)),
        ));
        let config = pretty(&client_trust_config(world, kind));
        files.push((format!("client_trust_config_{name}.json"), config));
    }
    files
}

pub(crate) fn pretty(value: &Value) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("a Value has string keys");
    text.push(b'\n');
    text
}
