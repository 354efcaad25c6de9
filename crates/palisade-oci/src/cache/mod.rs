//! What registries sent before, by digest: one file per digest, hashed again on every read.
//!
//! Nothing here can change an answer. Only what a digest names is kept, never what a tag names
//! or that something is absent; a damaged file is a missing one; and whatever goes wrong with the
//! disk means that the registry is asked. The one document that is not named by a digest, the
//! last list of what is attached to an image ([`list`]), is read under `offline` alone.

mod list;
mod sweep;

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
#[cfg(unix)]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use palisade_types::{Descriptor, Digest};

use crate::limits;

/// The layout of the folder; another layout gets another name.
const VERSION: &str = "v1";
/// A file that was used within this time is not marked as used again.
const TOUCH_AFTER: Duration = Duration::from_hours(1);

/// A folder of content that processes share. Clones share their state.
#[derive(Clone, Debug)]
pub struct ContentCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    capacity: u64,
    /// The folder of this layout's version.
    dir: PathBuf,
    /// After a failed write this process writes no more: a full disk stays full.
    failed: AtomicBool,
    swept: AtomicBool,
    /// Who we are, once it was needed.
    #[cfg(unix)]
    user: OnceLock<u32>,
    /// Bytes written since the last sweep.
    written: AtomicU64,
}

