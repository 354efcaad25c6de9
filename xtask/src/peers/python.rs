//! sigstore-python in a virtual environment of its own, every file checked against its hash.

use std::process::Command;

use palisade_ui::Printer;

use super::Peer;
use crate::error::Error;
use crate::{files, tool};

const REQUIREMENTS: &str = include_str!("../../peers/python.txt");
const VERSION: &str = "4.5.1";

/// Installs it, unless these requirements are already installed.
pub(super) fn fetch(peer: &Peer, printer: Printer) -> Result<(), Error> {
    let requirements = palisade_types::Digest::sha256_of(REQUIREMENTS.as_bytes());
    let stamp = format!("{VERSION}\nrequirements {requirements}\n");
    if peer.is(&stamp) {
        return Ok(());
    }
    printer.note(&format!("fetching sigstore {VERSION} from PyPI"));
    let venv = files::peers().join("venv");
    files::remove_dir(&venv)?;
    tool::stdout(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let list = files::root().join("xtask/peers/python.txt");
    let flags = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
    ];
    let hashes = ["--require-hashes", "--only-binary=:all:", "--requirement"];
    let python = venv.join("bin/python");
    tool::stdout(Command::new(python).args(flags).args(hashes).arg(list))?;
    files::write(&peer.stamp(), &stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requirements_name_the_version_and_every_one_has_a_hash() {
        assert!(REQUIREMENTS.contains(&format!("\nsigstore=={VERSION} \\\n    --hash=sha256:")));
        let pins = REQUIREMENTS.lines().filter(|line| line.contains("=="));
        assert!(
            pins.filter(|line| !line.starts_with('#'))
                .all(|line| line.ends_with('\\'))
        );
    }
}
