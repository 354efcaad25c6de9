//! What can go wrong, one variant per thing a caller treats differently.

use std::fmt::Write as _;
use std::path::PathBuf;

use palisade_types::{Digest, Timestamp};

use crate::limits;

/// Why something could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused these credentials, or asks for some that we do not have.
    #[error("{what}: access denied: {server}")]
    Denied {
        /// What was asked for.
        what: String,
        /// The server's own words, made safe to print.
        server: String,
    },
    /// The bytes are not the ones that were named.
    #[error("{what}: the bytes hash to `{got}`, not to `{want}`")]
    DigestMismatch {
        /// What was asked for.
        what: String,
        /// The digest that named the content.
        want: Digest,
        /// The digest of what came.
        got: Digest,
    },
    /// An answer whose framing is wrong: its status, its type or its length. It says nothing about
    /// what is stored, which a proxy on the way may have left as it was.
    #[error("{what}: {why}")]
    Garbled {
        /// What was asked for.
        what: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// A local file could not be read or written.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// More or larger than we read.
    #[error("{what}: more than the limit of {limit} {unit}")]
    LimitExceeded {
        /// What was too much.
        what: String,
        /// The limit.
        limit: u64,
        /// What the limit counts: `bytes`, `referrers`, …
        unit: &'static str,
    },
    /// What came is what is stored, and no correct writer writes that.
    #[error("{what}: {why}")]
    Malformed {
        /// What was asked for.
        what: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// It is missing, or this account may not see it: registries answer the same to both.
    #[error("{what}: missing or not allowed")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// A request was needed, and requests are switched off.
    #[error("{what}: needs the network, and `--offline` forbids it")]
    Offline {
        /// What was asked for.
        what: String,
    },
    /// The server asks us to come back later than we may wait.
    #[error("{what}: rate limited{}", until.map_or(String::new(), |t| format!(" until {t}")))]
    RateLimited {
        /// What was asked for.
        what: String,
        /// When the server says to come back.
        until: Option<Timestamp>,
    },
    /// An answer that is neither the thing nor "there is none": a status nobody expects, a redirect
    /// or a token service that we do not follow.
    #[error("{what}: {why}")]
    Refused {
        /// What was asked for.
        what: String,
        /// What came instead, or what we did not do.
        why: String,
    },
    /// Stored, but the list of what belongs to the image does not show it.
    #[error("`{manifest}` is attached to {image} but the registry does not list it: {why}")]
    Unlisted {
        /// The image.
        image: String,
        /// The attached manifest.
        manifest: Digest,
        /// What stood in the way.
        why: String,
    },
    /// No usable answer within the deadline: connection, time-out, or a broken server.
    #[error("{what}: {why}")]
    Unreachable {
        /// What was asked for.
        what: String,
        /// The last thing that went wrong.
        why: String,
    },
    /// The caller asked for something that makes no sense.
    #[error("{0}")]
    Usage(String),
}

/// The kinds of failure an exit code distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// The answer is "there is no such thing" (exit 1 where absence is an answer).
    Absent,
    /// Could not look, or what came cannot be believed (exit 3).
    Undecided,
    /// The command line or a local file is wrong (exit 2).
    Usage,
}

impl Error {
    /// Which kind of failure this is.
    pub const fn category(&self) -> Category {
        match self {
            Self::NotFound { .. } => Category::Absent,
            Self::Io { .. } | Self::Usage(_) => Category::Usage,
            Self::Denied { .. }
            | Self::DigestMismatch { .. }
            | Self::Garbled { .. }
            | Self::LimitExceeded { .. }
            | Self::Malformed { .. }
            | Self::Offline { .. }
            | Self::RateLimited { .. }
            | Self::Refused { .. }
            | Self::Unlisted { .. }
            | Self::Unreachable { .. } => Category::Undecided,
        }
    }

    /// Whether the server answered that there is no such thing. Everything else is no answer.
    pub const fn is_answer(&self) -> bool {
        matches!(self.category(), Category::Absent)
    }

    pub(crate) fn garbled(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Garbled {
            what: what.into(),
            why: why.into(),
        }
    }

    pub(crate) fn malformed(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Malformed {
            what: what.into(),
            why: why.into(),
        }
    }

    pub(crate) fn refused(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Refused {
            what: what.into(),
            why: why.into(),
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }

    pub(crate) fn limit(what: impl Into<String>, limit: u64, unit: &'static str) -> Self {
        Self::LimitExceeded {
            what: what.into(),
            limit,
            unit,
        }
    }
}

/// Text from a server, safe for a terminal: control and direction characters escaped, bounded.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars().take(limits::SERVER_WORDS) {
        let hostile = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if hostile {
            write!(safe, "{}", c.escape_unicode()).expect("writing to a string cannot fail");
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_words_cannot_move_the_cursor_or_turn_the_text() {
        assert_eq!(printable("denied: née"), "denied: née");
        assert_eq!(printable("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(printable(&"x".repeat(10_000)).len(), limits::SERVER_WORDS);
    }
}
