//! The proof that the approved image runs: made only from what the platform was asked afterwards.

use palisade_types::{Digest, PinnedRef};

use crate::failure::{Failure, Kind, Phase};
use crate::record::Strength;
use crate::ticket::{Approval, DeployTicket, IdentityKind};

/// What a platform said about itself in one read after the deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadBack {
    /// The platform's id of the deploy that serves.
    pub deploy: String,
    /// The digest it reports for it.
    pub digest: Digest,
    /// The image the service is set to.
    pub configured: PinnedRef,
}

/// An approved image that serves. There is no other way to one than [`Receipt::conclude`].
#[derive(Debug)]
pub struct Receipt {
    image: PinnedRef,
    approval: Approval,
    observed: Observed,
}

/// What was read back, and what it is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The platform's id of the deploy that serves.
    pub deploy: String,
    /// The digest the platform reports.
    pub digest: Digest,
    /// What this digest names within the approved image.
    pub names: IdentityKind,
    /// What the report is worth.
    pub strength: Strength,
    /// The image the service is set to, as the platform repeats it.
    pub configured: String,
    /// How many reads in a row said so.
    pub reads: u32,
}

impl Receipt {
    /// Compares what was read back with what the ticket approved; `kinds` are the members of the
    /// image by which this platform names it. Consumes the ticket.
    pub(crate) fn conclude(
        ticket: DeployTicket,
        kinds: &[IdentityKind],
        read_backs: &[ReadBack],
    ) -> Result<Self, Failure> {
        let mut last = None;
        for read_back in read_backs {
            last = Some((compare(&ticket, kinds, read_back)?, read_back));
        }
        let Some((names, read_back)) = last else {
            let detail = "nothing was read back";
            return Err(Failure::new(Kind::Unverifiable, Phase::ReadBack, detail));
        };
        let (image, approval) = ticket.spend();
        Ok(Self {
            observed: Observed {
                deploy: read_back.deploy.clone(),
                digest: read_back.digest.clone(),
                names,
                strength: Strength::Resolved,
                configured: read_back.configured.to_string(),
                reads: u32::try_from(read_backs.len()).unwrap_or(u32::MAX),
            },
            image,
            approval,
        })
    }

    /// The image that serves.
    pub const fn image(&self) -> &PinnedRef {
        &self.image
    }

    /// Who allowed it.
    pub const fn approval(&self) -> &Approval {
        &self.approval
    }

    /// What was read back.
    pub const fn observed(&self) -> &Observed {
        &self.observed
    }
}

/// Whether one read shows the approved image: by the digest that runs, and by the configuration,
/// which is what the platform will start after its next restart.
pub(crate) fn compare(
    ticket: &DeployTicket,
    kinds: &[IdentityKind],
    read_back: &ReadBack,
) -> Result<IdentityKind, Failure> {
    let image = ticket.image();
    let kind = ticket
        .identity(&read_back.digest)
        .filter(|kind| kinds.contains(kind));
    let Some(kind) = kind else {
        let mismatch = Kind::DigestMismatch {
            expected: image.digest().clone(),
            observed: read_back.digest.clone(),
        };
        let detail = format!("deploy {} is live with it", read_back.deploy);
        return Err(Failure::new(mismatch, Phase::ReadBack, detail));
    };
    if read_back.configured != *image {
        let reconfigured = Kind::Reconfigured {
            expected: image.to_string(),
            observed: read_back.configured.to_string(),
        };
        let detail = "it was changed while this image was deployed";
        return Err(Failure::new(reconfigured, Phase::ReadBack, detail));
    }
    Ok(kind)
}
