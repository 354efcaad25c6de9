//! Files: read with a bound, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Reads a file of at most `limit` bytes.
pub(crate) fn read(what: &'static str, path: &Path, limit: usize) -> Result<Vec<u8>, Error> {
    let limit = limit as u64;
    let mut bytes = Vec::new();
    open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(|source| unreadable(what, path, source))?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge {
            what,
            path: path.to_owned(),
            limit,
            unit: "bytes",
        });
    }
    Ok(bytes)
}

/// Opening a folder works on Linux; reading it does not, with a stranger error.
fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

/// The files in a folder whose name ends in `.json`, by name. At most `limit`.
pub(crate) fn json_files(
    what: &'static str,
    dir: &Path,
    limit: usize,
) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| unreadable(what, dir, source);
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
        if files.len() > limit {
            return Err(Error::TooLarge {
                what,
                path: dir.to_owned(),
                limit: limit as u64,
                unit: "files",
            });
        }
    }
    files.sort();
    Ok(files)
}

/// Writes a file so that a reader sees all of it or what was there before. What is no file, such
/// as `/dev/stdout`, is written to and never replaced.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    Prepared::new(path, bytes)?.place()
}

/// A file that is written whole, under another name, and not in its place yet. It goes when it is
/// dropped before it was placed.
pub(crate) struct Prepared<'a> {
    path: PathBuf,
    /// Where it is; none for what is no file, which can only be written to.
    partial: Option<PathBuf>,
    bytes: &'a [u8],
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(path: &Path, bytes: &'a [u8]) -> Result<Self, Error> {
        // Through symbolic links: the file they lead to is the one that is meant.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut prepared = Self {
            partial: None,
            path,
            bytes,
        };
        if is_file_or_absent(&prepared.path) {
            let partial = partial_name(&prepared.path);
            let file = File::create_new(&partial);
            let mut file = file.map_err(|source| unwritable(&prepared.path, source))?;
            prepared.partial = Some(partial);
            file.write_all(bytes)
                .and_then(|()| file.sync_all())
                .map_err(|source| unwritable(&prepared.path, source))?;
        }
        Ok(prepared)
    }

    /// Moves it into its place.
    pub(crate) fn place(mut self) -> Result<(), Error> {
        let placed = match &self.partial {
            Some(partial) => fs::rename(partial, &self.path),
            None => File::options()
                .write(true)
                .open(&self.path)
                .and_then(|mut file| file.write_all(self.bytes)),
        };
        placed.map_err(|source| unwritable(&self.path, source))?;
        self.partial = None;
        Ok(())
    }
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            // Best effort: the error that matters is the one that led here.
            let _ = fs::remove_file(partial);
        }
    }
}

fn partial_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}

/// Takes away what a file says, if there is one: the file goes; a symbolic link stays, and leads to
/// an empty file. What is no file, such as `/dev/stdout`, has nothing to take away.
pub(crate) fn clear(path: &Path) -> Result<(), Error> {
    let is_link = match path.symlink_metadata() {
        Ok(metadata) => metadata.is_symlink(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(unwritable(path, source)),
    };
    let cleared = match path.metadata() {
        Ok(target) if !target.is_file() => Ok(()),
        Ok(_) if is_link => File::options()
            .write(true)
            .truncate(true)
            .open(path)
            .map(drop),
        Ok(_) => fs::remove_file(path),
        // A link that leads nowhere: nothing is there to read.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(source),
    };
    cleared.map_err(|source| unwritable(path, source))
}

fn is_file_or_absent(path: &Path) -> bool {
    path.metadata().map_or(true, |metadata| metadata.is_file())
}

fn unwritable(path: &Path, source: io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}

fn unreadable(what: &'static str, path: &Path, source: io::Error) -> Error {
    Error::File {
        what,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_and_a_failed_write_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("answer");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(read("answer", &path, 3).unwrap(), b"two");
        assert!(matches!(
            read("answer", &path, 2),
            Err(Error::TooLarge { limit: 2, .. })
        ));
        assert!(matches!(
            write_whole(&dir.path().join("no/answer"), b"x"),
            Err(Error::Write { .. })
        ));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_prepared_file_is_in_its_place_only_after_it_was_placed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("answer");
        drop(Prepared::new(&path, b"one").unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let prepared = Prepared::new(&path, b"two").unwrap();
        assert!(!path.exists());
        prepared.place().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_links_and_devices_stay_devices() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_whole(&link, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        clear(&link).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"", "nothing is left to believe");
        clear(&file).unwrap();
        assert!(!file.exists());
        clear(&link).unwrap();
        clear(&file).unwrap();
        clear(Path::new("/dev/null")).unwrap();
        fs::write(&file, "x").unwrap();
        assert!(matches!(
            clear(&file.join("below-a-file")),
            Err(Error::Write { .. })
        ));
        assert!(!is_file_or_absent(Path::new("/dev/null")));
        assert!(is_file_or_absent(&dir.path().join("absent")));
    }
}
