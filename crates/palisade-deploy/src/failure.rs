//! Why an image is not live, and what is known about the platform afterwards.

use std::fmt;

use palisade_types::Digest;
use palisade_ui::Exit;

use crate::machine::Reply;
use crate::record::{Mutated, Serving};

/// What stood in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The API key is not accepted.
    Auth,
    /// Somebody cancelled the deploy.
    Canceled,
    /// The platform is busy with something that excludes this.
    Conflict,
    /// Another digest runs than the approved one.
    DigestMismatch {
        /// What was approved.
        expected: Digest,
        /// What the platform reports.
        observed: Digest,
    },
    /// The platform tried, and the deploy failed.
    Failed,
    /// The API key may not do this.
    Forbidden,
    /// The service is there no more.
    Gone,
    /// The service does not run an image.
    NotAnImage,
    /// There is no such service, or this key may not see it.
    NotFound,
    /// An answer the documented API does not give.
    Protocol,
    /// The platform asks to come back later than we may wait.
    RateLimited,
    /// The service was set to another image while this one was deployed.
    Reconfigured {
        /// What was approved.
        expected: String,
        /// What the service is set to.
        observed: String,
    },
    /// The platform refuses the request.
    Rejected,
    /// The service runs an image of another repository.
    RepositoryMismatch {
        /// The repository of the approved image.
        expected: String,
        /// What the service is set to.
        observed: String,
    },
    /// Another deploy took this one's place.
    Superseded,
    /// The service is suspended: it runs nothing.
    Suspended,
    /// The decision grew too old before everything was sent.
    TicketExpired,
    /// It took longer than allowed.
    Timeout,
    /// The platform could not be reached or is broken.
    Unavailable,
    /// The platform does not say what runs.
    Unverifiable,
}

/// Where in a release something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Looking, before anything is written.
    Observe,
    /// Writing.
    Apply,
    /// Waiting for the platform.
    Poll,
    /// Reading back what runs.
    ReadBack,
}

/// An image that is not live, with everything known about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.words())]
pub struct Failure {
    /// What stood in the way.
    pub kind: Kind,
    /// Where.
    pub phase: Phase,
    /// What exactly, in words; the platform's own words are made safe to print.
    pub detail: String,
    /// The HTTP status of the answer that led here.
    pub http: Option<u16>,
    /// The platform's id of that request, for its support.
    pub request_id: Option<String>,
    /// Whether the platform was changed.
    pub mutated: Mutated,
    /// What serves now, when that could be read.
    pub serving: Option<Serving>,
}

impl Failure {
    /// A failure that is not about one HTTP answer.
    pub fn new(kind: Kind, phase: Phase, detail: impl Into<String>) -> Self {
        Self {
            kind,
            phase,
            detail: detail.into(),
            http: None,
            request_id: None,
            mutated: Mutated::No,
            serving: None,
        }
    }

    pub(crate) fn of_reply(kind: Kind, phase: Phase, detail: String, reply: &Reply) -> Self {
        let id = reply
            .header("rndr-id")
            .or_else(|| reply.header("x-request-id"));
        Self {
            http: Some(reply.status),
            request_id: id.map(|id| palisade_ui::escape(&id.chars().take(100).collect::<String>())),
            ..Self::new(kind, phase, detail)
        }
    }

    /// 1 when it is known that the image does not run, 3 when the state is not known.
    pub fn exit(&self) -> Exit {
        if self.mutated == Mutated::Unknown {
            return Exit::Undecided;
        }
        match &self.kind {
            // What runs instead was read, or nothing was changed.
            Kind::DigestMismatch { .. }
            | Kind::NotAnImage
            | Kind::Reconfigured { .. }
            | Kind::RepositoryMismatch { .. }
            | Kind::Superseded
            | Kind::Suspended => Exit::No,
            // An answer, as long as we know what runs now.
            Kind::Canceled
            | Kind::Failed
            | Kind::Gone
            | Kind::NotFound
            | Kind::Rejected
            | Kind::TicketExpired => {
                if self.mutated == Mutated::No || self.serving.is_some() {
                    Exit::No
                } else {
                    Exit::Undecided
                }
            }
            Kind::Auth
            | Kind::Conflict
            | Kind::Forbidden
            | Kind::Protocol
            | Kind::RateLimited
            | Kind::Timeout
            | Kind::Unavailable
            | Kind::Unverifiable => Exit::Undecided,
        }
    }

