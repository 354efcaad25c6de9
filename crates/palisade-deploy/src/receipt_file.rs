//! The receipt on disk: there only if the image runs, whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

/// A place for a receipt, reserved before anything is sent. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct ReceiptFile {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    kept: bool,
}

impl ReceiptFile {
    /// Removes the receipt of an earlier run, which says nothing about this one, and makes sure
    /// that a new one can be written.
    pub(crate) fn reserve(path: &Path) -> io::Result<Self> {
        let mut name = path
            .file_name()
            .ok_or(io::ErrorKind::InvalidInput)?
            .to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let partial = path.with_file_name(name);
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = File::create_new(&partial)?;
        Ok(Self {
            path: path.to_owned(),
            partial,
            file,
            kept: false,
        })
    }

    /// Writes the receipt.
    pub(crate) fn write(mut self, document: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(document)
            .expect("output structs hold only strings, numbers and lists");
        writeln!(self.file, "{text}")?;
        self.file.sync_all()?;
        fs::rename(&self.partial, &self.path)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for ReceiptFile {
    fn drop(&mut self) {
        if !self.kept {
            // It was ours alone; nobody is left to tell when it cannot be removed.
            let _left_behind = fs::remove_file(&self.partial);
        }
    }
}
