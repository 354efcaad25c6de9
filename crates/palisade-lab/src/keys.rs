//! The lab's keys and CA certificates: made once, kept in `--state DIR` or forgotten.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa;
use p256::ecdsa::SigningKey as P256;
use p256::elliptic_curve::rand_core::OsRng;
use p384::ecdsa::SigningKey as P384;
use serde::{Deserialize, Serialize};
use x509_cert::ext::pkix::KeyUsages;

use crate::certificates::{
    Signer, Template, authority, authority_key_id, extended_key_usage, key_usage, lab_name,
    spki_p256, spki_p384, subject_key_id,
};
use crate::encode::{b64, now, random, unb64};

const DAY: i64 = 24 * 60 * 60;
/// How long before its first start a lab's keys count as valid, so that a fault can date evidence
/// hours back and still fail for its own reason only.
const BACKDATED: i64 = 2 * DAY;
const CA_LIFETIME: i64 = 3650 * DAY;

pub(crate) const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";

pub(crate) struct Keys {
    /// Seconds since 1970 from which every key of this lab is valid.
    pub(crate) start: i64,
    pub(crate) tree_id: u64,
    oidc: OnceLock<rsa::KeyPair>,
    pub(crate) root: P384,
    pub(crate) intermediate: P256,
    pub(crate) ct: P256,
    pub(crate) rekor_v1: P256,
    pub(crate) rekor_v2: ed25519_dalek::SigningKey,
    pub(crate) tsa: P256,
    pub(crate) tuf: ed25519_dalek::SigningKey,
    pub(crate) certificates: Certificates,
}

/// CA certificates and the TSA's own, DER.
pub(crate) struct Certificates {
    pub(crate) root: Vec<u8>,
    pub(crate) intermediate: Vec<u8>,
    pub(crate) tsa_root: Vec<u8>,
    pub(crate) tsa: Vec<u8>,
}

impl Keys {
    /// The key that signs tokens. Making it is most of a lab's start, so it is made when needed.
    pub(crate) fn oidc(&self) -> &rsa::KeyPair {
        let new = || rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("RSA-2048 is supported");
        self.oidc.get_or_init(new)
    }

    fn new() -> Keys {
        let start = now() - BACKDATED;
        let root = P384::random(&mut OsRng);
        let intermediate = P256::random(&mut OsRng);
        let tsa_root = P384::random(&mut OsRng);
        let tsa = P256::random(&mut OsRng);
        let certificates = Certificates {
            root: authority_certificate("fulcio root", start, &root),
            intermediate: intermediate_certificate(start, &intermediate, &root),
            tsa_root: authority_certificate("timestamp root", start, &tsa_root),
            tsa: tsa_certificate(start, &tsa, &tsa_root),
        };
        Keys {
            start,
            // Fits a signed 64-bit integer, which Go's rekor uses for tree ids.
            tree_id: u64::from_be_bytes(random()) >> 2 | 1 << 60,
            oidc: OnceLock::new(),
            root,
            intermediate,
            ct: P256::random(&mut OsRng),
            rekor_v1: P256::random(&mut OsRng),
            rekor_v2: ed25519_dalek::SigningKey::generate(&mut OsRng),
            tsa,
            tuf: ed25519_dalek::SigningKey::generate(&mut OsRng),
            certificates,
        }
    }
}

fn authority_certificate(name: &str, start: i64, key: &P384) -> Vec<u8> {
    let spki = spki_p384(key);
    let extensions = vec![
        authority(1),
        key_usage(KeyUsages::KeyCertSign | KeyUsages::CRLSign),
        subject_key_id(&spki),
    ];
    let template = Template {
        issuer: lab_name(name),
        subject: lab_name(name),
        not_before: start,
        not_after: start + CA_LIFETIME,
        spki,
        extensions,
    };
    template.sign(&Signer::P384(key))
}

fn intermediate_certificate(start: i64, key: &P256, root: &P384) -> Vec<u8> {
    let spki = spki_p256(key);
    let extensions = vec![
        authority(0),
        key_usage(KeyUsages::KeyCertSign | KeyUsages::CRLSign),
        subject_key_id(&spki),
        authority_key_id(&spki_p384(root)),
        extended_key_usage(false, CODE_SIGNING),
    ];
    let template = Template {
        issuer: lab_name("fulcio root"),
        subject: lab_name("fulcio intermediate"),
        not_before: start,
        not_after: start + CA_LIFETIME,
        spki,
        extensions,
    };
    template.sign(&Signer::P384(root))
}

