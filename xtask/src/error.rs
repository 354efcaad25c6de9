//! What can go wrong in a task, and the exit code each way of going wrong has.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use palisade_ui::{Exit, ExitWith};

/// Why a task did not succeed.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub(crate) enum Error {
    /// A program ended with an error of its own; what it said is already on the terminal.
    #[error("`{command}` ended with {status}")]
    Command { command: String, status: String },
    /// The task looked, and what it found is not right.
    #[error("{what}")]
    Found {
        what: String,
        #[help]
        help: Option<String>,
    },
    /// A file could not be read or written.
    #[error("cannot {action} `{}`", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A program is not there.
    #[error("`{program}` cannot be started")]
    Start {
        program: String,
        #[source]
        source: io::Error,
        #[help]
        help: Option<String>,
    },
    /// Something outside this repository kept the task from answering.
    #[error("{what}")]
    Undecided {
        what: String,
        #[help]
        help: Option<String>,
    },
    /// The command line asks for something that does not exist.
    #[error("{what}")]
    Usage {
        what: String,
        #[help]
        help: Option<String>,
    },
}

impl Error {
    /// The task found something wrong in this repository.
    pub(crate) fn found(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Found {
            what: what.into(),
            help: Some(help.into()),
        }
    }

    /// The task could not look.
    pub(crate) fn undecided(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Undecided {
            what: what.into(),
            help: Some(help.into()),
        }
    }
}

impl ExitWith for Error {
    fn exit(&self) -> Exit {
        match self {
            Self::Command { .. } | Self::Found { .. } => Exit::No,
            Self::Usage { .. } => Exit::Usage,
            Self::File { .. } | Self::Start { .. } | Self::Undecided { .. } => Exit::Undecided,
        }
    }
}
