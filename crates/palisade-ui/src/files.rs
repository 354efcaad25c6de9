//! Files written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
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
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
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

    #[test]
    fn a_folder_that_is_missing_or_in_the_way_is_an_error_and_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(write(&dir.path().join("no/answer.json"), b"x").is_err());
        assert!(write(dir.path(), b"x").is_err());
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 0);
    }
}
