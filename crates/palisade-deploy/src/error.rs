//! Everything `palisade deploy` ends with besides success, each with its code, help and exit.

use std::path::PathBuf;

use miette::Diagnostic;
use palisade_oci::Category;
use palisade_ui::{Exit, ExitWith, escape};

use crate::failure::Failure;
use crate::summaries::Candidate;

/// The most refused decisions an error lists.
const MAX_SHOWN: usize = 5;

/// Why nothing was released, or why it is not live.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum Error {
    /// A tag, or no reference at all.
    #[error("cannot deploy `{image}`")]
    #[diagnostic(
        code(deploy::not_pinned),
        help("name the image by digest, `REPOSITORY@sha256:…`; `palisade gate {image}` prints it")
    )]
    NotPinned {
        /// What was given.
        image: String,
        /// Why not.
        #[source]
        source: palisade_types::ParseReferenceError,
    },
    /// The service id is none.
    #[error("cannot tell which service is meant")]
    #[diagnostic(
        code(deploy::service),
        help("copy the id from the service's address in the dashboard")
    )]
    Service(#[source] crate::platforms::render::ParseServiceIdError),
    /// There is no API key.
    #[error("`{variable}` is not set")]
    #[diagnostic(
        code(deploy::no_key),
        help(
            "make an API key in the platform's account settings, and set `{variable}` in this step alone"
        )
    )]
    NoKey {
        /// The variable it is read from.
        variable: &'static str,
    },
    /// The API key cannot be one.
    #[error("`{variable}` does not hold an API key")]
    #[diagnostic(code(deploy::bad_key), help("set it to the key alone"))]
    BadKey {
        /// The variable it is read from.
        variable: &'static str,
        /// Why not.
        #[source]
        source: crate::http::ParseKeyError,
    },
    /// The API's address cannot be used.
    #[error("cannot send an API key to `{address}`")]
    #[diagnostic(code(deploy::address), help("write it as `https://HOST/PATH`"))]
    Address {
        /// What was given.
        address: String,
        /// Why not.
        #[source]
        source: crate::http::ParseEndpointError,
    },
    /// A file of ours cannot be read or written.
    #[error("cannot {what} `{}`", path.display())]
    #[diagnostic(code(deploy::file))]
    File {
        /// `read` or `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A file is larger than we read.
    #[error("`{}` is larger than {limit} bytes", path.display())]
    #[diagnostic(code(deploy::file_too_large))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// There is no trust root to believe.
    #[error(transparent)]
    #[diagnostic(transparent)]
    TrustRoot(#[from] palisade_roots::RootsError),
    /// The file holds no decisions.
    #[error("`{}` holds no Sigstore bundle", path.display())]
    #[diagnostic(
        code(deploy::vsa_file),
        help("give the file that `palisade gate --vsa FILE` wrote")
    )]
    VsaFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: palisade_attest::BundleError,
    },
    /// The registry could not be asked, or does not have the image.
    #[error("cannot read `{image}`")]
    #[diagnostic(code(deploy::registry))]
    Registry {
        /// The image.
        image: String,
        /// Why not.
        #[source]
        source: palisade_oci::Error,
    },
    /// No decision releases this image.
    #[error("no decision releases `{image}`{}", words(candidates))]
    #[diagnostic(code(deploy::refused), help("{}", help(candidates)))]
    Refused {
        /// The image.
        image: String,
        /// The bundles that were looked at, and why each releases nothing.
        candidates: Vec<Candidate>,
    },
    /// No decision that could be read releases this image, and not everything could be read.
    #[error(
        "cannot tell whether a decision releases `{image}`{}{}",
        unread(unreadable),
        words(candidates)
    )]
    #[diagnostic(
        code(deploy::unreadable),
        help("try again; if it stays, give the decision with `--vsa FILE`")
    )]
    Unreadable {
        /// The image.
        image: String,
        /// The bundles that were looked at, and why each releases nothing.
        candidates: Vec<Candidate>,
        /// What is attached and could not be read, and why.
        unreadable: Vec<(palisade_types::Digest, String)>,
    },
    /// It is not live, or nobody knows.
    #[error(transparent)]
    #[diagnostic(code(deploy::not_live), help("{}", _0.help()))]
    NotLive(Box<Failure>),
    /// It is live, and the receipt that says so cannot be written.
    #[error("`{image}` runs and was read back, and its receipt `{}` cannot be written", path.display())]
    #[diagnostic(
        code(deploy::receipt_lost),
        help("make room for the file, then run the same command again, or keep what stdout says")
    )]
    ReceiptLost {
        /// The image.
        image: String,
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The client for the platform's API could not be made.
    #[error("cannot make a connection: {0}")]
    #[diagnostic(code(deploy::client))]
    Client(String),
}

