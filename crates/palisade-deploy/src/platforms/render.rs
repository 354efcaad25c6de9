//! Render: set the service's image, deploy it, wait until it is live, read back what runs.
//!
//! The service is set to the image before the deploy, since the documentation does not say whether
//! a deploy's `imageUrl` stays. Success is what the platform reports afterwards, never what it
//! answers to a write.

mod apply;
mod observe;
mod read_back;
mod release;
mod wire;

use std::num::NonZeroU32;
use std::str::FromStr;

use palisade_types::{Digest, SignedDuration};
use palisade_ui::escape;

use crate::failure::Failure;
use crate::machine::Request;
use crate::receipt::Receipt;
use crate::ticket::{DeployTicket, IdentityKind};

pub use release::Release;

/// Where Render's API is.
pub const API: &str = "https://api.render.com/v1";

/// The members of an image by which Render names what runs. Whether an index or a platform's
/// manifest stands in `image.sha` is not documented, so either counts, and the receipt says which.
const NAMED_BY: &[IdentityKind] = &[IdentityKind::Index, IdentityKind::Manifest];

/// The id of a service, which can stand in a path as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceId(String);

/// Why a text is no service id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the id of a service; it looks like `srv-cu2k4j3qf0us73fbv7u0`")]
pub struct ParseServiceIdError(String);

impl FromStr for ServiceId {
    type Err = ParseServiceIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if wire::is_id(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseServiceIdError(escape(text)))
        }
    }
}

impl std::fmt::Display for ServiceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A service on Render, and how patiently to deploy to it.
#[derive(Clone, Debug)]
pub struct Render {
    /// The service.
    pub service: ServiceId,
    /// When to give up, counted from the start.
    pub timeout: SignedDuration,
    /// How long to wait between two looks.
    pub poll_interval: SignedDuration,
    /// How many reads in a row have to show the approved image.
    pub soak: NonZeroU32,
}

/// How a release ends.
#[derive(Debug)]
pub enum Outcome {
    /// The approved image serves; read back.
    Live(Receipt),
    /// It does not, or nobody knows.
    NotLive(Failure),
    /// Nothing was written: this is what would have been.
    Planned(Plan),
}

/// Exactly what a release would write.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The image.
    pub image: String,
    /// The service.
    pub service: ServiceId,
    /// The writes, in order.
    pub requests: Vec<Request>,
}

impl Plan {
    /// The digest of the plan, by which it can be named.
    pub fn digest(&self) -> Digest {
        let plan = (&self.image, &self.service.0, &self.requests);
        let bytes = serde_json::to_vec(&plan).expect("a plan holds only JSON values");
        Digest::sha256_of(&bytes)
    }
}

impl Render {
    /// Begins to release the ticket's image.
    pub fn release(self, ticket: DeployTicket) -> Release {
        Release::new(self, ticket, false)
    }

    /// Begins to find out what releasing would write. It ends in [`Outcome::Planned`].
    pub fn plan(self, ticket: DeployTicket) -> Release {
        Release::new(self, ticket, true)
    }
}
