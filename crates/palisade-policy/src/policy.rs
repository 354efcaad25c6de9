//! A policy that was read and understood.

use std::collections::BTreeMap;

use palisade_attest::predicates::vulns::Severity;
use palisade_trust::{ExpectedSigner, Instance, Profile};
use palisade_types::decision::PolicySpan;
use palisade_types::{Digest, Platform, PolicyIdentity, SignedDuration, Timestamp};

use crate::error::{PolicyError, Problem};
use crate::glob::Glob;
use crate::{compile, file};

/// The largest policy file, in bytes.
pub const MAX_POLICY: usize = 1 << 20;

/// What must be proven about an image. No `Default`, and made by [`Policy::parse`] alone.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) identity: PolicyIdentity,
    pub(crate) expires: At<Timestamp>,
    pub(crate) images: At<Vec<Glob>>,
    pub(crate) platforms: Vec<Platform>,
    pub(crate) trusts: BTreeMap<String, Trust>,
    pub(crate) signers: Vec<Signer>,
    pub(crate) builders: Vec<Builder>,
    pub(crate) signature: Option<SignatureRule>,
    pub(crate) provenance: Option<ProvenanceRule>,
    pub(crate) sbom: Option<SbomRule>,
    pub(crate) scan: Option<ScanRule>,
    pub(crate) vsa: Option<VsaRule>,
}

/// A value and where the policy says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: PolicySpan,
}

/// A named trust root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The name signers refer to.
    pub name: String,
    /// Where its bytes come from.
    pub source: TrustSource,
    /// What evidence under it has to prove.
    pub profile: Profile,
}

/// Where a trust root's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustSource {
    /// One that is embedded in this program.
    Embedded(Instance),
    /// A `trusted_root.json`, named relative to the policy file.
    File(String),
}

/// Somebody whose signature counts for something.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The name of the trust root whose authorities vouch for this signer.
    pub trust: String,
    /// Whom a certificate has to name.
    pub expected: ExpectedSigner,
}

/// A builder, and how much a record signed by `signer` may claim for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Builder {
    /// `runDetails.builder.id`, with wildcards.
    pub id: Glob,
    /// Who signs for it.
    pub signer: String,
    /// The highest SLSA build level: 1, 2 or 3.
    pub max_level: u8,
    /// The build types it may have used; empty means any.
    pub build_types: Vec<String>,
}

/// `[signature]`: how many different identities have to have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureRule {
    /// At least this many; never 0.
    pub at_least: usize,
    /// The names of the signers that count.
    pub of: Vec<String>,
    /// Where the policy says it.
    pub span: PolicySpan,
}

/// `[provenance]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenanceRule {
    /// The names of the signers that count.
    pub signers: Vec<String>,
    /// The source it has to be built from.
    pub source: Option<SourceRule>,
    /// Where the policy says it.
    pub span: PolicySpan,
}

/// `provenance.source`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRule {
    /// The repository's URL, in the spelling records are compared in.
    pub repository: String,
    /// The branch or tag, with wildcards; absent means any.
    pub reference: Option<Glob>,
    /// Where the policy says it.
    pub span: PolicySpan,
}

/// `[sbom]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SbomRule {
    /// The names of the signers that count.
    pub signers: Vec<String>,
    /// Where the policy says it.
    pub span: PolicySpan,
}

/// `[scan]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanRule {
    /// The names of the signers that count.
    pub signers: Vec<String>,
    /// The lowest severity that is not accepted.
    pub fail_on: Severity,
    /// Where the policy says that.
    pub fail_on_span: PolicySpan,
    /// The longest time since the end of the scan.
    pub max_age: SignedDuration,
    /// The longest time since the scanner's database was updated.
    pub max_db_age: Option<SignedDuration>,
    /// Where the policy says how old it may be.
    pub age_span: PolicySpan,
    /// Where the policy says that a scan is required.
    pub span: PolicySpan,
}

/// `[vsa]`: what an allow is written down as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VsaRule {
    /// The verifier's URI.
    pub verifier_id: String,
    /// The name of the trust root that the gate's own certificate has to hold up against.
    pub trust: String,
    /// How long the summary is worth something.
    pub valid_for: SignedDuration,
    /// Where it goes besides the file.
    pub attach: Attach,
}

/// Where a verification summary is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// Nowhere.
    None,
    /// To the image, as a referrer.
    Referrer,
}

impl Policy {
    /// Reads a policy file. `name` is what its diagnostics call it.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, PolicyError> {
        let whole = |code, message: &str| Problem {
            code,
            message: message.to_owned(),
            label: String::new(),
            span: None,
            help: Some("name a policy in TOML; `policies/` has ready ones".to_owned()),
        };
        if bytes.len() > MAX_POLICY {
            let message = format!("`{name}` is larger than {MAX_POLICY} bytes, no policy");
            let problem = whole("policy::too-large", &message);
            return Err(PolicyError::new(name, "", vec![problem]));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| {
            let problem = whole(
                "policy::encoding",
                &format!("`{name}` is not UTF-8, so no policy"),
            );
            PolicyError::new(name, "", vec![problem])
        })?;
        let file = file::parse(name, text)?;
        compile::compile(text, Digest::sha256_of(bytes), file)
            .map_err(|problems| PolicyError::new(name, text, problems))
    }

    /// Which policy this is.
    pub const fn identity(&self) -> &PolicyIdentity {
        &self.identity
    }

    /// When it stops allowing anything.
    pub const fn expires(&self) -> Timestamp {
        self.expires.value
    }

    /// The trust roots it names, by name.
    pub fn trusts(&self) -> impl Iterator<Item = &Trust> {
        self.trusts.values()
    }

    /// The signers a trust root may vouch for, in the order of the file.
    pub fn signers_of<'a>(&'a self, trust: &'a str) -> impl Iterator<Item = &'a ExpectedSigner> {
        self.signers
            .iter()
            .filter(move |signer| signer.trust == trust)
            .map(|signer| &signer.expected)
    }

    /// What an allow is written down as, if at all.
    pub const fn vsa(&self) -> Option<&VsaRule> {
        self.vsa.as_ref()
    }
}
