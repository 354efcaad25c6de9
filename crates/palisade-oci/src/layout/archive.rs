//! An OCI image layout inside a tar file, read in place.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::{Error, printable};

/// The most members of an archive.
const MAX_MEMBERS: usize = 100_000;

/// Where each member of a tar file starts.
#[derive(Clone, Debug)]
pub(super) struct Archive {
    file: PathBuf,
    members: BTreeMap<String, (u64, u64)>,
}

impl Archive {
    pub(super) fn open(file: &Path) -> Result<Self, Error> {
        let io = |e| Error::io(file, e);
        let what = format!("`{}`", file.display());
        let mut tar = tar::Archive::new(BufReader::new(File::open(file).map_err(io)?));
        let mut members = BTreeMap::new();
        let broken = |e: std::io::Error| Error::malformed(&what, printable(&e.to_string()));
        for entry in tar.entries_with_seek().map_err(broken)? {
            let entry = entry.map_err(broken)?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let name = name.trim_start_matches("./").to_owned();
            let place = (entry.raw_file_position(), entry.size());
            if members.insert(name, place).is_some() {
                return Err(Error::malformed(&what, "a member stands twice"));
            }
            if members.len() > MAX_MEMBERS {
                return Err(Error::limit(&what, MAX_MEMBERS as u64, "members"));
            }
        }
        Ok(Self {
            file: file.to_owned(),
            members,
        })
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// A member at its first byte, its size, and the file it is in.
    pub(super) fn member(&self, name: &str) -> Result<(File, u64, PathBuf), Error> {
        let io = |e| Error::io(&self.file, e);
        let Some((offset, size)) = self.members.get(name) else {
            let what = format!("`{}`", self.file.display());
            return Err(Error::malformed(what, format!("it holds no `{name}`")));
        };
        let mut file = File::open(&self.file).map_err(io)?;
        file.seek(SeekFrom::Start(*offset)).map_err(io)?;
        Ok((file, *size, self.file.clone()))
    }
}
