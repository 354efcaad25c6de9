//! Files: read up to a limit, written whole or not at all.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

/// Writes a file: to another name beside it first, then renamed over it. What was there before
/// stays until then. A pipe or device is written to as it is.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Through a symbolic link, the file it points to is replaced, not the link.
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if !metadata.is_file() => {
            return File::options().write(true).open(&target)?.write_all(bytes);
        }
        _ => {}
    }
    let temporary = beside(&target)?;
    let written = fill(&temporary, bytes).and_then(|()| fs::rename(&temporary, &target));
    if written.is_err() {
        // The first error is the one to tell; a leftover would only add to it.
        let _leftover = fs::remove_file(&temporary);
    }
    written
}

fn beside(target: &Path) -> io::Result<PathBuf> {
    let name = target.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let name = format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id());
    Ok(target.with_file_name(name))
}

fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A run that was killed may have left one; a link that somebody put there is not followed.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Why a file was not read. Neither is about what is in it.
#[derive(Debug)]
pub enum ReadError {
    /// The system does not let us.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is more in it than we read.
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most we read, in bytes.
        limit: u64,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, .. } => write!(f, "cannot read `{}`", path.display()),
            Self::TooLarge { path, limit } => {
                write!(f, "`{}` is larger than {limit} bytes", path.display())
            }
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::TooLarge { .. } => None,
        }
    }
}

/// Reads a file of at most `limit` bytes. Symbolic links are followed, and a pipe is read to its
/// end: whoever names a file on the command line chooses what it is. Its size is counted while
/// reading, since what the system says of a size beforehand may be wrong by then.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    bounded(path, File::open(path), limit)
}

/// Reads at most `limit` bytes of standard input, to its end. Errors call it `-`.
pub fn read_stdin(limit: u64) -> Result<Vec<u8>, ReadError> {
    bounded(Path::new("-"), Ok(io::stdin().lock()), limit)
}

fn bounded(
    path: &Path,
    input: io::Result<impl io::Read>,
    limit: u64,
) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    input
        .and_then(|input| input.take(limit.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|source| ReadError::Io {
            path: path.to_owned(),
            source,
        })?;
    if bytes.len() as u64 > limit {
        return Err(ReadError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("answer.json");
        write(&path, b"one").expect("writes");
        write(&path, b"two").expect("writes");
        assert_eq!(fs::read(&path).expect("reads"), b"two");
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_a_device_stays_a_device() {
        let dir = tempfile::tempdir().expect("a folder");
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "one").expect("writes");
        std::os::unix::fs::symlink(&file, &link).expect("links");
        write(&link, b"two").expect("writes");
        assert_eq!(fs::read(&file).expect("reads"), b"two");
        assert!(fs::symlink_metadata(&link).expect("is there").is_symlink());
        write(Path::new("/dev/null"), b"x").expect("writes");
    }

    #[cfg(unix)]
    #[test]
    fn what_stands_in_the_place_of_the_unfinished_file_is_not_written_to() {
        let dir = tempfile::tempdir().expect("a folder");
        let (path, theirs) = (dir.path().join("answer.json"), dir.path().join("theirs"));
        fs::write(&theirs, "theirs").expect("writes");
        std::os::unix::fs::symlink(&theirs, beside(&path).expect("a name")).expect("links");
        write(&path, b"ours").expect("writes");
        assert_eq!(fs::read(&path).expect("reads"), b"ours");
        assert_eq!(fs::read(&theirs).expect("reads"), b"theirs");
    }

    #[test]
    fn a_folder_that_is_missing_or_in_the_way_is_an_error_and_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(write(&dir.path().join("no/answer.json"), b"x").is_err());
        assert!(write(dir.path(), b"x").is_err());
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 0);
    }

    #[test]
    fn a_file_is_read_up_to_its_limit_and_not_a_byte_further() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("file");
        fs::write(&path, "four").expect("writes");
        assert_eq!(read_bounded(&path, 4).expect("reads"), b"four");
        let error = read_bounded(&path, 3).expect_err("a twin");
        assert!(
            matches!(error, ReadError::TooLarge { limit: 3, .. }),
            "{error}"
        );
        let error = read_bounded(&dir.path().join("no"), 4).expect_err("is not there");
        assert!(matches!(error, ReadError::Io { .. }), "{error}");
        // What never ends is over at the limit.
        #[cfg(unix)]
        assert!(read_bounded(Path::new("/dev/zero"), 1_000).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_read_as_what_it_points_to() {
        let dir = tempfile::tempdir().expect("a folder");
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "one").expect("writes");
        std::os::unix::fs::symlink(&file, &link).expect("links");
        assert_eq!(read_bounded(&link, 3).expect("reads"), b"one");
        fs::remove_file(&file).expect("removes");
        assert!(read_bounded(&link, 3).is_err());
    }
}
