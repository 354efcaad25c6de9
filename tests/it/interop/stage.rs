//! A lab, its files in a folder, tokens and keys, and what is signed there.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use palisade_lab::{Config, GithubIdentity, Lab, SigningConfigKind};

use crate::{binaries, peers};

/// A lab, its files in a folder, a token, a key of cosign's kind, and the seeded image.
pub(crate) struct Stage {
    pub(crate) lab: Lab,
    folder: tempfile::TempDir,
    pub(crate) image: String,
}

/// Both kinds of log.
pub(crate) const KINDS: [SigningConfigKind; 2] = [SigningConfigKind::V1, SigningConfigKind::V2];

/// A predicate that every client takes for SLSA provenance.
const PREDICATE: &str = r#"{
    "buildDefinition": {"buildType": "https://build.test/v1", "externalParameters": {}},
    "runDetails": {"builder": {"id": "https://builder.test"}}
}"#;

impl Stage {
    pub(crate) async fn new(kind: SigningConfigKind, referrers_api: bool) -> Self {
        let config = Config {
            referrers_api,
            ..Config::default()
        };
        Self::with(config, kind).await
    }

    /// A registry that wants this login, and gets it from Docker's configuration.
    pub(crate) async fn with_login(user: &str, password: &str) -> Self {
        let config = Config {
            registry_auth: Some((user.to_owned(), password.to_owned())),
            ..Config::default()
        };
        let stage = Self::with(config, SigningConfigKind::V2).await;
        let login = serde_json::json!({
            "auths": {stage.lab.registry(): {"username": user, "password": password}},
        });
        let docker = stage.file(".docker");
        std::fs::create_dir(&docker).unwrap();
        std::fs::write(docker.join("config.json"), login.to_string()).unwrap();
        stage
    }

    async fn with(config: Config, kind: SigningConfigKind) -> Self {
        let lab = Lab::start(config).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        lab.write_files(folder.path()).unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("config.json", &lab.signing_config(kind));
        write("client.json", &lab.client_trust_config(kind));
        write("token", &lab.github_token(&GithubIdentity::default()));
        write("blob", "palisade\n");
        write("other-blob", "palisadE\n");
        write("predicate.json", PREDICATE);
        let image = lab.seed_image();
        Self { lab, folder, image }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// A program in this folder, with the key's passphrase and nothing else in its environment.
    fn run(&self, program: &Path, args: &[&str]) -> Output {
        Command::new(program)
            .args(args)
            .env_clear()
            .env("COSIGN_PASSWORD", "passphrase-of-the-key")
            .env("HOME", self.path())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .current_dir(self.path())
            .output()
            .unwrap()
    }

    pub(crate) fn palisade(&self, args: &[&str]) -> Output {
        self.run(&binaries::folder().join("palisade"), args)
    }

    /// `palisade sign`, keyless.
    pub(crate) fn sign(&self, what: &[&str]) {
        ok(&self.sign_as(what, &["--identity-token", "token"]));
    }

    /// `palisade sign` with a token or a key.
    pub(crate) fn sign_as(&self, what: &[&str], who: &[&str]) -> Output {
        let services = [
            "--signing-config",
            "config.json",
            "--trusted-root",
            "trusted_root.json",
            "--allow-lab",
        ];
        self.palisade(&[&["sign"], what, who, &services].concat())
    }

    /// `palisade verify` of the lab's workflow.
    pub(crate) fn verify(&self, what: &[&str]) -> Output {
        self.verify_as(what, &keyless(&san()))
    }

    pub(crate) fn verify_as(&self, what: &[&str], who: &[&str]) -> Output {
        let root = ["--trusted-root", "trusted_root.json", "--allow-lab"];
        self.palisade(&[&["verify"], what, who, &root].concat())
    }

    /// `cosign sign`, `attest`, `sign-blob`, `attest-blob`, keyless.
    pub(crate) fn cosign_sign(&self, cosign: &Path, what: &[&str]) {
        ok(&self.cosign_sign_as(cosign, what, &["--identity-token", "token"]));
    }

    pub(crate) fn cosign_sign_as(&self, cosign: &Path, what: &[&str], who: &[&str]) -> Output {
        let services = [
            "--signing-config",
            "config.json",
            "--trusted-root",
            "trusted_root.json",
            "-y",
        ];
        self.run(cosign, &[what, who, &services].concat())
    }

    /// The same in the format that cosign kept in tags before its version 3.
    pub(crate) fn cosign_sign_legacy(&self, cosign: &Path, what: &[&str], who: &[&str]) -> Output {
        let base = self.lab.base();
        let services = [
            "--new-bundle-format=false",
            "--use-signing-config=false",
            "--fulcio-url",
            base,
            "--rekor-url",
            base,
            "--oidc-issuer",
            base,
            "-y",
        ];
        self.run(cosign, &[what, who, &services].concat())
    }

    pub(crate) fn cosign_verify(&self, cosign: &Path, san: &str, what: &[&str]) -> Output {
        self.cosign_verify_as(cosign, what, &keyless(san))
    }

    pub(crate) fn cosign_verify_as(&self, cosign: &Path, what: &[&str], who: &[&str]) -> Output {
        let root = ["--trusted-root", "trusted_root.json"];
        self.run(cosign, &[what, who, &root].concat())
    }

    /// `sigstore sign` or `attest` with the lab's configuration.
    pub(crate) fn python_sign(&self, program: &Path, what: &[&str]) -> Output {
        let token = std::fs::read_to_string(self.file("token")).unwrap();
        let config = ["--trust-config", "client.json"];
        let who = ["--identity-token", &token];
        let (command, rest) = what.split_first().unwrap();
        self.run(program, &[&config, &[*command][..], &who, rest].concat())
    }

    /// Any other peer's command.
    pub(crate) fn peer(&self, program: &Path, args: &[&str]) -> Output {
        self.run(program, args)
    }
}

/// The flags that name a keyless signer; ours and cosign's are the same.
pub(crate) fn keyless(san: &str) -> [&str; 4] {
    [
        "--certificate-identity",
        san,
        "--certificate-oidc-issuer",
        GithubIdentity::ISSUER,
    ]
}

pub(crate) fn san() -> String {
    GithubIdentity::default().san()
}

pub(crate) fn ok(output: &Output) {
    assert!(output.status.success(), "{}", peers::text(output));
}

pub(crate) fn refused(output: &Output) {
    assert!(!output.status.success(), "{}", peers::text(output));
}
