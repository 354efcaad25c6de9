//! Files: read within a bound, written whole or not at all.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use palisade_types::Digest;
use palisade_types::digest::{Algorithm, Hasher};
use palisade_ui::files::{self, ReadError};

use crate::error::Error;

/// The largest configuration file we read, in bytes. Its parser may allow less.
pub(crate) const MAX_CONFIGURATION: usize = 8 << 20;

/// The bytes of a file that has at most `limit` of them.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Error> {
    files::read_bounded(path, limit as u64).map_err(|error| match error {
        ReadError::Io { path, source } => Error::Read { path, source },
        ReadError::TooLarge { path, .. } => Error::TooLarge { path, limit },
    })
}

/// The SHA-256 digest of a file of any size.
pub(crate) fn digest(path: &Path) -> Result<Digest, Error> {
    let cannot = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(cannot)?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(cannot(error)),
        }
    }
}

/// Refuses a place that cannot be written to before anything is signed for it.
pub(crate) fn check_writable(path: &Path) -> Result<(), Error> {
    let cannot = |kind: io::ErrorKind| Error::Write {
        path: path.to_owned(),
        source: kind.into(),
    };
    if path.is_dir() || path.file_name().is_none() {
        return Err(cannot(io::ErrorKind::IsADirectory));
    }
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if parent.is_none_or(Path::is_dir) {
        Ok(())
    } else {
        Err(cannot(io::ErrorKind::NotFound))
    }
}

/// Writes a file whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    files::write(path, bytes).map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

/// Writes what nobody else may read, and never over what is there.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bundle.json");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(read(&path, 3).unwrap(), b"two");
        assert!(matches!(read(&path, 2), Err(Error::TooLarge { .. })));
        assert_eq!(digest(&path).unwrap(), Digest::sha256_of(b"two"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn places_that_cannot_be_written_to_are_known_beforehand() {
        let dir = tempfile::tempdir().unwrap();
        assert!(check_writable(&dir.path().join("a")).is_ok());
        assert!(check_writable(Path::new("a")).is_ok());
        assert!(check_writable(dir.path()).is_err());
        assert!(check_writable(&dir.path().join("no/a")).is_err());
    }
}
