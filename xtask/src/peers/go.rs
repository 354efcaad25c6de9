//! A registry of go-containerregistry, built from the committed module files.

use std::process::Command;

use palisade_ui::Printer;

use super::Peer;
use crate::error::Error;
use crate::{files, tool};

const MAIN: &str = include_str!("../../peers/go/main.go");
const MODULE: &str = include_str!("../../peers/go/go.mod");
const SUMS: &str = include_str!("../../peers/go/go.sum");
const VERSION: &str = "0.22.1";

/// Builds it, unless these files are already built.
pub(super) fn fetch(peer: &Peer, printer: Printer) -> Result<(), Error> {
    let sources = palisade_types::Digest::sha256_of([MAIN, MODULE, SUMS].concat().as_bytes());
    let stamp = format!("{VERSION}\nsources {sources}\n");
    if peer.is(&stamp) {
        return Ok(());
    }
    printer.note(&format!("building {} {VERSION} with Go", peer.name));
    let folder = files::peers().join("go");
    files::remove_dir(&folder)?;
    files::write(&folder.join("main.go"), MAIN)?;
    files::write(&folder.join("go.mod"), MODULE)?;
    files::write(&folder.join("go.sum"), SUMS)?;
    let program = files::peers().join(peer.path);
    let mut build = Command::new("go");
    // The sums decide: what does not match them is not built.
    build
        .args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false"])
        .arg("-o")
        .arg(&program)
        .arg(".")
        .current_dir(&folder);
    tool::stdout(&mut build)?;
    files::write(&peer.stamp(), &stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_and_sums_name_the_version() {
        let name = "github.com/google/go-containerregistry";
        let pinned = format!("{name} v{VERSION}");
        assert!(MODULE.contains(&pinned) && SUMS.contains(&format!("{pinned} h1:")));
    }
}