fn tsa_certificate(start: i64, key: &P256, root: &P384) -> Vec<u8> {
    let spki = spki_p256(key);
    let extensions = vec![
        key_usage(KeyUsages::DigitalSignature),
        // RFC 3161 section 2.3: this purpose alone, and critical.
        extended_key_usage(true, TIME_STAMPING),
        subject_key_id(&spki),
        authority_key_id(&spki_p384(root)),
    ];
    let template = Template {
        issuer: lab_name("timestamp root"),
        subject: lab_name("timestamp authority"),
        not_before: start,
        not_after: start + CA_LIFETIME,
        spki,
        extensions,
    };
    template.sign(&Signer::P384(root))
}

/// The keys as they lie in `DIR/keys.json`; byte fields are base64.
#[derive(Serialize, Deserialize)]
struct Stored {
    port: u16,
    start: i64,
    tree_id: u64,
    oidc: String,
    root: String,
    intermediate: String,
    ct: String,
    rekor_v1: String,
    rekor_v2: String,
    tsa: String,
    tuf: String,
    certificates: [String; 4],
}

/// A folder that outlives the process: keys, log entries and the port they were used on.
#[derive(Debug)]
pub(crate) struct StateDir(PathBuf);

impl StateDir {
    /// Opens or makes the folder, readable by its owner only.
    pub(crate) fn open(dir: &Path) -> io::Result<StateDir> {
        std::fs::create_dir_all(dir)?;
        restrict(dir, 0o700)?;
        Ok(StateDir(dir.to_owned()))
    }

    /// The keys of an earlier run and its port.
    pub(crate) fn load(&self) -> io::Result<Option<(Keys, u16)>> {
        let text = match std::fs::read(self.file("keys.json")) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let stored: Stored = serde_json::from_slice(&text)?;
        let port = stored.port;
        let keys = stored
            .keys()
            .ok_or_else(|| invalid("keys.json has an unreadable key"))?;
        Ok(Some((keys, port)))
    }

    pub(crate) fn save(&self, keys: &Keys, port: u16) -> io::Result<()> {
        let path = self.file("keys.json");
        std::fs::write(&path, b"")?;
        restrict(&path, 0o600)?;
        std::fs::write(&path, serde_json::to_vec_pretty(&Stored::new(keys, port)?)?)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// The keys of `state` if it has any, else new ones; and the port they belong to.
pub(crate) fn load_or_new(state: Option<&StateDir>) -> io::Result<(Keys, Option<u16>)> {
    match state.map(StateDir::load).transpose()?.flatten() {
        Some((keys, port)) => Ok((keys, Some(port))),
        None => Ok((Keys::new(), None)),
    }
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn restrict(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Stored {
    fn new(keys: &Keys, port: u16) -> io::Result<Stored> {
        let oidc = keys
            .oidc()
            .as_der()
            .map_err(|_| invalid("the RSA key has no encoding"))?;
        let certificates = &keys.certificates;
        Ok(Stored {
            port,
            start: keys.start,
            tree_id: keys.tree_id,
            oidc: b64(oidc.as_ref()),
            root: b64(&keys.root.to_bytes()),
            intermediate: b64(&keys.intermediate.to_bytes()),
            ct: b64(&keys.ct.to_bytes()),
            rekor_v1: b64(&keys.rekor_v1.to_bytes()),
            rekor_v2: b64(keys.rekor_v2.as_bytes()),
            tsa: b64(&keys.tsa.to_bytes()),
            tuf: b64(keys.tuf.as_bytes()),
            certificates: [
                b64(&certificates.root),
                b64(&certificates.intermediate),
                b64(&certificates.tsa_root),
                b64(&certificates.tsa),
            ],
        })
    }

    fn keys(&self) -> Option<Keys> {
        let p256 = |text: &str| P256::from_slice(&unb64(text)?).ok();
        let ed25519 = |text: &str| {
            let bytes: [u8; 32] = unb64(text)?.try_into().ok()?;
            Some(ed25519_dalek::SigningKey::from_bytes(&bytes))
        };
        let [root, intermediate, tsa_root, tsa] = &self.certificates;
        Some(Keys {
            start: self.start,
            tree_id: self.tree_id,
            oidc: OnceLock::from(rsa::KeyPair::from_pkcs8(&unb64(&self.oidc)?).ok()?),
            root: P384::from_slice(&unb64(&self.root)?).ok()?,
            intermediate: p256(&self.intermediate)?,
            ct: p256(&self.ct)?,
            rekor_v1: p256(&self.rekor_v1)?,
            rekor_v2: ed25519(&self.rekor_v2)?,
            tsa: p256(&self.tsa)?,
            tuf: ed25519(&self.tuf)?,
            certificates: Certificates {
                root: unb64(root)?,
                intermediate: unb64(intermediate)?,
                tsa_root: unb64(tsa_root)?,
                tsa: unb64(tsa)?,
            },
        })
    }
}
