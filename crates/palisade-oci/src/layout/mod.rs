//! OCI image layouts (image specification 1.1, *Image Layout*): reading them from a folder or a
//! tar file, and writing new ones.

mod archive;
mod layer;
mod writer;

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};

use palisade_types::{Descriptor, Digest};

use crate::blob::BlobStream;
use crate::error::{Error, printable};
use crate::manifest::{RawManifest, json, typed};
use crate::source::BlobSource;
use crate::{limits, media};

pub use layer::{Content, LayerFile, WrittenLayer};
pub use writer::{ImageConfig, LayoutWriter};

/// The annotation that holds an entry's tag.
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The size of one read.
const PIECE: usize = 256 << 10;

/// An OCI image layout on disk, read-only.
#[derive(Clone, Debug)]
pub struct Layout {
    place: Place,
    entries: Vec<Descriptor>,
}

#[derive(Clone, Debug)]
enum Place {
    Archive(archive::Archive),
    Dir(PathBuf),
}

impl Layout {
    /// Opens a folder.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        Self::read(Place::Dir(dir.to_owned()))
    }

    /// Opens a tar file. It must not change while it is read; every blob is hashed all the same.
    pub fn open_archive(file: &Path) -> Result<Self, Error> {
        Self::read(Place::Archive(archive::Archive::open(file)?))
    }

    fn read(place: Place) -> Result<Self, Error> {
        let what = place.to_string();
        let marker = json(&what, &place.small_file("oci-layout")?)?;
        if marker.get("imageLayoutVersion").and_then(|v| v.as_str()) != Some("1.0.0") {
            return Err(Error::malformed(
                what,
                "it is no OCI image layout of version 1.0.0",
            ));
        }
        let mut index = json(&what, &place.small_file("index.json")?)?;
        let entries: Vec<Descriptor> = typed(&what, index["manifests"].take())?;
        if entries.len() > limits::CHILDREN {
            return Err(Error::limit(what, limits::CHILDREN as u64, "entries"));
        }
        Ok(Self { place, entries })
    }

    /// The entries of `index.json`.
    pub fn entries(&self) -> &[Descriptor] {
        &self.entries
    }

    /// The entry with this tag or digest; without one, the only entry.
    pub fn find(&self, tag_or_digest: Option<&str>) -> Result<Descriptor, Error> {
        let chosen = |entry: &&Descriptor| match tag_or_digest {
            None => true,
            Some(text) => match text.parse::<Digest>() {
                Ok(digest) => entry.digest == digest,
                Err(_) => entry
                    .annotations
                    .get(REF_NAME)
                    .is_some_and(|tag| tag == text),
            },
        };
        let mut found: Vec<&Descriptor> = Vec::new();
        for entry in self.entries.iter().filter(chosen) {
            if !found.iter().any(|known| known.digest == entry.digest) {
                found.push(entry);
            }
        }
        match (found.as_slice(), tag_or_digest) {
            ([one], _) => Ok((*one).clone()),
            ([], Some(text)) => {
                let text = printable(text);
                Err(Error::Usage(format!(
                    "{} holds no image `{text}`",
                    self.place
                )))
            }
            ([], None) => Err(Error::malformed(
                self.place.to_string(),
                "it holds no image",
            )),
            (many, _) => Err(Error::Usage(format!(
                "{} holds {} images; add `:TAG` or `@DIGEST` of one",
                self.place,
                many.len()
            ))),
        }
    }

    /// A manifest or index, hashed.
    pub fn manifest(&self, descriptor: &Descriptor) -> Result<RawManifest, Error> {
        let bytes = self.blob(descriptor, limits::MANIFEST)?;
        let what = self.what(&descriptor.digest);
        let raw = RawManifest::checked(&what, bytes, &descriptor.media_type, &descriptor.digest)?;
        raw.parse()?;
        Ok(raw)
    }

    /// A blob's bytes, hashed; at most `limit` of them.
    pub fn blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, Error> {
        let what = self.what(&descriptor.digest);
        if descriptor.size > limit {
            return Err(Error::limit(what, limit, "bytes"));
        }
        let mut blob = self.open_blob(descriptor)?;
        let mut bytes = Vec::new();
        while let Some(piece) = blob.next()? {
            bytes.extend_from_slice(&piece);
        }
        let got = descriptor.digest.same_algorithm_of(&bytes);
        if got != descriptor.digest {
            let want = descriptor.digest.clone();
            return Err(Error::DigestMismatch { what, want, got });
        }
        Ok(bytes)
    }

    /// A blob as it is read.
    pub(crate) fn blob_stream(&self, descriptor: &Descriptor) -> Result<BlobStream, Error> {
        let blob = self.open_blob(descriptor)?;
        Ok(BlobStream::local(
            self.what(&descriptor.digest),
            descriptor,
            blob,
        ))
    }

    fn open_blob(&self, descriptor: &Descriptor) -> Result<LocalBlob, Error> {
        let missing = |_| {
            let why = "the layout lists it and does not hold it";
            Error::malformed(self.what(&descriptor.digest), why)
        };
        let name = blob_name(&descriptor.digest);
        let (file, size, path) = self.place.open(&name).map_err(missing)?;
        if size != descriptor.size {
            let why = format!(
                "it has {size} bytes and not the {} declared",
                descriptor.size
            );
            return Err(Error::malformed(self.what(&descriptor.digest), why));
        }
        Ok(LocalBlob {
            file: file.take(size),
            path,
        })
    }

    /// A blob as the source of an upload.
    pub(crate) fn source(&self, digest: &Digest) -> Result<BlobSource, Error> {
        let (mut file, _, path) = self.place.open(&blob_name(digest))?;
        let offset = file.stream_position().map_err(|e| Error::io(&path, e))?;
        Ok(BlobSource::File { path, offset })
    }

    fn what(&self, digest: &Digest) -> String {
        format!("blob {} in {}", digest.short(), self.place)
    }
}

