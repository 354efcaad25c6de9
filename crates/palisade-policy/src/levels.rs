//! Which SLSA levels an allowed image has earned.

use palisade_types::Timestamp;

use crate::checks::provenance;
use crate::coverage::Part;
use crate::evaluate::Input;
use crate::evidence::Evidence;
use crate::policy::Policy;

/// The version of SLSA these levels are of.
pub const SLSA_VERSION: &str = "1.1";

/// The levels for a verification summary: `SLSA_BUILD_LEVEL_n`, where each part of the image has
/// provenance that passed and whose builder may claim `n` or more; else nothing. At most one
/// level of each track (SLSA 1.1, *Verification Summary Attestation*, `verifiedLevels`).
pub fn verified_levels(policy: &Policy, evidence: &Evidence, now: Timestamp) -> Vec<String> {
    let input = Input::new(policy, evidence, now);
    let good = provenance::accepted(&input);
    let best = |part: Part| {
        let about = good.iter().filter(|(bound, _)| part.is_covered_by(bound));
        about.map(|(_, level)| *level).max()
    };
    let levels: Option<Vec<u8>> = Part::all(&evidence.subject).into_iter().map(best).collect();
    levels
        .and_then(|levels| levels.into_iter().min())
        .map(|level| format!("SLSA_BUILD_LEVEL_{level}"))
        .into_iter()
        .collect()
}
