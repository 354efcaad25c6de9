//! Evidence in a few lines of JSON: what the examples on the check pages are written in.

use palisade_attest::predicates::{cosign_sign, cyclonedx, provenance, vulns};
use palisade_attest::{ResourceDescriptor, Statement};
use palisade_policy::{Evidence, Policy, RejectedEvidence};
use palisade_trust::Verified;
use palisade_types::{
    Descriptor, Digest, FrozenSubject, Gap, Leaf, Repository, SignerIdentity, Timestamp,
};
use serde::Deserialize;
use serde_json::{Value, json};

const BASE: &str = include_str!("base.toml");

/// A situation: an image, a time, and what is known.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scene {
    #[serde(default = "noon")]
    pub(crate) now: Timestamp,
    #[serde(default = "image")]
    pub(crate) image: String,
    #[serde(default = "platforms")]
    pub(crate) platforms: Vec<String>,
    #[serde(default)]
    pub(crate) statements: Vec<Said>,
    #[serde(default)]
    pub(crate) gaps: Vec<String>,
    #[serde(default)]
    pub(crate) rejected: Vec<Rejected>,
}

/// A verified statement.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    pub(crate) is: Kind,
    pub(crate) by: String,
    #[serde(default = "about")]
    pub(crate) about: String,
    pub(crate) identity: Option<String>,
    #[serde(default = "morning")]
    pub(crate) signed: Timestamp,
    #[serde(rename = "type")]
    pub(crate) predicate_type: Option<String>,
    #[serde(default)]
    pub(crate) with: Value,
}

/// A bundle that was not believed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rejected {
    pub(crate) claims: Kind,
    pub(crate) why: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Provenance,
    Sbom,
    Scan,
    Signature,
}

fn noon() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn morning() -> Timestamp {
    "2026-11-24T09:00:00Z".parse().unwrap()
}

fn image() -> String {
    "registry.example.com/acme/app".to_owned()
}

fn platforms() -> Vec<String> {
    vec!["linux/amd64".to_owned()]
}

fn about() -> String {
    "image".to_owned()
}

impl Kind {
    fn predicate_type(self) -> &'static str {
        match self {
            Self::Provenance => provenance::TYPE,
            Self::Sbom => cyclonedx::TYPE,
            Self::Scan => vulns::TYPE,
            Self::Signature => cosign_sign::TYPE,
        }
    }

    /// A predicate that passes the base policy.
    fn predicate(self) -> Value {
        match self {
            Self::Provenance => json!({
                "buildDefinition": {
                    "buildType": "https://builder.example/any@v1",
                    "externalParameters": {"workflow": {
                        "repository": "https://github.com/acme/app",
                        "ref": "refs/heads/main",
                    }},
                    "resolvedDependencies": [{
                        "uri": "git+https://github.com/acme/app@refs/heads/main",
                        "digest": {"gitCommit": "0123456789abcdef0123456789abcdef01234567"},
                    }],
                },
                "runDetails": {"builder": {"id": "https://builder.example/hosted"}},
            }),
            Self::Sbom => json!({
                "bomFormat": "CycloneDX",
                "specVersion": "1.5",
                "metadata": {"component": {"type": "container", "name": "app"}},
                "components": [{"type": "library", "name": "serde"}],
            }),
            Self::Scan => json!({
                "scanner": {
                    "uri": "https://scanner.example",
                    "db": {"lastUpdate": "2026-11-24T03:00:00Z"},
                    "result": [],
                },
                "metadata": {"scanFinishedOn": "2026-11-24T08:00:00Z"},
            }),
            Self::Signature => json!({}),
        }
    }
}

impl Scene {
    pub(crate) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in the scene {text}"))
    }

    pub(crate) fn evidence(&self) -> Evidence {
        let repository: Repository = self.image.parse().unwrap();
        let single = self.platforms.len() == 1;
        let image = match self.platforms.as_slice() {
            [only] => Digest::sha256_of(only.as_bytes()),
            _ => Digest::sha256_of(b"index"),
        };
        let leaf = |platform: &String| Leaf {
            platform: platform.parse().unwrap(),
            manifest: Digest::sha256_of(platform.as_bytes()),
            config: Digest::sha256_of(format!("config of {platform}").as_bytes()),
            layers: Vec::new(),
        };
        let subject = FrozenSubject {
            image: repository.pin(image.clone()),
            resolved_from: None,
            descriptor: Descriptor::of("application/vnd.oci.image.index.v1+json", b"index"),
            index: (!single).then(|| image.clone()),
            leaves: self.platforms.iter().map(leaf).collect(),
            ignored: Vec::new(),
        };
        let gap = |source: &String| Gap {
            source: source.clone(),
            reason: "rate limited".to_owned(),
        };
        let rejected = |rejected: &Rejected| RejectedEvidence {
            bundle: Digest::sha256_of(rejected.why.as_bytes()),
            claimed_type: Some(rejected.claims.predicate_type().to_owned()),
            why: rejected.why.clone(),
            near_misses: Vec::new(),
        };
        Evidence {
            statements: self
                .statements
                .iter()
                .map(|said| said.verified(&image))
                .collect(),
            gaps: self.gaps.iter().map(gap).collect(),
            rejected: self.rejected.iter().map(rejected).collect(),
            relaxations: Vec::new(),
            subject,
        }
    }
}

impl Said {
    fn verified(&self, image: &Digest) -> Verified<Statement> {
        let digest = match self.about.as_str() {
            "image" => image.clone(),
            other => Digest::sha256_of(other.as_bytes()),
        };
        let mut predicate = self.is.predicate();
        merge(&mut predicate, &self.with);
        let default = self.is.predicate_type();
        let predicate_type = self.predicate_type.as_deref().unwrap_or(default);
        let subject = ResourceDescriptor::new(None, &digest);
        let statement = Statement::new(vec![subject], predicate_type, predicate);
        let san = self.identity.clone();
        let identity = SignerIdentity {
            san: san.unwrap_or_else(|| format!("https://{}.example", self.by)),
            issuer: "https://issuer.example".to_owned(),
        };
        let bundle = Digest::sha256_of(format!("{self:?}").as_bytes());
        Verified::assertion(statement, self.by.clone(), identity, self.signed, bundle)
    }
}

/// JSON merge patch (RFC 7396).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        if !patch.is_null() {
            *target = patch.clone();
        }
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        let fields = target.as_object_mut().unwrap();
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// The base policy with these top-level sections in place of its own.
pub(crate) fn policy_with(overlay: &str) -> Policy {
    let mut table: toml::Table = BASE.parse().unwrap();
    table.extend(overlay.parse::<toml::Table>().unwrap());
    let text = toml::to_string(&table).unwrap();
    Policy::parse("base.toml", text.as_bytes())
        .unwrap_or_else(|error| panic!("{:?} in\n{text}", error.problems()))
}

pub(crate) fn base_text() -> &'static str {
    BASE
}

/// Everything the base policy asks for.
pub(crate) fn all_good() -> Scene {
    Scene::parse(
        r#"{"statements": [
            {"is": "signature", "by": "release"},
            {"is": "provenance", "by": "release"},
            {"is": "sbom", "by": "security"},
            {"is": "scan", "by": "release"}
        ]}"#,
    )
}
