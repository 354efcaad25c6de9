//! Why there is no trust root to believe, and what to do about it. What the user named and is not
//! usable is configuration; everything else leaves the question open. None is an answer about an image.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use palisade_trust::RootError;
use palisade_types::Timestamp;
use palisade_ui::{Exit, ExitWith};

/// Why a trust root could not be loaded.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum RootsError {
    /// The cache cannot be read or written, or is busy.
    #[error("the cache of trust roots in `{}` cannot be used", path.display())]
    #[diagnostic(
        code(roots::cache),
        help("remove the file and try again, or set XDG_CACHE_HOME to a folder of yours")
    )]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The embedded root is past the end its signers gave it.
    #[error("the trust root `{name}` in palisade {program} ended at {expires}")]
    #[diagnostic(
        code(roots::embedded_expired),
        help("use a newer palisade, or fetch the current one: `--trust-mode online`")
    )]
    EmbeddedExpired {
        /// Whose root.
        name: &'static str,
        /// The version of this program.
        program: &'static str,
        /// When it ended.
        expires: Timestamp,
    },
    /// A mirror, and the root in this program, are both asked for.
    #[error("`--tuf-mirror` names a repository, and `--trust-mode embedded` asks none")]
    #[diagnostic(code(roots::embedded_mirror), help("remove one of the two"))]
    EmbeddedMirror,
    /// Metadata is past its end.
    #[error(
        "the trust root of {mirror} cannot be believed: its {role} metadata expired at {expires}"
    )]
    #[diagnostic(
        code(roots::expired),
        help(
            "check the clock; fetch it again with `--trust-mode online`, or tell whoever runs the repository"
        )
    )]
    Expired {
        /// The repository's address.
        mirror: String,
        /// Which TUF role.
        role: String,
        /// When it ended.
        expires: Timestamp,
    },
    /// A file cannot be read, or is too large.
    #[error("`{}` cannot be read", path.display())]
    #[diagnostic(code(roots::file), help("check the path and that you may read it"))]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The first root metadata is none, or is not signed as it demands itself.
    #[error("the first TUF root metadata cannot be used: {why}")]
    #[diagnostic(
        code(roots::first_root),
        help(
            "name the repository's `root.json` with `--tuf-root`, as whoever runs it hands it out"
        )
    )]
    FirstRoot {
        /// The rule it breaks.
        why: String,
    },
    /// The trust root is a lab's.
    #[error("the trust root `{origin}` is a palisade lab's, which proves nothing")]
    #[diagnostic(
        code(roots::lab),
        help("for a test add `--allow-lab`; for anything real use another trust root")
    )]
    LabRoot {
        /// Where it comes from.
        origin: String,
    },
    /// The address of the mirror is not one that we ask.
    #[error("`{mirror}` is not a mirror we ask: {why}")]
    #[diagnostic(
        code(roots::mirror),
        help("write `https://HOST/PATH`; plain http is for this machine alone")
    )]
    Mirror {
        /// The address, without user and password.
        mirror: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is nowhere to keep what is fetched.
    #[error("there is no folder to keep trust roots in")]
    #[diagnostic(
        code(roots::no_cache_folder),
        help("set XDG_CACHE_HOME or HOME to an absolute path")
    )]
    NoCacheFolder,
    /// Nothing usable was ever fetched from there.
    #[error("nothing fetched from {mirror} is in the cache `{}`", path.display())]
    #[diagnostic(
        code(roots::not_cached),
        help("fetch it once, with `--trust-mode online`")
    )]
    NotCached {
        /// The repository's address.
        mirror: String,
        /// Where it would be.
        path: PathBuf,
    },
    /// No request is to be made, and one is asked for.
    #[error("`--offline` makes no request, and `--trust-mode {mode}` asks for one")]
    #[diagnostic(
        code(roots::offline),
        help("use `--trust-mode cached` or `--trust-mode embedded`")
    )]
    OfflineMode {
        /// The mode.
        mode: &'static str,
    },
    /// Metadata or a target fails verification: a signature, version, length or hash.
    #[error("what {mirror} says does not verify: {why}")]
    #[diagnostic(
        code(roots::refused),
        help("do not go on; ask whoever runs the repository, or try another network")
    )]
    Refused {
        /// The repository's address.
        mirror: String,
        /// The rule it breaks.
        why: String,
    },
    /// The bytes are no trust root.
    #[error("`{origin}` is not usable as a trust root")]
    #[diagnostic(
        code(roots::root),
        help("name a trusted_root.json of Sigstore's with `--trusted-root`")
    )]
    Root {
        /// Where they come from.
        origin: String,
        /// What is wrong with them.
        #[source]
        source: RootError,
        /// Whether the user named exactly these bytes.
        named: bool,
    },
    /// The runtime cannot start.
    #[error("the asynchronous runtime cannot start")]
    #[diagnostic(
        code(roots::runtime),
        help("check the limits on threads and open files: `ulimit -a`")
    )]
    Runtime(#[source] io::Error),
    /// The mirror could not be asked.
    #[error("{mirror} cannot be asked: {why}")]
    #[diagnostic(
        code(roots::unreachable),
        help(
            "try again; to go on with what was fetched before while it has not expired, use \
             `--trust-mode online-else-cached`"
        )
    )]
    Unreachable {
        /// The repository's address.
        mirror: String,
        /// What happened.
        why: String,
    },
}

impl ExitWith for RootsError {
    fn exit(&self) -> Exit {
        match self {
            Self::EmbeddedMirror
            | Self::FirstRoot { .. }
            | Self::LabRoot { .. }
            | Self::Mirror { .. }
            | Self::NoCacheFolder
            | Self::OfflineMode { .. }
            | Self::Root { named: true, .. } => Exit::Usage,
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::Interrupted | io::ErrorKind::OutOfMemory => Exit::Undecided,
                _ => Exit::Usage,
            },
            Self::Cache { .. }
            | Self::EmbeddedExpired { .. }
            | Self::Expired { .. }
            | Self::NotCached { .. }
            | Self::Refused { .. }
            | Self::Root { named: false, .. }
            | Self::Runtime(_)
            | Self::Unreachable { .. } => Exit::Undecided,
        }
    }
}
