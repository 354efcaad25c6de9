//! Programs out of Debian's newer suite, unpacked beside the system.
//!
//! A second set of apt lists and state is used, so that the system's own is not touched and no
//! newer package can be installed over it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use palisade_types::Digest;
use palisade_ui::Printer;

use super::Peer;
use crate::error::Error;
use crate::{files, tool};

const LOCK: &str = include_str!("../../peers/debian.lock");
const SUITE: &str = "sid";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A package, a version and its hash, as the lock file states them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pin {
    version: String,
    sha256: String,
}

/// The archive, with its lists fetched at most once.
pub(super) struct Archive {
    newer: bool,
    updated: bool,
}

impl Archive {
    /// `newer` allows the archive's current version where the pinned one is gone.
    pub(super) const fn new(newer: bool) -> Self {
        Self {
            newer,
            updated: false,
        }
    }

    /// Fetches, checks and unpacks one peer, unless its pinned version is there.
    pub(super) fn fetch(&mut self, peer: &Peer, printer: Printer) -> Result<(), Error> {
        let architecture = architecture()?;
        let pin = pin(LOCK, peer.name, &architecture)?;
        if peer.is(&stamp(&pin)) {
            return Ok(());
        }
        self.update(&architecture, printer)?;
        let current = current(peer.name)?;
        if self.newer && peer.present().as_ref() == Some(&current) {
            return Ok(());
        }
        let (pin, deb) = self.download(peer.name, pin, current, &architecture, printer)?;
        unpack(peer, &deb)?;
        files::write(&peer.stamp(), &stamp(&pin))
    }

    fn update(&mut self, architecture: &str, printer: Printer) -> Result<(), Error> {
        if self.updated {
            return Ok(());
        }
        printer.note(&format!("reading the package lists of Debian {SUITE}"));
        for folder in ["lists/partial", "cache/archives/partial", "debs"] {
            files::create_dir(&folder_of_apt().join(folder))?;
        }
        let source = format!(
            "deb [signed-by={KEYRING} arch={architecture}] http://deb.debian.org/debian {SUITE} main\n"
        );
        files::write(&folder_of_apt().join("sources.list"), &source)?;
        tool::stdout(apt("apt-get").args(["update", "-q=2"]))?;
        self.updated = true;
        Ok(())
    }

    /// The `.deb` of the pinned version or, if that is allowed, of the version that is left.
    fn download(
        &self,
        package: &str,
        pin: Pin,
        current: String,
        architecture: &str,
        printer: Printer,
    ) -> Result<(Pin, PathBuf), Error> {
        let wanted = if current == pin.version {
            pin
        } else if self.newer {
            printer.warn(&format!(
                "{package}: the archive no longer has {}; taking {current}, unpinned",
                pin.version
            ));
            Pin {
                version: current,
                sha256: String::new(),
            }
        } else {
            return Err(Error::undecided(
                format!(
                    "Debian {SUITE} has `{package}` {current}, and {} is pinned",
                    pin.version
                ),
                "take it with `--newer`, or pin it in xtask/peers/debian.lock",
            ));
        };
        printer.note(&format!("fetching {package} {}", wanted.version));
        let deb = download(package, &wanted.version, architecture)?;
        let found = check(&deb, &wanted)?;
        Ok((
            Pin {
                sha256: found,
                ..wanted
            },
            deb,
        ))
    }
}

fn stamp(pin: &Pin) -> String {
    format!("{}\nsha256:{}\n", pin.version, pin.sha256)
}

fn folder_of_apt() -> PathBuf {
    files::peers().join("apt")
}

/// An apt program that sees only our lists and state.
fn apt(program: &str) -> Command {
    let folder = folder_of_apt();
    let mut command = Command::new(program);
    for (key, name) in [
        ("Dir::State::Lists", "lists"),
        ("Dir::Etc::SourceList", "sources.list"),
        ("Dir::Cache", "cache"),
    ] {
        command.arg(format!("-o{key}={}", folder.join(name).display()));
    }
    command
        .args([
            "-oDir::Etc::SourceParts=/dev/null",
            "-oAPT::Sandbox::User=root",
            "-oAcquire::Languages=none",
            "-oAcquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
        ])
        .env("LC_ALL", "C");
    command
}

fn architecture() -> Result<String, Error> {
    let said = tool::stdout(Command::new("dpkg").arg("--print-architecture"))?;
    Ok(said.trim().to_owned())
}

