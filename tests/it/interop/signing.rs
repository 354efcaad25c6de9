//! What the rows of the page are about, and how each signer makes it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;

use super::stage::{Stage, ok};
use super::verifiers::modules;
use crate::peers;

const TYPE: &str = "slsaprovenance1";
const TYPE_URI: &str = "https://slsa.dev/provenance/v1";

/// What is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Attestation,
    Blob,
    BlobAttestation,
    BlobWithKey,
    Image,
    ImageWithKey,
    Index,
    LegacyAttestation,
    LegacyImage,
    LegacyImageWithKey,
}

/// What a signer made.
pub(crate) enum Signed {
    /// A bundle about `blob`.
    Bundle(PathBuf),
    /// Images in the registry.
    Images(Vec<SignedImage>),
    /// Nothing, and this is what it said.
    Not(String),
}

/// An image that something is attached to.
pub(crate) struct SignedImage {
    /// Its name by digest.
    pub(crate) name: String,
    /// The attached bundle, once it is fetched.
    pub(crate) bundle: Option<PathBuf>,
}

impl Kind {
    /// The kind a row of the page begins with.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "attestation of an image" => Self::Attestation,
            "attestation of an image, legacy tag" => Self::LegacyAttestation,
            "attestation of a file" => Self::BlobAttestation,
            "file" => Self::Blob,
            "file, with a key" => Self::BlobWithKey,
            "image" => Self::Image,
            "image, with a key" => Self::ImageWithKey,
            "image, legacy tag" => Self::LegacyImage,
            "image, legacy tag, with a key" => Self::LegacyImageWithKey,
            "index and its images" => Self::Index,
            _ => panic!("docs/interop.md: `{name}` is nothing that can be signed"),
        }
    }

    /// Whether a key signs.
    pub(crate) const fn keyed(self) -> bool {
        matches!(
            self,
            Self::BlobWithKey | Self::ImageWithKey | Self::LegacyImageWithKey
        )
    }

    /// `palisade verify …`.
    pub(crate) fn palisade(self, what: &str) -> Vec<&str> {
        match self {
            Self::Attestation | Self::LegacyAttestation => {
                vec!["attestation", what, "--type", TYPE]
            }
            Self::Blob | Self::BlobWithKey => vec!["blob", what, "--bundle", "signed.json"],
            Self::BlobAttestation => vec!["blob", what, "--bundle", "signed.json", "--type", TYPE],
            Self::Image
            | Self::ImageWithKey
            | Self::Index
            | Self::LegacyImage
            | Self::LegacyImageWithKey => vec!["image", what],
        }
    }

    /// `cosign verify… IMAGE`.
    pub(crate) fn cosign(self, image: &str) -> Vec<&str> {
        match self {
            Self::Attestation | Self::LegacyAttestation => {
                vec!["verify-attestation", "--type", TYPE, image]
            }
            _ => vec!["verify", image],
        }
    }
}

/// Signs; `None` when the signer is absent, which was said.
pub(crate) fn sign(stage: &Stage, kind: Kind, signer: &str) -> Option<Signed> {
    let cosign = peers::find("bin/cosign");
    if kind.keyed() {
        keys(stage, cosign.as_deref()?);
    }
    let images = match kind {
        Kind::Index => index(stage)?,
        _ => vec![stage.image.clone()],
    };
    let output = match signer {
        "palisade" => palisade(stage, kind, &images[0]),
        "cosign" => by_cosign(stage, kind, &cosign?, &images[0]),
        "sigstore-python" => python(stage, kind, &peers::find("venv/bin/sigstore")?),
        "sigstore-js" => {
            let package = peers::find("node/node_modules/sigstore/package.json")?;
            javascript(stage, kind, &modules(&package))
        }
        _ => panic!("docs/interop.md: `{signer}` is no signer"),
    };
    if !output.status.success() {
        return Some(Signed::Not(peers::text(&output)));
    }
    let bundle = stage.file("signed.json");
    Some(match kind {
        Kind::Blob | Kind::BlobAttestation | Kind::BlobWithKey => Signed::Bundle(bundle),
        _ => {
            let image = |name| SignedImage { name, bundle: None };
            Signed::Images(images.into_iter().map(image).collect())
        }
    })
}

/// The signer's key, and another one.
fn keys(stage: &Stage, cosign: &Path) {
    for name in ["cosign", "other"] {
        ok(&stage.peer(cosign, &["generate-key-pair", "--output-key-prefix", name]));
    }
}

/// An index over two images, and those.
fn index(stage: &Stage) -> Option<Vec<String>> {
    let crane = peers::find("bin/crane")?;
    let repository = format!("{}/acme/many", stage.lab.registry());
    let tag = |name: &str| format!("{repository}:{name}");
    let (a, b, index) = (tag("a"), tag("b"), tag("index"));
    for (label, to) in [("label=a", &a), ("label=b", &b)] {
        ok(&stage.peer(
            &crane,
            &["mutate", "--label", label, &stage.image, "-t", to],
        ));
    }
    ok(&stage.peer(
        &crane,
        &["index", "append", "-m", &a, "-m", &b, "-t", &index],
    ));
    let pinned = |tag: &String| {
        let output = stage.peer(&crane, &["digest", tag]);
        ok(&output);
        format!(
            "{repository}@{}",
            String::from_utf8(output.stdout).unwrap().trim()
        )
    };
    Some([&index, &a, &b].map(pinned).into())
}

