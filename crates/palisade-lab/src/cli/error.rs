//! What can go wrong on the command line.

use std::io;
use std::path::PathBuf;

use palisade_ui::{Exit, ExitWith};

/// Why a `palisade lab` command failed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum Error {
    /// The address is no plain HTTP address of this machine.
    #[error("`{url}` is not the address of a lab")]
    #[diagnostic(code(lab::address), help("it looks like `http://localhost:8080`"))]
    Address {
        /// As given.
        url: String,
    },
    /// The folder cannot be written.
    #[error("cannot write to `{}`", dir.display())]
    #[diagnostic(code(lab::files), help("choose another folder with `--dir`"))]
    Files {
        /// As given.
        dir: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Neither `--url` nor the variable says where the lab is.
    #[error("there is no lab to ask")]
    #[diagnostic(
        code(lab::nowhere),
        help("start one with `palisade lab up`, then pass `--url` or set PALISADE_LAB")
    )]
    Nowhere,
    /// The program could not be started.
    #[error("cannot start `{program}`")]
    #[diagnostic(
        code(lab::program),
        help("check that the program is installed and on PATH")
    )]
    Program {
        /// Its name.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The lab answered with an error.
    #[error("the lab refused: {message}")]
    #[diagnostic(code(lab::refused), help("see `palisade lab fault --help` for names"))]
    Refused {
        /// The answer's text.
        message: String,
    },
    /// The asynchronous runtime could not be set up.
    #[error("cannot start threads")]
    #[diagnostic(
        code(lab::runtime),
        help("check the limits of this session with `ulimit -a`")
    )]
    Runtime(#[source] io::Error),
    /// The lab did not start.
    #[error(transparent)]
    #[diagnostic(
        code(lab::start),
        help("pass another `--port`, `--state` or `--fault`")
    )]
    Start(#[from] crate::Error),
    /// The lab cannot be reached.
    #[error("cannot reach the lab at `{url}`")]
    #[diagnostic(
        code(lab::unreachable),
        help("check that `palisade lab up` still runs")
    )]
    Unreachable {
        /// Where it should be.
        url: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl ExitWith for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Address { .. }
            | Error::Files { .. }
            | Error::Nowhere
            | Error::Program { .. }
            | Error::Refused { .. }
            | Error::Start(crate::Error::Fault(_)) => Exit::Usage,
            Error::Runtime(_) | Error::Start(_) | Error::Unreachable { .. } => Exit::Undecided,
        }
    }
}
