//! What a release leaves behind for people and audits: timeline, warnings, what ran before.

use palisade_types::{Digest, Timestamp};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What, in words.
    pub event: String,
}

impl Entry {
    /// An entry.
    pub fn new(at: Timestamp, event: impl Into<String>) -> Self {
        Self {
            at,
            event: event.into(),
        }
    }
}

/// Whether the platform was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutated {
    /// Nothing was written, or every write was refused.
    No,
    /// At least one write was carried out.
    Yes,
    /// A write was sent and its answer was lost.
    Unknown,
}

impl Mutated {
    /// The answer in one stable word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Yes => "yes",
            Self::Unknown => "unknown",
        }
    }
}

/// How much a read-back is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// The platform repeats the reference it was configured with.
    Declared,
    /// The platform reports the digest it resolved and runs.
    Resolved,
}

impl Strength {
    /// The strength in one stable word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Resolved => "resolved",
        }
    }
}

/// A deploy that serves, or served before: what to return to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// The platform's id of the deploy.
    pub deploy: String,
    /// The reference it was deployed by.
    pub image: Option<String>,
    /// The digest the platform reports for it.
    pub digest: Option<Digest>,
}

/// What one release has to say beside its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whether the platform was changed.
    pub mutated: Mutated,
    /// The platform's id of our deploy, once it is known.
    pub deploy: Option<String>,
    /// What served before. Releasing it again needs its own decision.
    pub previous: Option<Serving>,
    /// Ways around this gate that are open, and other things to know.
    pub warnings: Vec<String>,
    /// What happened, in order.
    pub timeline: Vec<Entry>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            mutated: Mutated::No,
            deploy: None,
            previous: None,
            warnings: Vec::new(),
            timeline: Vec::new(),
        }
    }
}
