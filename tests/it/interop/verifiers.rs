//! The verifiers, each asked the same: does this bundle say that this signer signed this artifact?

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::{binaries, peers};

/// Verified, or what was said instead.
pub(crate) type Verdict = Result<(), String>;

/// Who must have signed.
#[derive(Clone)]
pub(crate) enum Signer {
    Keyless {
        identity: String,
        issuer: String,
    },
    /// A public key in PEM.
    Key(PathBuf),
}

/// One question. Paths are absolute.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) bundle: PathBuf,
    /// A file, or `sha256:` and a digest.
    pub(crate) artifact: String,
    pub(crate) signer: Signer,
    pub(crate) trusted_root: PathBuf,
    /// Trusted root and signing configuration in one.
    pub(crate) client_config: PathBuf,
}

/// A real verifier that reads bundles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verifier {
    Cosign,
    SigstoreGo,
    SigstoreJs,
    SigstorePython,
}

impl Verifier {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [
        Self::Cosign,
        Self::SigstorePython,
        Self::SigstoreJs,
        Self::SigstoreGo,
    ];

    /// Its name on the page.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cosign => "cosign",
            Self::SigstoreGo => "sigstore-go",
            Self::SigstoreJs => "sigstore-js",
            Self::SigstorePython => "sigstore-python",
        }
    }

    /// Its program, or `None` after saying that it is skipped.
    pub(crate) fn find(self) -> Option<PathBuf> {
        peers::find(match self {
            Self::Cosign => "bin/cosign",
            Self::SigstoreGo => "bin/sigstore-go-verification",
            Self::SigstoreJs => "node/node_modules/sigstore/package.json",
            Self::SigstorePython => "venv/bin/sigstore",
        })
    }

    /// Whether it has a command for this question at all.
    pub(crate) fn can_be_asked(self, question: &Question) -> bool {
        self != Self::SigstorePython || matches!(question.signer, Signer::Keyless { .. })
    }

    /// Asks all questions, in `folder`. Interpreters start once for all of them.
    pub(crate) fn ask(self, program: &Path, folder: &Path, questions: &[Question]) -> Vec<Verdict> {
        let one_by_one = |args: fn(&Question) -> Vec<String>| {
            let ask = |question| verdict(&peers::run(program, folder, &strs(&args(question))));
            questions.iter().map(ask).collect()
        };
        match self {
            Self::Cosign => one_by_one(cosign),
            Self::SigstoreGo => one_by_one(sigstore_go),
            Self::SigstoreJs => {
                let script = folder.join("verify.cjs");
                std::fs::write(&script, include_str!("verify.cjs")).unwrap();
                let mut node = Command::new("node");
                at_once(node.arg(script).arg(modules(program)), folder, questions)
            }
            Self::SigstorePython => {
                let python = program.with_file_name("python");
                let script = include_str!("verify.py");
                let mut python = Command::new(python);
                at_once(python.args(["-c", script]), folder, questions)
            }
        }
    }
}

/// Where npm's packages are.
pub(crate) fn modules(package: &Path) -> PathBuf {
    package.ancestors().nth(2).unwrap().canonicalize().unwrap()
}

fn strs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

fn verdict(output: &std::process::Output) -> Verdict {
    if output.status.success() {
        Ok(())
    } else {
        Err(peers::text(output))
    }
}