    /// What to do about it.
    pub const fn help(&self) -> &'static str {
        match &self.kind {
            Kind::Auth => "make a new API key in Render's account settings; set `RENDER_API_KEY`",
            Kind::Canceled => "run the same command again, or find out who cancelled it",
            Kind::Conflict => {
                "wait until the other deploy is over, then run the same command again"
            }
            Kind::DigestMismatch { .. } | Kind::Reconfigured { .. } => {
                "something else than the approved image runs: find out who changed the service"
            }
            Kind::Failed => "the deploy's log in the dashboard says why the image does not start",
            Kind::Forbidden => "use an API key of the workspace that owns the service",
            Kind::Gone | Kind::NotFound => "check `--service` and the workspace of the API key",
            Kind::NotAnImage => {
                "make a service with the runtime `image`; this one builds from source"
            }
            Kind::Protocol => "the API answered as it is not documented; try again, then report it",
            Kind::RateLimited => "run the same command again later, or allow more with `--timeout`",
            Kind::Rejected => "correct what the platform names, then run the same command again",
            Kind::RepositoryMismatch { .. } => {
                "Render deploys only from the repository a service was made with: check `--service`"
            }
            Kind::Superseded => "somebody deployed meanwhile: look at the service before you retry",
            Kind::Suspended => "resume the service first",
            Kind::TicketExpired => "run `palisade gate` again for a fresh decision",
            Kind::Timeout => "look at the deploy before you retry, or allow more with `--timeout`",
            Kind::Unavailable => {
                "check the network and Render's status page, then look at the service"
            }
            Kind::Unverifiable => {
                "look at the service: whether the approved image runs is not known"
            }
        }
    }

    fn words(&self) -> String {
        let Self { kind, detail, .. } = self;
        match self.http {
            Some(status) => format!("{kind}: {detail} (HTTP {status})"),
            None => format!("{kind}: {detail}"),
        }
    }
}

impl Kind {
    /// The kind in one stable, kebab-case word.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Canceled => "canceled",
            Self::Conflict => "conflict",
            Self::DigestMismatch { .. } => "digest-mismatch",
            Self::Failed => "failed",
            Self::Forbidden => "forbidden",
            Self::Gone => "gone",
            Self::NotAnImage => "not-an-image",
            Self::NotFound => "not-found",
            Self::Protocol => "protocol",
            Self::RateLimited => "rate-limited",
            Self::Reconfigured { .. } => "reconfigured",
            Self::Rejected => "rejected",
            Self::RepositoryMismatch { .. } => "repository-mismatch",
            Self::Superseded => "superseded",
            Self::Suspended => "suspended",
            Self::TicketExpired => "ticket-expired",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Unverifiable => "unverifiable",
        }
    }

    /// What was approved beside what was seen, where the kind is about that.
    pub fn difference(&self) -> Option<(String, String)> {
        match self {
            Self::DigestMismatch { expected, observed } => {
                Some((expected.to_string(), observed.to_string()))
            }
            Self::Reconfigured { expected, observed }
            | Self::RepositoryMismatch { expected, observed } => {
                Some((expected.clone(), observed.clone()))
            }
            _ => None,
        }
    }
}

impl Phase {
    /// The phase in one stable, kebab-case word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Apply => "apply",
            Self::Poll => "poll",
            Self::ReadBack => "read-back",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::Auth => "the API key is not accepted",
            Self::Canceled => "the deploy was cancelled",
            Self::Conflict => "the platform is busy",
            Self::DigestMismatch { expected, observed } => {
                return write!(f, "`{observed}` runs, approved is `{expected}`");
            }
            Self::Failed => "the deploy failed",
            Self::Forbidden => "the API key may not do this",
            Self::Gone => "the service is gone",
            Self::NotAnImage => "the service does not run an image",
            Self::NotFound => "no such service, or not visible to this key",
            Self::Protocol => "the API gave an answer it does not document",
            Self::RateLimited => "rate limited for longer than this run may take",
            Self::Reconfigured { expected, observed } => {
                return write!(
                    f,
                    "the service is set to `{observed}`, approved is `{expected}`"
                );
            }
            Self::Rejected => "the platform refused the request",
            Self::RepositoryMismatch { expected, observed } => {
                return write!(f, "the service runs `{observed}`, approved is `{expected}`");
            }
            Self::Superseded => "another deploy took its place",
            Self::Suspended => "the service is suspended",
            Self::TicketExpired => "the decision grew too old",
            Self::Timeout => "it took too long",
            Self::Unavailable => "no usable answer",
            Self::Unverifiable => "the platform does not say what runs",
        };
        f.write_str(words)
    }
}