impl Place {
    /// A member at its first byte, its size, and the file it is in.
    fn open(&self, name: &str) -> Result<(File, u64, PathBuf), Error> {
        match self {
            Self::Archive(archive) => archive.member(name),
            Self::Dir(dir) => {
                let path = dir.join(name);
                let file = File::open(&path).map_err(|e| Error::io(&path, e))?;
                let size = file.metadata().map_err(|e| Error::io(&path, e))?.len();
                Ok((file, size, path))
            }
        }
    }

    fn small_file(&self, name: &str) -> Result<Vec<u8>, Error> {
        let (file, size, path) = self.open(name)?;
        if size > limits::MANIFEST {
            return Err(Error::limit(
                format!("`{name}` of {self}"),
                limits::MANIFEST,
                "bytes",
            ));
        }
        let mut bytes = Vec::new();
        file.take(size)
            .read_to_end(&mut bytes)
            .map_err(|e| Error::io(path, e))?;
        Ok(bytes)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Archive(archive) => write!(f, "`{}`", archive.file().display()),
            Self::Dir(dir) => write!(f, "`{}`", dir.display()),
        }
    }
}

/// A blob in a file.
#[derive(Debug)]
pub(crate) struct LocalBlob {
    file: std::io::Take<File>,
    path: PathBuf,
}

impl LocalBlob {
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut piece = vec![0; PIECE];
        let read = self
            .file
            .read(&mut piece)
            .map_err(|e| Error::io(&self.path, e))?;
        piece.truncate(read);
        Ok((read > 0).then_some(piece))
    }
}

pub(crate) fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

/// Whether an entry of an index is one of BuildKit's attestation manifests.
pub(crate) fn is_buildkit_attestation(entry: &Descriptor) -> bool {
    let annotated = entry.annotations.get("vnd.docker.reference.type");
    annotated.is_some_and(|kind| kind == "attestation-manifest")
        || entry.artifact_type.as_deref() == Some(media::BUILDKIT_ATTESTATION)
}
