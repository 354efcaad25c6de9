//! Why there is no document, and what to do about it.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use palisade_bom::inventory::TooMuch;
use palisade_oci::{Category, ParseLocationError};
use palisade_types::Platform;
use palisade_ui::{Exit, ExitWith};

/// Why there is no document.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum Error {
    /// A document is none that we read.
    #[error("`{name}` cannot be read")]
    #[diagnostic(
        code(sbom::document),
        help("name a CycloneDX 1.2 to 1.7 or SPDX 2.2 or 2.3 document, as JSON")
    )]
    Document {
        /// The file.
        name: String,
        /// Why.
        source: palisade_bom::formats::ReadError,
    },
    /// The file of a document cannot be read.
    #[error(transparent)]
    #[diagnostic(code(sbom::input), help("name a file that is there, or `-` for stdin"))]
    Input(#[from] palisade_ui::files::ReadError),
    /// Standard input cannot be read.
    #[error("the document on stdin cannot be read")]
    #[diagnostic(code(sbom::stdin), help("name a file instead of `-`"))]
    Stdin(#[source] io::Error),
    /// More on standard input than we read.
    #[error("the document on stdin is larger than {limit} bytes")]
    #[diagnostic(code(sbom::stdin_too_large), help("split the document"))]
    StdinTooLarge {
        /// The most we read, in bytes.
        limit: u64,
    },
    /// The document cannot be expressed in the format.
    #[error(transparent)]
    #[diagnostic(
        code(sbom::format),
        help("write a newer version: `--to cyclonedx-json`")
    )]
    Format(#[from] palisade_bom::formats::WriteError),
    /// The image cannot be read from its registry.
    #[error("`{image}` cannot be read")]
    #[diagnostic(code(sbom::image), help("{}", image_help(source)))]
    Image {
        /// What was asked for.
        image: String,
        /// Why.
        source: palisade_oci::Error,
    },
    /// The image cannot be read from its folder or tar file.
    #[error("`{image}` cannot be read")]
    #[diagnostic(
        code(sbom::layout),
        help("`oci:` takes a folder with an `oci-layout` file, `oci-archive:` a tar file of one")
    )]
    Layout {
        /// What was asked for.
        image: String,
        /// Why.
        source: palisade_oci::Error,
    },
    /// The output file cannot be written.
    #[error("`{}` cannot be written", path.display())]
    #[diagnostic(
        code(sbom::output),
        help("name a file in a folder you may write to: `-o sbom.cdx.json`")
    )]
    Output {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The image does not exist for this platform.
    #[error("`{image}` has no platform `{wanted}`; it has {available}")]
    #[diagnostic(code(sbom::platform), help("choose one of them with `--platform`"))]
    Platform {
        /// The image.
        image: String,
        /// The platform asked for.
        wanted: Platform,
        /// The platforms there are.
        available: String,
    },
    /// The image is of several platforms, and a document describes one.
    #[error("`{image}` is for several platforms: {available}")]
    #[diagnostic(
        code(sbom::platform_needed),
        help("add `--platform {first}`, once for each document you need")
    )]
    PlatformNeeded {
        /// The image.
        image: String,
        /// The platforms there are.
        available: String,
        /// The first of them.
        first: Platform,
    },
    /// The image is for no platform at all.
    #[error("`{image}` has no image that runs")]
    #[diagnostic(
        code(sbom::no_image),
        help("name an image, not an attestation or artifact")
    )]
    NoImage {
        /// What was asked for.
        image: String,
    },
    /// The runtime cannot start.
    #[error("the asynchronous runtime cannot start")]
    #[diagnostic(
        code(sbom::runtime),
        help("check the limits on threads and open files: `ulimit -a`")
    )]
    Runtime(#[source] io::Error),
    /// `SOURCE_DATE_EPOCH` is no time.
    #[error("`SOURCE_DATE_EPOCH` is `{text}`, which is no time in seconds since 1970")]
    #[diagnostic(
        code(sbom::source_date_epoch),
        help("set it to `git log -1 --format=%ct`, or unset it")
    )]
    SourceDateEpoch {
        /// Its value.
        text: String,
    },
    /// The source is not one.
    #[error("`{text}` does not name an image")]
    #[diagnostic(
        code(sbom::source),
        help("write `registry/name:tag`, `oci:DIR` or `oci-archive:FILE`")
    )]
    Source {
        /// What was given.
        text: String,
        /// Why.
        source: ParseLocationError,
    },
    /// There is more in the image than we list.
    #[error(transparent)]
    #[diagnostic(code(sbom::too_much), help("split the image"))]
    TooMuch(#[from] TooMuch),
}

impl Error {
    /// The same error about the image as the user wrote it: what is read from a folder or tar file
    /// has no reference of its own.
    pub(crate) fn about(mut self, text: &str) -> Self {
        match &mut self {
            Self::NoImage { image }
            | Self::Platform { image, .. }
            | Self::PlatformNeeded { image, .. } => text.clone_into(image),
            _ => {}
        }
        self
    }
}

fn image_help(source: &palisade_oci::Error) -> &'static str {
    match source.category() {
        Category::Absent => "check the name, or log in if the image is private: `docker login`",
        Category::Undecided => "try again; if it stays, check the registry and your login",
        Category::Usage => "check the file that the message names",
    }
}

impl ExitWith for Error {
    fn exit(&self) -> Exit {
        match self {
            Self::Document { .. }
            | Self::Format(_)
            | Self::Runtime(_)
            | Self::Stdin(_)
            | Self::StdinTooLarge { .. }
            | Self::TooMuch(_) => Exit::Undecided,
            Self::Input(error) => match error {
                palisade_ui::files::ReadError::Io { .. } => Exit::Usage,
                palisade_ui::files::ReadError::TooLarge { .. } => Exit::Undecided,
            },
            Self::Image { source, .. } => match source.category() {
                // An inventory is no question with the answer "no": an image that is not there
                // could not be looked at.
                Category::Absent | Category::Undecided => Exit::Undecided,
                Category::Usage => Exit::Usage,
            },
            Self::Layout { source, .. } => match source.category() {
                // A local path that is not there is a wrong command line.
                Category::Absent | Category::Usage => Exit::Usage,
                Category::Undecided => Exit::Undecided,
            },
            Self::NoImage { .. }
            | Self::Platform { .. }
            | Self::PlatformNeeded { .. }
            | Self::Source { .. }
            | Self::SourceDateEpoch { .. } => Exit::Usage,
            Self::Output { source, .. } => match source.kind() {
                io::ErrorKind::IsADirectory
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::NotFound
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::ReadOnlyFilesystem => Exit::Usage,
                _ => Exit::Undecided,
            },
        }
    }
}
