//! One file per mirror and first root, replaced whole, so that readers never see half a refresh.
//! Nothing in it is believed: every reader verifies it again from the first root.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_types::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use sigstore_tuf::MetadataStore;

use crate::{RootsError, keys};

/// The largest cache file we read, in bytes.
const MAX_CACHE: u64 = 32 << 20;
/// Where the client keeps the chain of roots.
const ROOTS: &str = "root_history/";
/// How often, and how long apart, we try to be the only process that refreshes.
const LOCK_TRIES: u32 = 1_200;
const LOCK_WAIT: Duration = Duration::from_millis(50);

/// Metadata and targets by name, in memory.
#[derive(Default)]
pub(crate) struct Files(Mutex<BTreeMap<String, Vec<u8>>>);

impl MetadataStore for Files {
    fn load(&self, name: &str) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        let files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The client takes the chain of roots from here without asking the repository.
        let usable = |bytes: &&Vec<u8>| !name.starts_with(ROOTS) || keys::check(bytes).is_ok();
        Ok(files.get(name).filter(usable).cloned())
    }

    fn store(&self, name: &str, bytes: &[u8]) -> sigstore_tuf::Result<()> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }
}

/// What one refresh left behind.
pub(crate) struct Generation {
    /// When, by the clock of whoever fetched. Unsigned: it may delay a refresh, never outlive an expiry.
    pub(crate) fetched: Timestamp,
    pub(crate) files: Arc<Files>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    fetched: Timestamp,
    files: BTreeMap<String, String>,
}

pub(crate) struct Cache {
    dir: PathBuf,
    name: String,
}

impl Cache {
    pub(crate) fn new(dir: &Path, mirror: &str, root: &[u8]) -> Self {
        let about = format!("{mirror} {}", Digest::sha256_of(root));
        let name = Digest::sha256_of(about.as_bytes()).to_string();
        let name = name.replace(':', "-");
        Self {
            dir: dir.to_owned(),
            name,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.join(format!("{}.json", self.name))
    }

    fn failed(&self, source: io::Error) -> RootsError {
        RootsError::Cache {
            path: self.path(),
            source,
        }
    }

    /// What is there; `None` if nothing is. Damage is an error.
    pub(crate) fn read(&self) -> Result<Option<Generation>, RootsError> {
        let bytes = match read_bounded(&self.path(), MAX_CACHE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|error| self.failed(error))?,
        };
        parse(&bytes).map(Some).map_err(|error| self.failed(error))
    }

    /// Waits until no other process refreshes. The lock ends with the file.
    pub(crate) async fn lock(&self) -> Result<File, RootsError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        {
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        builder
            .create(&self.dir)
            .map_err(|error| self.failed(error))?;
        let path = self.dir.join(format!("{}.lock", self.name));
        let file = options.open(path).map_err(|error| self.failed(error))?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_WAIT).await,
                Err(TryLockError::Error(error)) => return Err(self.failed(error)),
            }
        }
        Err(self.failed(io::ErrorKind::TimedOut.into()))
    }

    /// Replaces what is there, in one step.
    pub(crate) fn write(&self, generation: &Generation) -> Result<(), RootsError> {
        let files = generation
            .files
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let encoded = files
            .iter()
            .map(|(name, bytes)| (name.clone(), STANDARD.encode(bytes)));
        let document = Document {
            version: 1,
            fetched: generation.fetched,
            files: encoded.collect(),
        };
        let text = serde_json::to_vec(&document).expect("strings and a time are JSON");
        let mut file =
            tempfile::NamedTempFile::new_in(&self.dir).map_err(|error| self.failed(error))?;
        file.write_all(&text).map_err(|error| self.failed(error))?;
        file.persist(self.path())
            .map_err(|error| self.failed(error.error))?;
        Ok(())
    }
}

fn parse(bytes: &[u8]) -> io::Result<Generation> {
    let document: Document = serde_json::from_slice(bytes)?;
    let mut files = BTreeMap::new();
    for (name, text) in document.files {
        files.insert(name, STANDARD.decode(text).map_err(io::Error::other)?);
    }
    Ok(Generation {
        fetched: document.fetched,
        files: Arc::new(Files(Mutex::new(files))),
    })
}

/// A whole file of at most `limit` bytes.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("it is larger than {limit} bytes")));
    }
    Ok(bytes)
}
