//! Why there is no decision, and what to do about it.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use palisade_keyless::{ConfigError, Kind, TokenError};
use palisade_oci::{Category, ParseLocationError};
use palisade_policy::PolicyError;
use palisade_roots::RootsError;
use palisade_types::Timestamp;
use palisade_ui::{Exit, ExitWith};

/// Why there is no decision, or why an allow could not be written down.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum Error {
    /// The summary could not be attached to the image.
    #[error("`{image}` is allowed, but the decision could not be attached to it")]
    #[diagnostic(
        code(gate::attach),
        help("the account needs push rights; or set `vsa.attach = \"none\"` and use `--vsa FILE`")
    )]
    Attach {
        /// What it should be attached to.
        image: String,
        /// Why not.
        source: palisade_oci::Error,
    },
    /// A file cannot be read.
    #[error("the {what} `{}` cannot be read", path.display())]
    #[diagnostic(code(gate::file), help("check the path and that you may read it"))]
    File {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is larger, or a folder holds more, than we read.
    #[error("the {what} `{}` has more than {limit} {unit}", path.display())]
    #[diagnostic(code(gate::too_large), help("is it the right one?"))]
    TooLarge {
        /// What it should hold.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The limit.
        limit: u64,
        /// What the limit counts.
        unit: &'static str,
    },
    /// The image's name is none.
    #[error("`{text}` does not name an image")]
    #[diagnostic(
        code(gate::image),
        help("write `registry/name:tag`, `registry/name@sha256:…` or `oci:DIR`")
    )]
    Image {
        /// What was given.
        text: String,
        /// Why.
        source: ParseLocationError,
    },
    /// A summary is asked for, and the policy says nothing about one.
    #[error("`--vsa` asks for a summary, and the policy has no [vsa] section that says what it is")]
    #[diagnostic(
        code(gate::no_vsa),
        help("add a [vsa] section to the policy, or remove `--vsa`")
    )]
    NoVsa,
    /// The image is in a file, where nothing is attached to it.
    #[error("`{image}` is not on a registry, so nothing can be attached to it")]
    #[diagnostic(
        code(gate::no_evidence_source),
        help("give the folder that holds its bundles with `--evidence DIR`")
    )]
    NoEvidenceSource {
        /// The image as typed.
        image: String,
    },
    /// The policy is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Policy(Box<PolicyError>),
    /// The image could not be read.
    #[error("it is not known what `{image}` is")]
    #[diagnostic(code(gate::resolve), help("{}", resolve_help(source)))]
    Resolve {
        /// The image as typed.
        image: String,
        /// Why.
        source: palisade_oci::Error,
    },
    /// A trust root cannot be used.
    #[error("the trust root `{name}` of the policy cannot be used")]
    #[diagnostic(
        code(gate::root),
        help(
            "{}",
            source.help().map_or_else(String::new, |help| help.to_string())
        )
    )]
    Root {
        /// The name in the policy.
        name: String,
        /// Why.
        source: RootsError,
    },
    /// The runtime cannot start.
    #[error("the asynchronous runtime cannot start")]
    #[diagnostic(
        code(gate::runtime),
        help("check the limits on threads and open files: `ulimit -a`")
    )]
    Runtime(#[source] io::Error),
    /// The summary could not be signed.
    #[error("the image is allowed, but the decision could not be signed")]
    #[diagnostic(code(gate::sign), help("nothing was published; {}", sign_help(source)))]
    Sign {
        /// Why.
        #[source]
        source: palisade_keyless::Error,
    },
    /// Nothing says which services sign.
    #[error("nothing says which services sign the decision: {origin} lists none")]
    #[diagnostic(
        code(gate::no_services),
        help("give a signing configuration with `--signing-config`, or add `--no-sign`")
    )]
    NoServices {
        /// Where the trust root comes from.
        origin: String,
    },
    /// The signing configuration that came with the trust root cannot be used.
    #[error("the signing configuration beside {origin} cannot be used")]
    #[diagnostic(
        code(gate::services),
        help("give another one with `--signing-config`, or add `--no-sign`")
    )]
    Services {
        /// Where the trust root comes from.
        origin: String,
        /// What is wrong with it.
        source: ConfigError,
    },
    /// The signing configuration cannot be used.
    #[error("the signing configuration cannot be used")]
    #[diagnostic(
        code(gate::signing_config),
        help("name a signing configuration of version 0.2 with `--signing-config`")
    )]
    SigningConfig(#[source] ConfigError),
    /// There is no token to sign with.
    #[error("the image is allowed, but there is no identity to sign the decision with")]
    #[diagnostic(
        code(gate::token),
        help("give `--identity-token`, run in a job with `id-token: write`, or add `--no-sign`")
    )]
    Token(#[source] TokenError),
    /// The summary would end after the last time there is.
    #[error("a summary made at {now} with the policy's `vsa.valid-for` would have no end")]
    #[diagnostic(
        code(gate::valid_until),
        help("shorten `vsa.valid-for`, or check the clock")
    )]
    ValidUntil {
        /// When it would be made.
        now: Timestamp,
    },
    /// A file could not be written.
    #[error("`{}` cannot be written", path.display())]
    #[diagnostic(
        code(gate::write),
        help("check the folder and that you may write to it")
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

fn resolve_help(source: &palisade_oci::Error) -> &'static str {
    match source.category() {
        Category::Absent => {
            "check the name; a private image needs a login: `docker login` or `podman login`"
        }
        Category::Undecided => "try again; if it stays, check the registry and your login",
        Category::Usage => "check the file that is named",
    }
}

const fn sign_help(source: &palisade_keyless::Error) -> &'static str {
    match source.kind() {
        Kind::Refused => "what the signing services sent did not hold up, or they said no",
        Kind::Unavailable => "try again",
        Kind::Usage => "check the signing configuration",
    }
}

const fn of_kind(kind: Kind) -> Exit {
    match kind {
        // The gate's answer was yes and is not written down: that is no "no".
        Kind::Refused | Kind::Unavailable => Exit::Undecided,
        Kind::Usage => Exit::Usage,
    }
}

const fn of_category(category: Category) -> Exit {
    match category {
        // Registries answer "missing" also to those who may not look: no proof of anything.
        Category::Absent | Category::Undecided => Exit::Undecided,
        Category::Usage => Exit::Usage,
    }
}

impl ExitWith for Error {
    fn exit(&self) -> Exit {
        match self {
            Self::Attach { source, .. } | Self::Resolve { source, .. } => {
                of_category(source.category())
            }
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::IsADirectory
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::NotFound
                | io::ErrorKind::PermissionDenied => Exit::Usage,
                _ => Exit::Undecided,
            },
            Self::Image { .. }
            | Self::NoEvidenceSource { .. }
            | Self::NoServices { .. }
            | Self::NoVsa
            | Self::Policy(_)
            | Self::SigningConfig(_)
            | Self::TooLarge { .. }
            | Self::ValidUntil { .. }
            | Self::Write { .. } => Exit::Usage,
            Self::Root { source, .. } => source.exit(),
            Self::Runtime(_) | Self::Services { .. } => Exit::Undecided,
            Self::Sign { source } => of_kind(source.kind()),
            Self::Token(error) => of_kind(error.kind()),
        }
    }
}
