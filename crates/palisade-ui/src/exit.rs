//! Exit codes: four, the same in every binary and every output format.

use std::process::ExitCode;

/// How a command ended. Everything but [`Exit::Ok`] keeps a gate closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: done, or allowed.
    Ok,
    /// 1: answered, and the answer is no.
    No,
    /// 2: the command line or a configuration file is wrong.
    Usage,
    /// 3: could not be answered: evidence, network or trust root unavailable.
    Undecided,
}

impl Exit {
    /// Every code, in order; the documentation's table is made from it.
    pub const ALL: [Self; 4] = [Self::Ok, Self::No, Self::Usage, Self::Undecided];

    /// The process exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Undecided => 3,
        }
    }

    /// What it means, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done, or allowed",
            Self::No => "answered, and the answer is no",
            Self::Usage => "the command line or a configuration file is wrong",
            Self::Undecided => "could not be answered: evidence, network or trust root unavailable",
        }
    }

    /// Examples, for people.
    pub const fn examples(self) -> &'static str {
        match self {
            Self::Ok => "verified; allow; live and read back",
            Self::No => "unsigned; another signer; deny; ticket refused; another digest runs",
            Self::Usage => "a bad flag; an unknown key in a policy; a tag where a digest is needed",
            Self::Undecided => {
                "registry or log unreachable; rate limited; state after a deploy unknown"
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error that knows its exit code. Implement it with an exhaustive `match`, so that a new
/// error cannot forget to choose.
pub trait ExitWith {
    /// The code to end with. Never [`Exit::Ok`].
    fn exit(&self) -> Exit;
}
