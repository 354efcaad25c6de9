//! Files that the user names, read with a bound.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use palisade_types::Digest;
use palisade_types::digest::{Algorithm, Hasher};
use palisade_ui::files::{self, ReadError};

use crate::error::Error;

/// Reads a file of at most `limit` bytes.
pub(crate) fn read(what: &'static str, path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    files::read_bounded(path, limit).map_err(|error| unread(what, error))
}

/// Reads standard input, of at most `limit` bytes.
pub(crate) fn read_stdin(what: &'static str, limit: u64) -> Result<Vec<u8>, Error> {
    files::read_stdin(limit).map_err(|error| unread(what, error))
}

/// The SHA-256 and SHA-512 digests of a file of any size, in constant memory.
pub(crate) fn digests(path: &Path) -> Result<[Digest; 2], Error> {
    let mut hashers = [Algorithm::Sha256, Algorithm::Sha512].map(Hasher::new);
    let hash = |mut file: File| {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(()),
                count => hashers
                    .iter_mut()
                    .for_each(|hasher| hasher.update(&buffer[..count])),
            }
        }
    };
    open(path).and_then(hash).map_err(|source| Error::File {
        what: "file",
        path: path.to_owned(),
        source,
    })?;
    Ok(hashers.map(Hasher::finish))
}

/// The same digests of bytes that are at hand.
pub(crate) fn digests_of(bytes: &[u8]) -> [Digest; 2] {
    [Algorithm::Sha256, Algorithm::Sha512].map(|algorithm| {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    })
}

fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

fn unread(what: &'static str, error: ReadError) -> Error {
    match error {
        ReadError::Io { path, source } => Error::File { what, path, source },
        ReadError::TooLarge { path, limit } => Error::FileTooLarge { what, path, limit },
    }
}
