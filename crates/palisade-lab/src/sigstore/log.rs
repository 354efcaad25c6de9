//! The entries of one transparency log, in memory and, with `--state`, in a file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use serde_json::json;

use super::merkle::{Hash, Tree, leaf_hash};
use crate::encode::{b64, unb64};

/// An entry as it was logged.
#[derive(Clone)]
pub(crate) struct Entry {
    /// Canonical JSON.
    pub(crate) body: Vec<u8>,
    pub(crate) time: i64,
}

/// An entry's place and its proof in the tree that ends with it.
pub(crate) struct Placed {
    pub(crate) entry: Entry,
    pub(crate) index: usize,
    pub(crate) size: usize,
    pub(crate) root: Hash,
    pub(crate) path: Vec<Hash>,
}

#[derive(Default)]
pub(crate) struct Log {
    tree: Tree,
    entries: Vec<Entry>,
    file: Option<File>,
}

impl Log {
    /// A log that continues the one in `path`.
    pub(crate) fn open(path: &Path) -> io::Result<Log> {
        let mut log = Log::default();
        if path.exists() {
            for line in BufReader::new(File::open(path)?).lines() {
                let entry = read(&line?).ok_or(io::ErrorKind::InvalidData)?;
                log.push(entry);
            }
        }
        log.file = Some(OpenOptions::new().create(true).append(true).open(path)?);
        Ok(log)
    }

    /// Logs an entry and returns where it stands now.
    pub(crate) fn append(&mut self, body: Vec<u8>, time: i64) -> io::Result<usize> {
        let entry = Entry { body, time };
        if let Some(file) = &mut self.file {
            writeln!(
                file,
                "{}",
                json!({"body": b64(&entry.body), "time": entry.time})
            )?;
        }
        Ok(self.push(entry))
    }

    fn push(&mut self, entry: Entry) -> usize {
        self.tree.push(leaf_hash(&entry.body));
        self.entries.push(entry);
        self.entries.len() - 1
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The index of the entry with this leaf hash.
    pub(crate) fn find(&self, leaf: &Hash) -> Option<usize> {
        self.tree.leaves().iter().position(|other| other == leaf)
    }

    /// Entry `index` with its proof in the log as it is now.
    pub(crate) fn place(&self, index: usize) -> Option<Placed> {
        let size = self.tree.len();
        Some(Placed {
            entry: self.entries.get(index)?.clone(),
            index,
            size,
            root: self.tree.root(size),
            path: self.tree.inclusion(index, size),
        })
    }
}

fn read(line: &str) -> Option<Entry> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    Some(Entry {
        body: unb64(value["body"].as_str()?)?,
        time: value["time"].as_i64()?,
    })
}