/// One line for each of the first few that could not be read.
fn unread(unreadable: &[(palisade_types::Digest, String)]) -> String {
    let shown = unreadable.iter().take(MAX_SHOWN);
    let line = |(digest, why): &(palisade_types::Digest, String)| {
        format!("\n{} cannot be read: {}", digest.short(), escape(why))
    };
    let more = unreadable.len().saturating_sub(MAX_SHOWN);
    let more = (more > 0).then(|| format!("\nand {more} more cannot be read"));
    shown.map(line).chain(more).collect()
}

impl Error {
    /// The bundles that were looked at in vain.
    pub(crate) fn candidates(&self) -> &[Candidate] {
        match self {
            Self::Refused { candidates, .. } | Self::Unreadable { candidates, .. } => candidates,
            _ => &[],
        }
    }
}

/// One line per decision, for the first few; anybody can attach more.
fn words(candidates: &[Candidate]) -> String {
    let (others, decisions): (Vec<_>, Vec<_>) = candidates
        .iter()
        .partition(|candidate| candidate.unusable.code() == "kind");
    let mut lines: Vec<String> = decisions
        .iter()
        .take(MAX_SHOWN)
        // The reason may quote what a stranger signed.
        .map(|one| {
            format!(
                "{}: {}",
                one.bundle.short(),
                escape(&one.unusable.to_string())
            )
        })
        .collect();
    if decisions.is_empty() {
        lines.push("there is no decision about it".to_owned());
    }
    if decisions.len() > MAX_SHOWN {
        lines.push(format!("and {} more", decisions.len() - MAX_SHOWN));
    }
    if !others.is_empty() {
        lines.push(format!(
            "{} other attestations were passed over",
            others.len()
        ));
    }
    format!("\n{}", lines.join("\n"))
}

fn help(candidates: &[Candidate]) -> &'static str {
    match candidates
        .iter()
        .map(|candidate| candidate.unusable.code())
        .find(|code| *code != "kind")
    {
        Some("expired" | "stale") => {
            "run `palisade gate` again: decisions are good for a short time"
        }
        Some("subject" | "resource" | "frozen") => {
            "the decision is about another image: run `palisade gate` for this one"
        }
        Some("future") => "set the clock of this machine, or the gate's",
        Some("relaxed") => "decide again without what was loosened; `--allow-lab` accepts a lab's",
        Some(_) => {
            "name the gate, the policy and the environment that were meant, or run `palisade gate`"
        }
        None => "run `palisade gate` for this image; it writes and attaches the decision",
    }
}

impl ExitWith for Error {
    fn exit(&self) -> Exit {
        match self {
            Self::Address { .. }
            | Self::BadKey { .. }
            | Self::File { .. }
            | Self::NoKey { .. }
            | Self::NotPinned { .. }
            | Self::Service(_)
            | Self::TooLarge { .. } => Exit::Usage,
            Self::TrustRoot(error) => error.exit(),
            Self::Client(_) | Self::ReceiptLost { .. } | Self::Unreadable { .. } => Exit::Undecided,
            Self::NotLive(failure) => failure.exit(),
            // A decision that cannot be read is refused like one that says no.
            Self::Refused { .. } | Self::VsaFile { .. } => Exit::No,
            Self::Registry { source, .. } => match source.category() {
                // Registries answer "missing" also to those who may not look.
                Category::Absent | Category::Undecided => Exit::Undecided,
                Category::Usage => Exit::Usage,
            },
        }
    }
}
