//! Keeping the folder near its size: what was not used for the longest time goes first.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::limits;

/// How the names of files begin that are still being written.
pub(super) const UNFINISHED: &str = ".unfinished-";
/// A file that says when the folder was last swept, by any process.
const MARKER: &str = "swept";
/// How long a sweep by any process serves all.
const AGAIN_AFTER: Duration = Duration::from_hours(1);
/// When a file that is still being written belongs to a process that is gone.
const ABANDONED_AFTER: Duration = Duration::from_hours(1);
/// How deep files lie: algorithm, first digits, digest.
const DEPTH: usize = 3;

/// Whether no process swept lately.
pub(super) fn is_due(dir: &Path) -> bool {
    let swept = std::fs::symlink_metadata(dir.join(MARKER)).and_then(|marker| marker.modified());
    swept.map_or(true, |swept| age(swept) > AGAIN_AFTER)
}

/// Removes the longest unused files until four fifths of the capacity are left, if there is more
/// than the capacity or the number of files allows. Failures are passed over: another process may
/// be sweeping as well, and a reader keeps what it has opened.
pub(super) fn sweep(dir: &Path, capacity: u64) {
    let mut files = Vec::new();
    collect(dir, DEPTH, &mut files);
    let mut bytes: u64 = files.iter().map(|file| file.size).sum();
    let mut count = files.len();
    if bytes > capacity || count > limits::CACHED_FILES {
        files.sort_by_key(|file| file.used);
        for file in files {
            if bytes <= capacity / 5 * 4 && count <= limits::CACHED_FILES / 5 * 4 {
                break;
            }
            std::fs::remove_file(&file.path).ok();
            bytes = bytes.saturating_sub(file.size);
            count -= 1;
        }
    }
    mark(dir).ok();
}

/// Puts a new marker in place of the old one. Whatever stands under its name is replaced and never
/// opened: it may be a link to another file.
fn mark(dir: &Path) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    let marker = builder.prefix(UNFINISHED).tempfile_in(dir)?;
    marker.persist(dir.join(MARKER)).map_err(|e| e.error)?;
    Ok(())
}

struct Found {
    path: PathBuf,
    size: u64,
    used: SystemTime,
}

fn collect(dir: &Path, depth: usize, files: &mut Vec<Found>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let name = entry.file_name();
        if metadata.is_dir() && depth > 1 {
            collect(&entry.path(), depth - 1, files);
        } else if name.to_string_lossy().starts_with(UNFINISHED) {
            if age(used) > ABANDONED_AFTER {
                std::fs::remove_file(entry.path()).ok();
            }
        } else if metadata.is_file() && name != MARKER {
            files.push(Found {
                path: entry.path(),
                size: metadata.len(),
                used,
            });
        }
    }
}

/// Zero for times in the future.
fn age(time: SystemTime) -> Duration {
    SystemTime::now().duration_since(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use palisade_types::Digest;

    use super::super::ContentCache;
    use super::*;

    #[test]
    fn the_longest_unused_goes_first_and_the_size_is_kept() {
        let home = tempfile::tempdir().expect("a folder");
        let cache = ContentCache::with_capacity(home.path(), 10_000);
        let content = |n: usize| vec![u8::try_from(n).expect("small"); 1_000];
        let digests: Vec<_> = (0..40).map(|n| Digest::sha256_of(&content(n))).collect();
        let start = SystemTime::now() - Duration::from_secs(100_000);
        for (n, digest) in digests.iter().enumerate() {
            cache.put(digest, &content(n));
            let file = File::options().append(true).open(cache.path(digest));
            // The first is the last one used.
            let seconds = if n == 0 { 90_000 } else { n as u64 };
            let used = start + Duration::from_secs(seconds);
            if let Ok(file) = file {
                file.set_modified(used).expect("ours");
            }
        }
        sweep(&cache.0.dir, 10_000);
        let kept = |n: usize| cache.get(&digests[n], 1_000).is_some();
        let count = (0..40).filter(|n| kept(*n)).count();
        assert!((5..=10).contains(&count), "{count}");
        assert!(kept(0) && kept(39) && !kept(1));
    }

    #[test]
    fn what_a_killed_process_left_behind_goes_and_what_is_being_written_stays() {
        let home = tempfile::tempdir().expect("a folder");
        let (old, new) = (
            home.path().join(format!("{UNFINISHED}old")),
            home.path().join(format!("{UNFINISHED}new")),
        );
        for path in [&old, &new] {
            std::fs::write(path, b"part").expect("writable");
        }
        let long_ago = SystemTime::now() - ABANDONED_AFTER * 2;
        let file = File::options().append(true).open(&old).expect("there");
        file.set_modified(long_ago).expect("ours");
        assert!(is_due(home.path()));
        sweep(home.path(), 1_000);
        assert!(!old.exists() && new.exists() && !is_due(home.path()));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_place_of_the_marker_is_replaced_and_what_it_names_stays() {
        let home = tempfile::tempdir().expect("a folder");
        let precious = home.path().join("precious");
        std::fs::write(&precious, b"content").expect("writable");
        let dir = home.path().join("cache");
        std::fs::create_dir(&dir).expect("writable");
        std::os::unix::fs::symlink(&precious, dir.join(MARKER)).expect("writable");
        sweep(&dir, 1_000);
        assert_eq!(std::fs::read(&precious).expect("there"), b"content");
        let marker = std::fs::symlink_metadata(dir.join(MARKER)).expect("there");
        assert!(marker.is_file() && !is_due(&dir));
    }
}
