//! A lab with an image, a signer, and the gate's binary.

use std::path::PathBuf;
use std::process::{Command, Output};

use palisade_attest::predicates::{cosign_sign, cyclonedx, provenance, vulns};
use palisade_attest::{Bundle, ResourceDescriptor, Statement};
use palisade_keyless::{IdentityToken, Signer, SigningConfig};
use palisade_lab::{Config, GithubIdentity, Lab, SigningConfigKind};
use palisade_oci::{Attachment, Client, ClientOptions};
use palisade_trust::TrustRoot;
use palisade_types::{Digest, PinnedRef, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const POLICY: &str = include_str!("../../../../policies/lab.toml");

/// A running lab and what a test does with it.
pub(crate) struct Stage {
    pub(crate) runtime: Runtime,
    pub(crate) lab: Lab,
    pub(crate) dir: TempDir,
    pub(crate) image: PinnedRef,
    pub(crate) client: Client,
}

/// How the gate ended and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let lab = runtime.block_on(Lab::start(Config::default())).unwrap();
        let dir = tempfile::tempdir().unwrap();
        lab.write_files(dir.path()).unwrap();
        let image = lab.seed_image().parse().unwrap();
        let client = Client::new(ClientOptions::default());
        let stage = Self {
            runtime,
            lab,
            dir,
            image,
            client,
        };
        stage.write("policy.toml", POLICY);
        stage.write(
            "config.json",
            &stage.lab.signing_config(SigningConfigKind::V2),
        );
        let gate = GithubIdentity {
            workflow: ".github/workflows/gate.yml".to_owned(),
            ..GithubIdentity::default()
        };
        stage.write("gate-token", &stage.lab.github_token(&gate));
        stage
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs the gate in the stage's folder, with an empty environment.
    pub(crate) fn gate(&self, image: &str, args: &[&str]) -> Said {
        self.gate_with(&[], image, args)
    }

    /// The same with these variables.
    pub(crate) fn gate_with(&self, set: &[(&str, &str)], image: &str, args: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_palisade-gate"))
            .current_dir(self.dir.path())
            .env_clear()
            .envs(set.iter().copied())
            .arg(image)
            .args(["--policy", "policy.toml", "--allow-lab"])
            .args(args)
            .output()
            .unwrap();
        Said::new(&output)
    }

    /// Judges the stage's image; nothing is signed.
    pub(crate) fn judge(&self, args: &[&str]) -> Said {
        let args = [&["--no-sign"], args].concat();
        self.gate(&self.image.to_string(), &args)
    }

    /// What to sign with, for the gate's own summary.
    pub(crate) const SIGN: &'static [&'static str] = &[
        "--identity-token",
        "gate-token",
        "--signing-config",
        "config.json",
    ];

    /// A statement signed by the workflow of the lab's default identity.
    pub(crate) fn sign(&self, statement: &Statement) -> Bundle {
        self.sign_as(statement, &GithubIdentity::default())
    }

    pub(crate) fn sign_as(&self, statement: &Statement, who: &GithubIdentity) -> Bundle {
        let root = TrustRoot::parse(self.lab.trusted_root().as_bytes()).unwrap();
        let config = self.lab.signing_config(SigningConfigKind::V2);
        let config = SigningConfig::parse(config.as_bytes()).unwrap();
        let now = Timestamp::now();
        let token = IdentityToken::parse(&self.lab.github_token(who), now).unwrap();
        let signer = Signer::new(&config, &root, now).unwrap();
        self.runtime
            .block_on(signer.sign_statement(statement, &token, now))
            .unwrap()
    }

    pub(crate) fn attach(&self, image: &PinnedRef, bundle: &Bundle) {
        let kind = bundle.claimed_predicate_type().unwrap();
        let attachment =
            Attachment::sigstore_bundle(bundle.bytes().to_vec(), kind, Timestamp::now());
        self.runtime.block_on(async {
            let manifest = self.client.manifest(image).await.unwrap();
            self.client
                .attach(image, &manifest.descriptor, &attachment)
                .await
                .unwrap();
        });
    }

    /// Everything the lab's policy asks for, signed.
    pub(crate) fn all_good(&self, image: &Digest) -> Vec<Bundle> {
        let statements = [
            signature(image),
            provenance(image),
            sbom(image),
            scan(image, &json!([])),
        ];
        statements
            .iter()
            .map(|statement| self.sign(statement))
            .collect()
    }

    pub(crate) fn attach_all_good(&self) {
        for bundle in self.all_good(self.image.digest()) {
            self.attach(&self.image, &bundle);
        }
    }
}

impl Said {
    fn new(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The verdict of each check that did not pass.
    pub(crate) fn open(&self) -> Vec<(String, String)> {
        let json = self.json();
        let checks = json["checks"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        checks
            .filter(|check| check["verdict"] != "pass")
            .map(|check| (text(&check["check"]), text(&check["verdict"])))
            .collect()
    }
}

pub(crate) fn statement(image: &Digest, kind: &str, predicate: Value) -> Statement {
    Statement::new(vec![ResourceDescriptor::new(None, image)], kind, predicate)
}

pub(crate) fn signature(image: &Digest) -> Statement {
    cosign_sign::CosignSign::statement(image)
}

pub(crate) fn provenance(image: &Digest) -> Statement {
    let workflow = GithubIdentity::default();
    let predicate = json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": {
                "repository": "https://github.com/acme/app",
                "ref": "refs/heads/main",
                "path": ".github/workflows/release.yml",
            }},
            "resolvedDependencies": [{
                "uri": "git+https://github.com/acme/app@refs/heads/main",
                "digest": {"gitCommit": workflow.sha},
            }],
        },
        "runDetails": {"builder": {"id": workflow.san()}},
    });
    statement(image, provenance::TYPE, predicate)
}

pub(crate) fn sbom(image: &Digest) -> Statement {
    let predicate = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "metadata": {"component": {"type": "container", "name": "app"}},
        "components": [{"type": "library", "name": "serde"}],
    });
    statement(image, cyclonedx::TYPE, predicate)
}

pub(crate) fn scan(image: &Digest, result: &Value) -> Statement {
    let now = Timestamp::now().to_string();
    let predicate = json!({
        "scanner": {"uri": "https://scanner.example", "db": {"lastUpdate": now}, "result": result},
        "metadata": {"scanFinishedOn": now},
    });
    statement(image, vulns::TYPE, predicate)
}
