//! `cargo xtask peers`: the real programs palisade is tested against, fetched into `.peers/`.

mod debian;
mod go;
mod node;
mod python;

use std::path::PathBuf;

use palisade_ui::{Printer, nearest};

use crate::error::Error;
use crate::files;

/// Fetch the real peers used in tests into `.peers/`
///
/// Versions and hashes are pinned in `xtask/peers/`. A peer that is already there in its pinned
/// version is left alone. Debian's packages are unpacked beside the system, never installed.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fetch only these
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Say what is there and fetch nothing
    #[arg(long)]
    list: bool,
    /// Take the archive's current version where it no longer has the pinned one
    ///
    /// Debian's signature on it is still checked, its pinned hash cannot be.
    #[arg(long)]
    newer: bool,
}

/// One real program.
pub(crate) struct Peer {
    /// The name on the command line.
    pub(crate) name: &'static str,
    /// What it is run as, under `.peers/`.
    pub(crate) path: &'static str,
    /// What it is good for here.
    purpose: &'static str,
    source: Source,
}

enum Source {
    /// A package of Debian's newer suite; its name is the peer's, its program the path's last part.
    Debian,
    /// The module in `xtask/peers/go`.
    Go,
    /// The lock file in `xtask/peers/node`.
    Node,
    /// A requirements file in `xtask/peers`.
    Python(python::Environment),
}

/// Every peer, in alphabetical order.
pub(crate) const PEERS: &[Peer] = &[
    Peer {
        name: "cargo-deny",
        path: "tools/bin/cargo-deny",
        purpose: "reads licences and origins of our dependencies",
        source: Source::Python(python::CARGO_DENY),
    },
    Peer {
        name: "cosign",
        path: "bin/cosign",
        purpose: "signs and verifies images, attestations, blobs",
        source: Source::Debian,
    },
    Peer {
        name: "crane",
        path: "bin/crane",
        purpose: "copies images",
        source: Source::Debian,
    },
    Peer {
        name: "docker-registry",
        path: "bin/docker-registry",
        purpose: "a registry without the referrers API",
        source: Source::Debian,
    },
    Peer {
        name: "ggcr-registry",
        path: "bin/ggcr-registry",
        purpose: "a registry with the referrers API",
        source: Source::Go,
    },
    Peer {
        name: "oras",
        path: "bin/oras",
        purpose: "lists and pushes referrers",
        source: Source::Debian,
    },
    Peer {
        name: "sigstore-go",
        path: "bin/sigstore-go-verification",
        purpose: "verifies bundles",
        source: Source::Debian,
    },
    Peer {
        name: "sigstore-js",
        path: "node/node_modules/sigstore/package.json",
        purpose: "signs and verifies bundles",
        source: Source::Node,
    },
    Peer {
        name: "sigstore-python",
        path: "venv/bin/sigstore",
        purpose: "signs and verifies bundles",
        source: Source::Python(python::SIGSTORE),
    },
];

impl Peer {
    /// The version that is there, if it is all there.
    pub(crate) fn present(&self) -> Option<String> {
        let stamp = std::fs::read_to_string(self.stamp()).ok()?;
        let path = files::peers().join(self.path);
        path.exists()
            .then(|| stamp.lines().next().unwrap_or_default().to_owned())
    }

    /// Where the fetched version is written down, after everything else.
    fn stamp(&self) -> PathBuf {
        files::peers().join("stamps").join(self.name)
    }

    /// Whether what is there is what this stamp says.
    fn is(&self, stamp: &str) -> bool {
        files::peers().join(self.path).exists()
            && std::fs::read_to_string(self.stamp()).is_ok_and(|found| found == stamp)
    }
}

/// Fetches the peers that are asked for and not there, and lists them.
pub(crate) fn run(args: &Args, printer: Printer) -> Result<(), Error> {
    let chosen = choose(&args.names)?;
    if args.list {
        list(&chosen, printer);
        return Ok(());
    }
    fetch(&chosen, args.newer, printer)?;
    list(&chosen, printer);
    Ok(())
}

/// Fetches the peer of this name, if it is not there, and says where it is.
pub(crate) fn need(name: &str, printer: Printer) -> Result<PathBuf, Error> {
    let chosen = choose(&[name.to_owned()])?;
    fetch(&chosen, false, printer)?;
    Ok(files::peers().join(chosen[0].path))
}

/// Fetches every peer that is not there at all; one in another version is left alone.
pub(crate) fn fetch_absent(printer: Printer) -> Result<(), Error> {
    let absent: Vec<_> = PEERS
        .iter()
        .filter(|peer| peer.present().is_none())
        .collect();
    fetch(&absent, false, printer)
}

/// The names of the peers that are not there.
pub(crate) fn absent() -> Vec<&'static str> {
    let absent = PEERS.iter().filter(|peer| peer.present().is_none());
    absent.map(|peer| peer.name).collect()
}

fn fetch(peers: &[&Peer], newer: bool, printer: Printer) -> Result<(), Error> {
    let mut archive = debian::Archive::new(newer);
    for peer in peers {
        match &peer.source {
            Source::Debian => archive.fetch(peer, printer),
            Source::Go => go::fetch(peer, printer),
            Source::Node => node::fetch(peer, printer),
            Source::Python(environment) => python::fetch(environment, peer, printer),
        }?;
    }
    Ok(())
}

fn choose(names: &[String]) -> Result<Vec<&'static Peer>, Error> {
    if names.is_empty() {
        return Ok(PEERS.iter().collect());
    }
    names
        .iter()
        .map(|name| {
            let known = PEERS.iter().map(|peer| peer.name);
            PEERS
                .iter()
                .find(|peer| peer.name == name)
                .ok_or_else(|| Error::Usage {
                    what: format!("there is no peer `{name}`"),
                    help: Some(match nearest(name, known.clone()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("one of: {}", known.collect::<Vec<_>>().join(", ")),
                    }),
                })
        })
        .collect()
}

fn list(peers: &[&Peer], printer: Printer) {
    for peer in peers {
        let version = peer.present().unwrap_or_else(|| "absent".to_owned());
        printer.answer(&format!("{:<16} {version:<28} {}", peer.name, peer.purpose));
    }
    let there = peers.iter().filter(|peer| peer.present().is_some()).count();
    printer.answer(&format!("peers: {there} of {} there", peers.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_a_peer_s_name_is_answered_with_the_name() {
        let error = choose(&["cosing".to_owned()]).err();
        let Some(Error::Usage { help, .. }) = error else {
            panic!("{error:?}");
        };
        assert_eq!(help.as_deref(), Some("did you mean `cosign`?"));
        assert_eq!(
            choose(&["cosign".to_owned()]).map(|found| found.len()).ok(),
            Some(1)
        );
    }

    #[test]
    fn names_are_sorted_and_unique() {
        assert!(PEERS.windows(2).all(|pair| pair[0].name < pair[1].name));
    }
}
