//! SLSA Verification Summary Attestation v1: a decision, written down and signed.

use palisade_types::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Predicate, PredicateError};
use crate::statement::ResourceDescriptor;

/// The predicate type (SLSA 1.1, *Verification Summary Attestation*).
pub const TYPE: &str = "https://slsa.dev/verification_summary/v1";

/// What a verification summary says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vsa {
    /// Who verified.
    pub verifier: Verifier,
    /// When.
    pub time_verified: Timestamp,
    /// What was verified, for example `oci://ghcr.io/acme/app@sha256:…?env=prod`.
    pub resource_uri: String,
    /// Under which policy.
    pub policy: ResourceDescriptor,
    /// Everything that was looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_attestations: Vec<ResourceDescriptor>,
    /// The answer.
    pub verification_result: VerificationResult,
    /// The levels that hold: at most one of each SLSA track, and `PALISADE_…` of ours.
    pub verified_levels: Vec<String>,
    /// The version of the SLSA specification used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slsa_version: Option<String>,
    /// Our extension: the decision this summarises. SLSA 1.1 lets a producer add fields named by
    /// URIs, and a consumer ignore them.
    #[serde(rename = "https://palisade.dev/vsa/decision/v1")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionSummary>,
}

/// The verifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verifier {
    /// Its URI. It belongs to the organisation, not to this tool, and is worth only what the
    /// signer's identity beside it is worth.
    pub id: String,
    /// The versions of what verified, by name.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub version: std::collections::BTreeMap<String, String>,
}

/// The answer of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VerificationResult {
    /// Verification failed.
    #[serde(rename = "FAILED")]
    Failed,
    /// Verification passed.
    #[serde(rename = "PASSED")]
    Passed,
}

/// What palisade's deploy step needs to know beyond the standard fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DecisionSummary {
    /// The digest of the decision document.
    pub decision: Digest,
    /// The environment the decision is for.
    pub environment: String,
    /// The policy's id.
    pub policy: String,
    /// The policy's version.
    pub policy_version: u64,
    /// What was loosened, in the words of the decision document.
    pub relaxations: Vec<String>,
    /// The index or manifest that was decided about: the subject, or the index that the gate found
    /// it in. When the subject is an index, deploying it demands that they are equal; a manifest
    /// does not name the index it was found in.
    pub image: Digest,
}

impl Predicate for Vsa {
    const TYPES: &'static [&'static str] = &[TYPE];

    fn read(_predicate_type: &str, predicate: &Value) -> Result<Self, PredicateError> {
        let vsa: Self = serde_json::from_value(predicate.clone())
            .map_err(|error| PredicateError::field("predicate", error.to_string()))?;
        for (field, text) in [
            ("verifier.id", &vsa.verifier.id),
            ("resourceUri", &vsa.resource_uri),
        ] {
            if text.is_empty() {
                return Err(PredicateError::field(field, "is empty"));
            }
        }
        Ok(vsa)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Value {
        json!({
            "verifier": {"id": "https://gate.example/prod"},
            "timeVerified": "2026-11-24T08:00:00Z",
            "resourceUri": "oci://ghcr.io/acme/app@sha256:00",
            "policy": {"uri": "https://example/policy"},
            "verificationResult": "PASSED",
            "verifiedLevels": ["SLSA_BUILD_LEVEL_1"],
        })
    }

    #[test]
    fn a_summary_without_our_extension_reads() {
        let vsa = Vsa::read(TYPE, &good()).expect("standard fields only");
        assert_eq!(vsa.verification_result, VerificationResult::Passed);
        assert_eq!(vsa.decision, None);
    }

    #[test]
    fn a_missing_empty_or_unknown_value_is_refused() {
        for name in [
            "verifier",
            "timeVerified",
            "resourceUri",
            "policy",
            "verificationResult",
        ] {
            let mut value = good();
            value.as_object_mut().expect("an object").remove(name);
            assert!(Vsa::read(TYPE, &value).is_err(), "{name} is missing");
        }
        let mut value = good();
        value["verificationResult"] = json!("passed");
        assert!(Vsa::read(TYPE, &value).is_err());
        value = good();
        value["verifier"]["id"] = json!("");
        assert!(Vsa::read(TYPE, &value).is_err());
    }
}
