//! Where the cache of a repository is, for `tests/fuzz`. Behind the feature `fuzz`, which no binary
//! switches on.

use std::path::PathBuf;

use crate::Tuf;
use crate::cache::Cache;

/// The file that holds what was fetched from this repository.
pub fn cache_file(tuf: &Tuf) -> PathBuf {
    Cache::new(&tuf.cache, tuf.mirror.as_str(), &tuf.initial_root).path()
}
