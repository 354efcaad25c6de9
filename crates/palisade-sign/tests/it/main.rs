//! What `palisade sign` promises, shown with the real program against the lab.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod attest;
mod cosign;
mod image;
mod keys;
mod legacy;
mod provenance;
mod recursive;
mod refusals;
mod roots;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Output;

use palisade_lab::{Config, GithubIdentity, Lab, SigningConfigKind};
use palisade_trust::{ExpectedSigner, TrustRoot};
use palisade_types::SignerIdentity;
use tempfile::TempDir;

const EMAIL: &str = "dev@acme.test";

/// A lab, its files, and an image in its registry.
struct World {
    lab: Lab,
    dir: TempDir,
    image: String,
}

impl World {
    async fn new() -> Self {
        Self::with(Config::default()).await
    }

    async fn with(config: Config) -> Self {
        let lab = Lab::start(config).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        lab.write_files(dir.path()).unwrap();
        let image = lab.seed_image();
        Self { lab, dir, image }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Flags that point at the lab's Rekor of this kind.
    fn lab_flags(&self, kind: SigningConfigKind) -> Vec<String> {
        let config = self.file(&format!("signing_config_{}.json", kind.name()));
        let root = self.file("trusted_root.json");
        [
            format!("--signing-config={}", config.display()),
            format!("--trusted-root={}", root.display()),
            "--allow-lab".to_owned(),
            "--timeout=2".to_owned(),
        ]
        .into()
    }

    /// Runs `palisade-sign` with the lab's flags and a person's token, and nothing else in its
    /// environment. Whatever it prints, the token is not in it.
    async fn sign(&self, args: &[&str]) -> Run {
        self.sign_through(SigningConfigKind::V2, args).await
    }

    async fn sign_through(&self, kind: SigningConfigKind, args: &[&str]) -> Run {
        let token = self.lab.email_token(EMAIL);
        let mut all: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        all.extend(self.lab_flags(kind));
        run(&all, &[("SIGSTORE_ID_TOKEN", &token)], &token).await
    }

    fn root(&self) -> TrustRoot {
        TrustRoot::parse(self.lab.trusted_root().as_bytes()).unwrap()
    }

    fn signer(&self) -> ExpectedSigner {
        expected(EMAIL, self.lab.base())
    }
}

fn expected(san: &str, issuer: &str) -> ExpectedSigner {
    let identity = SignerIdentity {
        san: san.to_owned(),
        issuer: issuer.to_owned(),
    };
    ExpectedSigner::exact("test", identity)
}

fn workflow() -> (GithubIdentity, ExpectedSigner) {
    let identity = GithubIdentity::default();
    let expected = expected(&identity.san(), GithubIdentity::ISSUER);
    (identity, expected)
}

/// How a run ended.
#[derive(Debug)]
struct Run {
    code: i32,
    out: String,
    err: String,
}

async fn run(args: &[String], environment: &[(&str, &str)], secret: &str) -> Run {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_palisade-sign"))
        .args(args)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .await
        .unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    let run = Run {
        code: status.code().unwrap(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    };
    for part in secret.split('.').filter(|part| !part.is_empty()) {
        assert!(
            !run.out.contains(part) && !run.err.contains(part),
            "a token shows: {run:?}"
        );
    }
    run
}

fn entries(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}
