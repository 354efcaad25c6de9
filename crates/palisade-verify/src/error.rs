//! Why there is no answer, and what to do about it.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use palisade_oci::Category;
use palisade_roots::RootsError;
use palisade_trust::{KeyError, PatternError, RootError};
use palisade_types::ParseReferenceError;
use palisade_ui::{Exit, ExitWith};

/// Why there is no answer.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("the {what} `{}` cannot be read", path.display())]
    #[diagnostic(code(verify::file), help("check the path and that you may read it"))]
    File {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is larger than we read.
    #[error("the {what} `{}` is larger than {limit} bytes", path.display())]
    #[diagnostic(code(verify::too_large), help("is it the right file?"))]
    FileTooLarge {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// The image's name is none.
    #[error("`{text}` does not name an image")]
    #[diagnostic(
        code(verify::image),
        help("write `registry/name:tag` or `registry/name@sha256:…`")
    )]
    Image {
        /// What was given.
        text: String,
        /// Why.
        source: ParseReferenceError,
    },
    /// The list of images is empty.
    #[error("no image is named, and nothing is no reason to say that all is well")]
    #[diagnostic(
        code(verify::no_images),
        help("name images on the command line, or one on each line of `--images-from`")
    )]
    NoImages,
    /// The list of images is no text.
    #[error("the list of images `{}` is not UTF-8", path.display())]
    #[diagnostic(code(verify::not_text), help("write one image on each line"))]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The public key cannot be used.
    #[error("the key `{}` cannot be used", path.display())]
    #[diagnostic(
        code(verify::key),
        help("name a file with one PEM block `PUBLIC KEY`, for example cosign.pub")
    )]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeyError,
    },
    /// The identity pattern is refused.
    #[error("`--certificate-identity-regexp` is refused")]
    #[diagnostic(
        code(verify::pattern),
        help("write `^https://github\\.com/acme/app/.+$`: the whole name, with dots escaped")
    )]
    Pattern(#[source] PatternError),
    /// The pattern for the git reference is refused.
    #[error("`--certificate-github-workflow-ref` is refused")]
    #[diagnostic(
        code(verify::reference),
        help("write `refs/heads/main`, or `refs/tags/v*`")
    )]
    Reference(#[source] PatternError),
    /// The registry could not be asked, or its answer cannot be believed.
    #[error("it is not known whether `{image}` is signed")]
    #[diagnostic(code(verify::registry), help("{}", registry_help(source)))]
    Registry {
        /// The image as typed.
        image: String,
        /// Why.
        source: palisade_oci::Error,
    },
    /// The profile does not go with the trust root.
    #[error("the trust root cannot be used with this `--profile`")]
    #[diagnostic(
        code(verify::profile),
        help("leave `--profile` out, or give GitHub's own trust root")
    )]
    Profile(#[source] RootError),
    /// The repository of signatures is none.
    #[error("`{text}` in `{source_name}` does not name a repository")]
    #[diagnostic(
        code(verify::repository),
        help("write `registry/name`, without a tag and without a digest")
    )]
    Repository {
        /// What was given.
        text: String,
        /// The flag or variable it was given in.
        source_name: &'static str,
    },
    /// There is no trust root to believe.
    #[error(transparent)]
    #[diagnostic(transparent)]
    TrustRoot(#[from] RootsError),
    /// The runtime cannot start.
    #[error("the asynchronous runtime cannot start")]
    #[diagnostic(
        code(verify::runtime),
        help("check the limits on threads and open files: `ulimit -a`")
    )]
    Runtime(#[source] io::Error),
    /// More than we look at in one run.
    #[error("the {what} has more than {limit} {unit}")]
    #[diagnostic(code(verify::too_many), help("split it, and run once for each part"))]
    TooMany {
        /// What names too many.
        what: String,
        /// The limit.
        limit: usize,
        /// What the limit counts.
        unit: &'static str,
    },
    /// The predicate type is neither a short name nor a URI.
    #[error("`{text}` is not a predicate type")]
    #[diagnostic(code(verify::predicate_type), help("{help}"))]
    PredicateType {
        /// What was given.
        text: String,
        /// What to write.
        help: String,
    },
    /// Something is attached that cannot be read: it may be what was looked for.
    #[error("it is not known whether `{image}` is signed: what is there cannot all be read")]
    #[diagnostic(
        code(verify::unreadable),
        help(
            "{attached}: {why}\nput it right, or remove it from the registry's list or the folder"
        )
    )]
    Unreadable {
        /// The image by digest.
        image: String,
        /// What is attached.
        attached: String,
        /// Why it cannot be read.
        why: String,
    },
}

impl Error {
    /// What stood in the way, in one line; for an answer, which says by itself that it is open.
    pub(crate) fn why(&self) -> String {
        let mut cause = match self {
            Self::Registry { source, .. } => Some(source as &dyn std::error::Error),
            Self::Unreadable { attached, why, .. } => return format!("{attached}: {why}"),
            other => Some(other as &dyn std::error::Error),
        };
        let mut causes = Vec::new();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        causes.join(": ")
    }
}

fn registry_help(source: &palisade_oci::Error) -> &'static str {
    match source.category() {
        Category::Absent => {
            "check the name; a private image needs a login: `docker login` or `podman login`"
        }
        Category::Undecided => "try again; if it stays, check the registry and your login",
        Category::Usage => "check the file that is named",
    }
}

impl ExitWith for Error {
    fn exit(&self) -> Exit {
        match self {
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::IsADirectory
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::NotFound
                | io::ErrorKind::PermissionDenied => Exit::Usage,
                _ => Exit::Undecided,
            },
            Self::FileTooLarge { .. }
            | Self::Image { .. }
            | Self::Key { .. }
            | Self::NoImages
            | Self::NotText { .. }
            | Self::Pattern(_)
            | Self::PredicateType { .. }
            | Self::Profile(_)
            | Self::Reference(_)
            | Self::Repository { .. }
            | Self::TooMany { .. } => Exit::Usage,
            Self::TrustRoot(error) => error.exit(),
            Self::Registry { source, .. } => match source.category() {
                // Registries answer "missing" also to those who may not look, so it is no proof
                // that the image is unsigned.
                Category::Absent | Category::Undecided => Exit::Undecided,
                Category::Usage => Exit::Usage,
            },
            Self::Runtime(_) | Self::Unreadable { .. } => Exit::Undecided,
        }
    }
}