/// One process answers all questions of `jobs.json`.
fn at_once(command: &mut Command, folder: &Path, questions: &[Question]) -> Vec<Verdict> {
    let job = |question: &Question| {
        let Question {
            bundle,
            artifact,
            signer,
            trusted_root,
            client_config,
        } = question;
        let mut job = json!({
            "bundle": bundle, "artifact": artifact, "root": trusted_root, "config": client_config,
        });
        match signer {
            Signer::Keyless { identity, issuer } => {
                job["identity"] = identity.as_str().into();
                job["issuer"] = issuer.as_str().into();
            }
            Signer::Key(key) => job["key"] = json!(key),
        }
        job
    };
    let jobs: Vec<Value> = questions.iter().map(job).collect();
    std::fs::write(folder.join("jobs.json"), Value::from(jobs).to_string()).unwrap();
    let output = command
        .env("HOME", folder)
        .current_dir(folder)
        .output()
        .unwrap();
    let verdicts: Vec<Option<String>> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", peers::text(&output)));
    assert_eq!(verdicts.len(), questions.len());
    verdicts
        .into_iter()
        .map(|said| said.map_or(Ok(()), Err))
        .collect()
}

/// The predicate type of a bundle's statement, or `None` where the bundle holds a signature over
/// bytes. Only says which command fits; the verifiers read it themselves.
fn predicate_type(bundle: &Path) -> Option<String> {
    let bundle: Value = serde_json::from_slice(&std::fs::read(bundle).unwrap()).unwrap();
    let payload = bundle["dsseEnvelope"]["payload"].as_str()?;
    let statement = base64(payload);
    let statement: Value = serde_json::from_slice(&statement).unwrap();
    Some(statement["predicateType"].as_str().unwrap().to_owned())
}

fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.bytes().take_while(|letter| *letter != b'=') {
        let value = ALPHABET.iter().position(|known| *known == letter).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn cosign(question: &Question) -> Vec<String> {
    let mut args = match predicate_type(&question.bundle) {
        None => vec!["verify-blob".to_owned()],
        Some(of_type) => ["verify-blob-attestation", "--type", &of_type]
            .map(str::to_owned)
            .into(),
    };
    let mut add = |flag: &str, value: String| args.extend([flag.to_owned(), value]);
    add("--bundle", shown(&question.bundle));
    add("--trusted-root", shown(&question.trusted_root));
    match &question.signer {
        Signer::Keyless { identity, issuer } => {
            add("--certificate-identity", identity.clone());
            add("--certificate-oidc-issuer", issuer.clone());
        }
        Signer::Key(key) => add("--key", shown(key)),
    }
    match question.artifact.strip_prefix("sha256:") {
        Some(hex) => {
            add("--digest", hex.to_owned());
            add("--digestAlg", "sha256".to_owned());
        }
        None => args.push(question.artifact.clone()),
    }
    args
}

fn sigstore_go(question: &Question) -> Vec<String> {
    let mut args = Vec::new();
    let mut add = |flag: &str, value: String| args.extend([flag.to_owned(), value]);
    add("-trustedrootJSONpath", shown(&question.trusted_root));
    match question.artifact.strip_prefix("sha256:") {
        Some(hex) => add("-artifact-digest", hex.to_owned()),
        None => add("-artifact", question.artifact.clone()),
    }
    match &question.signer {
        Signer::Keyless { identity, issuer } => {
            add("-expectedSAN", identity.clone());
            add("-expectedIssuer", issuer.clone());
        }
        Signer::Key(key) => {
            add("-publicKey", shown(key));
            args.push("-requireCTlog=false".to_owned());
        }
    }
    args.push(shown(&question.bundle));
    args
}

/// palisade, by the conformance protocol.
pub(crate) fn palisade(folder: &Path, question: &Question) -> Verdict {
    let mut args = vec!["verify-bundle".to_owned()];
    let mut add = |flag: &str, value: String| args.extend([flag.to_owned(), value]);
    add("--bundle", shown(&question.bundle));
    match &question.signer {
        Signer::Keyless { identity, issuer } => {
            add("--certificate-identity", identity.clone());
            add("--certificate-oidc-issuer", issuer.clone());
        }
        Signer::Key(key) => add("--key", shown(key)),
    }
    add("--trusted-root", shown(&question.trusted_root));
    args.push(question.artifact.clone());
    let program = binaries::folder().join("palisade-conformance");
    verdict(&peers::run(&program, folder, &strs(&args)))
}
