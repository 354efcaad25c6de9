//! Why no command was started.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use palisade_ui::{Exit, ExitWith, escape};

/// Why no command was started. Once one is, its exit code is ours.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum Error {
    /// The program is there and the system will not start it.
    #[error("`{}` cannot be started", path.display())]
    #[diagnostic(code(palisade::exec))]
    Exec {
        /// Where it is.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Where this program itself is cannot be told, so neither where its siblings are.
    #[error("cannot tell where `palisade` itself is installed")]
    #[diagnostic(code(palisade::place))]
    Place {
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The program is not beside this one. `PATH` is not searched, so that nobody can slip one in.
    #[error("`{}` does not exist", path.display())]
    #[diagnostic(
        code(palisade::missing_program),
        help("install it there; commands are found beside `palisade` and nowhere else")
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// `--pass-env` takes names only.
    #[error("`{name}` is not the name of a variable")]
    #[diagnostic(
        code(palisade::pass_env),
        help("`--pass-env NAME` passes on the value this process has; set it there")
    )]
    Name {
        /// What was given.
        name: String,
    },
    /// There is no such command.
    #[error("there is no command `{name}`")]
    #[diagnostic(code(palisade::unknown_command))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What to type instead.
        #[help]
        help: String,
    },
}

impl Error {
    pub(crate) fn unknown(name: &str, near: Option<&str>) -> Self {
        Self::Unknown {
            name: escape(name),
            help: near.map_or_else(
                || "`palisade --help` lists the commands".to_owned(),
                |near| format!("did you mean `palisade {near}`?"),
            ),
        }
    }
}

impl ExitWith for Error {
    fn exit(&self) -> Exit {
        match self {
            Self::Missing { .. } | Self::Name { .. } | Self::Unknown { .. } => Exit::Usage,
            Self::Exec { .. } | Self::Place { .. } => Exit::Undecided,
        }
    }
}
