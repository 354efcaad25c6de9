//! npm's Sigstore client, installed from the committed lock file, without running its scripts.

use std::process::Command;

use palisade_ui::Printer;

use super::Peer;
use crate::error::Error;
use crate::{files, tool};

const PACKAGE: &str = include_str!("../../peers/node/package.json");
const LOCK: &str = include_str!("../../peers/node/package-lock.json");
const VERSION: &str = "4.1.1";

/// Installs it, unless this lock file is already installed.
pub(super) fn fetch(peer: &Peer, printer: Printer) -> Result<(), Error> {
    let lock = palisade_types::Digest::sha256_of(LOCK.as_bytes());
    let stamp = format!("{VERSION}\nlock {lock}\n");
    if peer.is(&stamp) {
        return Ok(());
    }
    printer.note(&format!("fetching sigstore {VERSION} from npm"));
    let folder = files::peers().join("node");
    files::remove_dir(&folder)?;
    files::write(&folder.join("package.json"), PACKAGE)?;
    files::write(&folder.join("package-lock.json"), LOCK)?;
    let flags = [
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ];
    tool::stdout(Command::new("npm").args(flags).current_dir(&folder))?;
    files::write(&peer.stamp(), &stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_and_lock_name_the_version() {
        let pinned = format!("\"sigstore\": \"{VERSION}\"");
        assert!(PACKAGE.contains(&pinned) && LOCK.contains(&pinned));
    }
}