fn palisade(stage: &Stage, kind: Kind, image: &str) -> Output {
    let token = ["--identity-token", "token"];
    let key = ["--key", "cosign.key"];
    let blob = ["blob", "blob", "--bundle", "signed.json"];
    let attest = [
        "attest",
        image,
        "--predicate",
        "predicate.json",
        "--type",
        TYPE,
    ];
    match kind {
        Kind::Attestation => stage.sign_as(&attest, &token),
        Kind::Blob => stage.sign_as(&blob, &token),
        Kind::BlobWithKey => stage.sign_as(&blob, &key),
        Kind::Image => stage.sign_as(&["image", image], &token),
        Kind::ImageWithKey => stage.sign_as(&["image", image], &key),
        Kind::Index => stage.sign_as(&["image", "--recursive", image], &token),
        Kind::BlobAttestation
        | Kind::LegacyAttestation
        | Kind::LegacyImage
        | Kind::LegacyImageWithKey => panic!("palisade sign has no command for {kind:?}"),
    }
}

fn by_cosign(stage: &Stage, kind: Kind, cosign: &Path, image: &str) -> Output {
    let token = ["--identity-token", "token"];
    let key = ["--key", "cosign.key"];
    let blob = ["sign-blob", "--bundle", "signed.json", "blob"];
    let predicate = ["--predicate", "predicate.json", "--type", TYPE];
    let attest = [&["attest"][..], &predicate, &[image]].concat();
    let about_blob = ["--bundle", "signed.json", "blob"];
    let attest_blob = [&["attest-blob"][..], &predicate, &about_blob].concat();
    match kind {
        Kind::Attestation => stage.cosign_sign_as(cosign, &attest, &token),
        Kind::Blob => stage.cosign_sign_as(cosign, &blob, &token),
        Kind::BlobAttestation => stage.cosign_sign_as(cosign, &attest_blob, &token),
        Kind::BlobWithKey => stage.cosign_sign_as(cosign, &blob, &key),
        Kind::Image => stage.cosign_sign_as(cosign, &["sign", image], &token),
        Kind::ImageWithKey => stage.cosign_sign_as(cosign, &["sign", image], &key),
        Kind::Index => stage.cosign_sign_as(cosign, &["sign", "--recursive", image], &token),
        Kind::LegacyAttestation => stage.cosign_sign_legacy(cosign, &attest, &token),
        Kind::LegacyImage => stage.cosign_sign_legacy(cosign, &["sign", image], &token),
        Kind::LegacyImageWithKey => stage.cosign_sign_legacy(cosign, &["sign", image], &key),
    }
}

fn python(stage: &Stage, kind: Kind, program: &Path) -> Output {
    let bundle = ["--bundle", "signed.json", "blob"];
    let predicate = [
        "--predicate",
        "predicate.json",
        "--predicate-type",
        TYPE_URI,
    ];
    match kind {
        Kind::Blob => stage.python_sign(program, &[&["sign"][..], &bundle].concat()),
        Kind::BlobAttestation => {
            stage.python_sign(program, &[&["attest"][..], &predicate, &bundle].concat())
        }
        _ => panic!("sigstore-python has no command for {kind:?}"),
    }
}

fn javascript(stage: &Stage, kind: Kind, modules: &Path) -> Output {
    let config = std::fs::read(stage.file("config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    let mut job = json!({
        "base": stage.lab.base(),
        "token": std::fs::read_to_string(stage.file("token")).unwrap(),
        "rekor": config["rekorTlogUrls"][0]["majorApiVersion"],
        "entry": "dsse",
        "file": "blob",
        "bundle": "signed.json",
    });
    if kind == Kind::BlobAttestation {
        std::fs::write(stage.file("statement.json"), statement(stage)).unwrap();
        job["file"] = "statement.json".into();
        job["type"] = "application/vnd.in-toto+json".into();
    }
    std::fs::write(stage.file("job.json"), job.to_string()).unwrap();
    std::fs::write(stage.file("sign.cjs"), include_str!("sign.cjs")).unwrap();
    Command::new("node")
        .arg("sign.cjs")
        .arg(modules)
        .env("HOME", stage.path())
        .current_dir(stage.path())
        .output()
        .unwrap()
}

/// A statement about `blob`.
fn statement(stage: &Stage) -> String {
    let bytes = std::fs::read(stage.file("blob")).unwrap();
    let digest = palisade_types::Digest::sha256_of(&bytes);
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "blob", "digest": {"sha256": digest.hex()}}],
        "predicateType": TYPE_URI,
        "predicate": {},
    })
    .to_string()
}