impl ContentCache {
    /// A cache in this folder, made on the first write. It is kept near [`limits::CONTENT_CACHE`].
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self::with_capacity(dir, limits::CONTENT_CACHE)
    }

    /// The same with another size, in bytes.
    pub fn with_capacity(dir: impl Into<PathBuf>, capacity: u64) -> Self {
        Self(Arc::new(Inner {
            capacity,
            dir: dir.into().join(VERSION),
            failed: AtomicBool::new(false),
            swept: AtomicBool::new(false),
            #[cfg(unix)]
            user: OnceLock::new(),
            written: AtomicU64::new(0),
        }))
    }

    /// Where these variables put it: `PALISADE_CACHE` names a folder, or says `off`; else it is
    /// `palisade/oci` in `XDG_CACHE_HOME` (XDG base directory specification) or `~/.cache`.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let folder = |name: &str| variable(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        match folder("PALISADE_CACHE") {
            Some(off) if off.as_os_str() == "off" => return None,
            Some(dir) => return Some(Self::at(dir.join("oci"))),
            None => {}
        }
        // The specification: a relative path is invalid, and to be ignored.
        let cache = folder("XDG_CACHE_HOME").filter(|dir| dir.is_absolute());
        let cache = cache.or_else(|| folder("HOME").map(|home| home.join(".cache")))?;
        Some(Self::at(cache.join("palisade/oci")))
    }

    /// The bytes with this digest, at most `limit` of them, hashed.
    pub(crate) fn get(&self, digest: &Digest, limit: u64) -> Option<Vec<u8>> {
        let path = self.path(digest);
        let bytes = self.read(&path, limit)?;
        if digest.matches(&bytes) {
            return Some(bytes);
        }
        // Damaged, or somebody wrote into it: the registry is asked, and it is written anew.
        std::fs::remove_file(&path).ok();
        None
    }

    /// The bytes this descriptor names. With another size than it says, what the registry sends
    /// would be refused, so they are no hit.
    pub(crate) fn get_described(&self, descriptor: &Descriptor) -> Option<Vec<u8>> {
        let bytes = self.get(&descriptor.digest, descriptor.size.min(limits::CACHED))?;
        (bytes.len() as u64 == descriptor.size).then_some(bytes)
    }

    /// Keeps bytes that were hashed against this digest.
    pub(crate) fn put(&self, digest: &Digest, bytes: &[u8]) {
        if bytes.len() as u64 > limits::CACHED {
            return;
        }
        let path = self.path(digest);
        if !path.exists() {
            self.write(&path, bytes);
        }
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        let folder = self.0.dir.join(digest.algorithm().name());
        folder.join(&hex[..2]).join(hex)
    }

    /// A file's bytes; `None` for whatever reason they cannot be had.
    fn read(&self, path: &Path, limit: u64) -> Option<Vec<u8>> {
        // Looked at before it is opened: opening a pipe would wait.
        let metadata = std::fs::symlink_metadata(path).ok()?;
        if !metadata.is_file() || metadata.len() > limit || !self.is_ours() {
            return None;
        }
        let file = File::open(path).ok()?;
        let now = SystemTime::now();
        let unused = metadata
            .modified()
            .ok()
            .and_then(|m| now.duration_since(m).ok());
        if unused.is_some_and(|unused| unused > TOUCH_AFTER) {
            file.set_modified(now).ok();
        }
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 <= limit).then_some(bytes)
    }

    /// Puts a whole file in its place in one step, so that no reader sees a part of it.
    fn write(&self, path: &Path, bytes: &[u8]) {
        if self.0.failed.load(Ordering::Relaxed) {
            return;
        }
        if self.try_write(path, bytes).is_err() {
            self.0.failed.store(true, Ordering::Relaxed);
            return;
        }
        let size = bytes.len() as u64;
        let written = self.0.written.fetch_add(size, Ordering::Relaxed) + size;
        let first = !self.0.swept.swap(true, Ordering::Relaxed);
        if written > self.0.capacity / 8 || (first && sweep::is_due(&self.0.dir)) {
            self.0.written.store(0, Ordering::Relaxed);
            sweep::sweep(&self.0.dir, self.0.capacity);
        }
    }

    fn try_write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().expect("every path here has a folder");
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        if !self.is_ours() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        // Made for its owner alone (0600); removed when it does not get its name.
        let mut file = tempfile::Builder::new()
            .prefix(sweep::UNFINISHED)
            .tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    }

    /// Whether nobody else may write there, now or after a change of its mode, which its owner may
    /// make: a folder others put lists into would be theirs.
    fn is_ours(&self) -> bool {
        let Ok(metadata) = std::fs::metadata(&self.0.dir) else {
            return false;
        };
        #[cfg(unix)]
        let closed = {
            use std::os::unix::fs::MetadataExt as _;
            metadata.mode() & 0o022 == 0 && self.user() == Some(metadata.uid())
        };
        #[cfg(not(unix))]
        let closed = true;
        metadata.is_dir() && closed
    }

    /// Who we are to the file system: the owner of a file that we make, there or, where only
    /// reading is possible, in the folder for temporary files.
    #[cfg(unix)]
    fn user(&self) -> Option<u32> {
        use std::os::unix::fs::MetadataExt as _;
        if let Some(user) = self.0.user.get() {
            return Some(*user);
        }
        let file = tempfile::tempfile_in(&self.0.dir).or_else(|_| tempfile::tempfile());
        let user = file.and_then(|file| file.metadata()).ok()?.uid();
        Some(*self.0.user.get_or_init(|| user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_where_or_that_there_is_none() {
        let dir = |set: &[(&str, &str)]| {
            let get = |name: &str| {
                let found = set.iter().find(|(n, _)| *n == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            ContentCache::from_environment(get).map(|cache| cache.0.dir.display().to_string())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(dir(&[("HOME", "/h")]), some("/h/.cache/palisade/oci/v1"));
        let xdg = [("HOME", "/h"), ("XDG_CACHE_HOME", "/x")];
        assert_eq!(dir(&xdg), some("/x/palisade/oci/v1"));
        let relative = [("HOME", "/h"), ("XDG_CACHE_HOME", "x")];
        assert_eq!(dir(&relative), some("/h/.cache/palisade/oci/v1"));
        let own = [("HOME", "/h"), ("PALISADE_CACHE", "/c")];
        assert_eq!(dir(&own), some("/c/oci/v1"));
        assert_eq!(dir(&[("HOME", "/h"), ("PALISADE_CACHE", "off")]), None);
        assert_eq!(dir(&[]), None);
    }

    #[test]
    fn what_is_kept_comes_back_and_its_damaged_twin_is_gone() {
        let home = tempfile::tempdir().expect("a folder");
        let cache = ContentCache::at(home.path());
        let digest = Digest::sha256_of(b"content");
        cache.put(&digest, b"content");
        assert_eq!(cache.get(&digest, 7).as_deref(), Some(&b"content"[..]));
        assert_eq!(cache.get(&digest, 6), None, "larger than asked for");
        let path = cache.path(&digest);
        std::fs::write(&path, b"Content").expect("writable");
        assert_eq!(cache.get(&digest, 7), None);
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it_and_a_folder_of_everybodys_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().expect("a folder");
        let cache = ContentCache::at(home.path());
        let digest = Digest::sha256_of(b"content");
        cache.put(&digest, b"content");
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode();
        let path = cache.path(&digest);
        assert_eq!(mode(&path) & 0o777, 0o600);
        for folder in path.ancestors().skip(1).take(3) {
            assert_eq!(mode(folder) & 0o777, 0o700, "{}", folder.display());
        }
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(home.path().join(VERSION), open).expect("ours");
        assert_eq!(cache.get(&digest, 7), None);
    }

    #[cfg(unix)]
    #[test]
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn a_folder_that_belongs_to_another_user_is_neither_read_nor_written() {
        let home = tempfile::tempdir().expect("a folder");
        let cache = ContentCache::at(home.path());
        let (kept, new) = (Digest::sha256_of(b"content"), Digest::sha256_of(b"new"));
        cache.put(&kept, b"content");
        assert!(cache.get(&kept, 7).is_some());
        let nobody = std::os::unix::fs::chown(home.path().join(VERSION), Some(65_534), None);
        if nobody.is_err() {
            eprintln!("skipped: a folder of another user, which only root can make");
            return;
        }
        for cache in [cache, ContentCache::at(home.path())] {
            assert_eq!(cache.get(&kept, 7), None);
            cache.put(&new, b"new");
            assert!(!cache.path(&new).exists());
        }
    }
}
