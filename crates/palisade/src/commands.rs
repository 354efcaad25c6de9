//! The commands there are. A name that is not in this list is never started.

use std::ffi::OsStr;
use std::fmt::Write as _;

use palisade_ui::nearest;

use crate::error::Error;

/// One command.
#[derive(Debug)]
pub struct Command {
    /// Its name; the program is `palisade-NAME`.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
}

/// Every command, in alphabetical order.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "deploy",
        about: "Release exactly the image a gate allowed, and read back that it runs",
    },
    Command {
        name: "gate",
        about: "Decide whether an image may be released, and sign the decision",
    },
    Command {
        name: "lab",
        about: "Run a signing infrastructure and a registry on this machine, to try things",
    },
    Command {
        name: "sbom",
        about: "List what is in an image, as a CycloneDX bill of materials",
    },
    Command {
        name: "sign",
        about: "Sign an image, a file or a statement about an image, without keeping a key",
    },
    Command {
        name: "verify",
        about: "Verify who signed an image, an attestation or a file",
    },
];

/// The command of this name, or an error that suggests the nearest one.
pub(crate) fn find(name: &OsStr) -> Result<&'static Command, Error> {
    COMMANDS
        .iter()
        .find(|command| name == command.name)
        .ok_or_else(|| {
            let name = name.to_string_lossy();
            let near = nearest(&name, COMMANDS.iter().map(|command| command.name));
            Error::unknown(&name, near)
        })
}

/// The list at the end of `palisade --help`.
pub(crate) fn help() -> String {
    let mut text = "Commands:\n".to_owned();
    for Command { name, about } in COMMANDS {
        writeln!(text, "  {name:<8}{about}").expect("writing to a string cannot fail");
    }
    text.push_str("\n`palisade help COMMAND` explains one.");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(COMMANDS.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn a_path_is_not_a_command() {
        for name in ["../palisade-verify", "verify/../sign", "", "verify "] {
            assert!(find(OsStr::new(name)).is_err(), "{name}");
        }
        assert_eq!(
            find(OsStr::new("verify")).ok().map(|found| found.name),
            Some("verify")
        );
    }
}