/// The one line of the lock about this package on this architecture.
fn pin(lock: &str, package: &str, architecture: &str) -> Result<Pin, Error> {
    lock.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find_map(|words| match words[..] {
            [name, version, machine, sha256] if name == package && machine == architecture => {
                Some(Pin {
                    version: version.to_owned(),
                    sha256: sha256.to_owned(),
                })
            }
            _ => None,
        })
        .ok_or_else(|| {
            Error::undecided(
                format!("`{package}` is not pinned for {architecture}"),
                "add a line to xtask/peers/debian.lock",
            )
        })
}

/// The version the archive has now.
fn current(package: &str) -> Result<String, Error> {
    let said = tool::stdout(apt("apt-cache").args(["show", "--no-all-versions", package]))?;
    said.lines()
        .find_map(|line| line.strip_prefix("Version: "))
        .map(str::to_owned)
        .ok_or_else(|| {
            Error::undecided(
                format!("Debian {SUITE} has no package `{package}`"),
                "see xtask/peers/debian.lock",
            )
        })
}

fn download(package: &str, version: &str, architecture: &str) -> Result<PathBuf, Error> {
    let debs = folder_of_apt().join("debs");
    let what = format!("{package}={version}");
    tool::stdout(
        apt("apt-get")
            .args(["download", "-q=2", &what])
            .current_dir(&debs),
    )?;
    // apt writes the colon of an epoch as %3a.
    let version = version.replace(':', "%3a");
    Ok(debs.join(format!("{package}_{version}_{architecture}.deb")))
}

/// The file's SHA-256, refused when another one is pinned.
fn check(deb: &Path, pin: &Pin) -> Result<String, Error> {
    let bytes = fs::read(deb).map_err(|source| files::failed("read", deb, source))?;
    let found = Digest::sha256_of(&bytes).hex().to_owned();
    if pin.sha256.is_empty() || pin.sha256 == found {
        return Ok(found);
    }
    // Not left behind for a later run to unpack.
    fs::remove_file(deb).map_err(|source| files::failed("remove", deb, source))?;
    Err(Error::found(
        format!(
            "`{}` hashes to {found}, and {} is pinned",
            deb.display(),
            pin.sha256
        ),
        "nothing was unpacked; compare with xtask/peers/debian.lock",
    ))
}

/// Unpacks the package and puts its program in place with one rename.
fn unpack(peer: &Peer, deb: &Path) -> Result<(), Error> {
    let folder = folder_of_apt().join("unpacked").join(peer.name);
    files::remove_dir(&folder)?;
    files::create_dir(&folder)?;
    tool::stdout(Command::new("dpkg").arg("-x").arg(deb).arg(&folder))?;
    let place = files::peers().join(peer.path);
    let name = place
        .file_name()
        .expect("a peer's path ends with its program");
    let program = folder.join("usr/bin").join(name);
    files::create_dir(place.parent().expect("a peer's path has a folder"))?;
    fs::rename(&program, &place).map_err(|source| files::failed("move", &program, source))?;
    files::remove_dir(&folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_per_package_and_architecture() {
        let lock = "# text\na 1 amd64 aa\na 1 arm64 bb\nb 2 amd64 cc\n";
        assert_eq!(
            pin(lock, "a", "arm64").ok().map(|pin| pin.sha256),
            Some("bb".to_owned())
        );
        assert_eq!(
            pin(lock, "b", "amd64").ok().map(|pin| pin.version),
            Some("2".to_owned())
        );
        assert!(pin(lock, "b", "arm64").is_err());
    }

    #[test]
    fn another_file_than_the_pinned_one_is_refused_and_removed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let deb = folder.path().join("a.deb");
        let right = Pin {
            version: "1".to_owned(),
            sha256: Digest::sha256_of(b"right").hex().to_owned(),
        };
        fs::write(&deb, b"right").expect("write");
        assert_eq!(check(&deb, &right).ok(), Some(right.sha256.clone()));
        fs::write(&deb, b"wrong").expect("write");
        assert!(matches!(check(&deb, &right), Err(Error::Found { .. })));
        assert!(!deb.exists());
    }

    #[test]
    fn every_debian_peer_is_pinned_for_both_architectures() {
        for peer in super::super::PEERS {
            if matches!(peer.source, super::super::Source::Debian) {
                for architecture in ["amd64", "arm64"] {
                    let pin = pin(LOCK, peer.name, architecture).expect(peer.name);
                    assert_eq!(pin.sha256.len(), 64);
                }
            }
        }
    }
}
