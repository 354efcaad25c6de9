//! Writing a new OCI image layout. The same input gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use palisade_types::digest::Hasher;
use palisade_types::{Algorithm, Descriptor, Digest, Platform, Timestamp};
use serde_json::{Value, json};

use super::{REF_NAME, blob_name};
use crate::error::Error;
use crate::media;

/// What a file in a new layer holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What this file holds when the layer is written.
    File(PathBuf),
}

/// A file in a new layer.
#[derive(Clone, Debug)]
pub struct LayerFile {
    /// The path in the image, without a leading slash.
    pub path: String,
    /// What it holds.
    pub content: Content,
    /// The permission bits: `0o755`.
    pub mode: u32,
}

/// A layer that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenLayer {
    /// The compressed blob.
    pub descriptor: Descriptor,
    /// The digest of the uncompressed tar.
    pub diff_id: Digest,
    /// How the layer came to be, for the image's history.
    pub created_by: String,
}

/// How a new image runs.
#[derive(Clone, Debug)]
pub struct ImageConfig {
    /// Where it runs.
    pub platform: Platform,
    /// The program and its first arguments.
    pub entrypoint: Vec<String>,
    /// The arguments that a user replaces.
    pub cmd: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// The user, for example `65532:65532`. Empty means root.
    pub user: String,
    /// The working directory. Empty means `/`.
    pub working_dir: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// Writes a new OCI image layout.
#[derive(Debug)]
pub struct LayoutWriter {
    dir: PathBuf,
    created: Timestamp,
}

impl LayoutWriter {
    /// Starts a layout in a new or empty folder. `created` (`SOURCE_DATE_EPOCH`) is every time in
    /// it.
    pub fn create(dir: &Path, created: Timestamp) -> Result<Self, Error> {
        let io = |e| Error::io(dir, e);
        fs::create_dir_all(dir).map_err(io)?;
        if fs::read_dir(dir).map_err(io)?.next().is_some() {
            return Err(Error::Usage(format!("`{}` is not empty", dir.display())));
        }
        fs::create_dir_all(dir.join("blobs/sha256")).map_err(io)?;
        Ok(Self {
            dir: dir.to_owned(),
            created,
        })
    }

    /// Writes a gzip layer of these files, with the folders above them.
    pub fn add_layer_from_files(
        &mut self,
        files: &[LayerFile],
        created_by: &str,
    ) -> Result<WrittenLayer, Error> {
        let draft = self.dir.join("blobs/layer.partial");
        let io = |e| Error::io(&draft, e);
        let file = fs::File::create(&draft).map_err(io)?;
        let compressed = Counted::new(io::BufWriter::new(file));
        let gzip = GzBuilder::new().write(compressed, Compression::fast());
        let mut tar = tar::Builder::new(Counted::new(gzip));
        self.append_all(&mut tar, files)?;
        let inner = tar.into_inner().map_err(io)?;
        let diff_id = inner.hasher.finish();
        let mut compressed = inner.inner.finish().map_err(io)?;
        compressed.flush().map_err(io)?;
        let size = compressed.count;
        let digest = compressed.hasher.finish();
        let name = self.dir.join(blob_name(&digest));
        fs::rename(&draft, &name).map_err(|e| Error::io(name, e))?;
        let mut descriptor = Descriptor::of(media::OCI_LAYER_GZIP, b"");
        descriptor.digest = digest;
        descriptor.size = size;
        Ok(WrittenLayer {
            descriptor,
            diff_id,
            created_by: created_by.to_owned(),
        })
    }

    fn append_all(
        &self,
        tar: &mut tar::Builder<impl Write>,
        files: &[LayerFile],
    ) -> Result<(), Error> {
        let mut sorted: Vec<&LayerFile> = files.iter().collect();
        sorted.sort_by(|a, b| a.path.cmp(&b.path));
        let mut folders = BTreeSet::new();
        let mut names = BTreeSet::new();
        for file in sorted {
            if !is_plain(&file.path) || !names.insert(&file.path) {
                let path = &file.path;
                return Err(Error::Usage(format!(
                    "`{path}` cannot be a path in a new layer"
                )));
            }
            for (slash, _) in file.path.match_indices('/') {
                let folder = &file.path[..=slash];
                if folders.insert(folder.to_owned()) {
                    self.append(
                        tar,
                        folder,
                        tar::EntryType::Directory,
                        0o755,
                        0,
                        io::empty(),
                    )
                    .map_err(|e| Error::io(folder, e))?;
                }
            }
            self.append_file(tar, file)?;
        }
        Ok(())
    }

    fn append_file(
        &self,
        tar: &mut tar::Builder<impl Write>,
        file: &LayerFile,
    ) -> Result<(), Error> {
        let kind = tar::EntryType::Regular;
        match &file.content {
            Content::Bytes(bytes) => self
                .append(
                    tar,
                    &file.path,
                    kind,
                    file.mode,
                    bytes.len() as u64,
                    bytes.as_slice(),
                )
                .map_err(|e| Error::io(&file.path, e)),
            Content::File(path) => {
                let io = |e| Error::io(path, e);
                let source = fs::File::open(path).map_err(io)?;
                let size = source.metadata().map_err(io)?.len();
                self.append(
                    tar,
                    &file.path,
                    kind,
                    file.mode,
                    size,
                    io::Read::take(source, size),
                )
                .map_err(io)
            }
        }
    }

    fn append(
        &self,
        tar: &mut tar::Builder<impl Write>,
        path: &str,
        kind: tar::EntryType,
        mode: u32,
        size: u64,
        content: impl io::Read,
    ) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(u64::try_from(self.created.as_second()).unwrap_or(0));
        tar.append_data(&mut header, path, content)
    }

    /// Writes the configuration and manifest of an image; returns the manifest's descriptor with
    /// its platform.
    pub fn add_image(
        &mut self,
        config: &ImageConfig,
        layers: &[WrittenLayer],
    ) -> Result<Descriptor, Error> {
        let config_descriptor =
            self.add_json(media::OCI_CONFIG, &self.config_json(config, layers))?;
        let layers: Vec<&Descriptor> = layers.iter().map(|layer| &layer.descriptor).collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_MANIFEST,
            "config": config_descriptor,
            "layers": layers,
        });
        let mut descriptor = self.add_json(media::OCI_MANIFEST, &manifest)?;
        descriptor.platform = Some(config.platform.clone());
        Ok(descriptor)
    }

    /// Image specification 1.1, *Image Configuration*.
    fn config_json(&self, config: &ImageConfig, layers: &[WrittenLayer]) -> Value {
        let created = self.created.to_string();
        let history = layers
            .iter()
            .map(|layer| json!({ "created": created, "created_by": layer.created_by }));
        let mut run = json!({
            "Cmd": config.cmd,
            "Entrypoint": config.entrypoint,
            "Env": config.env,
            "Labels": config.labels,
            "User": config.user,
            "WorkingDir": config.working_dir,
        });
        let fields = run.as_object_mut().expect("an object literal");
        fields.retain(|_, v| !matches!(v, Value::String(s) if s.is_empty()));
        fields.retain(|_, v| !matches!(v, Value::Array(a) if a.is_empty()));
        fields.retain(|_, v| !matches!(v, Value::Object(o) if o.is_empty()));
        let diff_ids: Vec<&Digest> = layers.iter().map(|layer| &layer.diff_id).collect();
        let mut document = json!({
            "created": created,
            "os": config.platform.os,
            "architecture": config.platform.architecture,
            "config": run,
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
            "history": history.collect::<Vec<_>>(),
        });
        if let Some(variant) = &config.platform.variant {
            document["variant"] = json!(variant);
        }
        document
    }

    /// Writes an index over these manifests.
    pub fn add_index(&mut self, manifests: &[Descriptor]) -> Result<Descriptor, Error> {
        let index = json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_INDEX,
            "manifests": manifests,
        });
        self.add_json(media::OCI_INDEX, &index)
    }

    /// Writes any blob, for example the payload of an artifact.
    pub fn add_blob(&mut self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, Error> {
        let descriptor = Descriptor::of(media_type, bytes);
        self.write(&blob_name(&descriptor.digest), bytes)?;
        Ok(descriptor)
    }

    /// Writes `index.json` with one entry, tagged when a tag is given.
    pub fn finish(self, root: &Descriptor, tag: Option<&str>) -> Result<(), Error> {
        let mut entry = root.clone();
        if let Some(tag) = tag {
            entry
                .annotations
                .insert(REF_NAME.to_owned(), tag.to_owned());
        }
        let index = json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_INDEX,
            "manifests": [entry],
        });
        self.write("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        // Last, so that a layout that was interrupted is none.
        self.write("index.json", index.to_string().as_bytes())
    }

    fn add_json(&mut self, media_type: &str, value: &Value) -> Result<Descriptor, Error> {
        self.add_blob(media_type, value.to_string().as_bytes())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.dir.join(name);
        fs::write(&path, bytes).map_err(|e| Error::io(path, e))
    }
}

/// A relative path without `.`, `..` or empty parts.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Counts and hashes what passes through.
struct Counted<W> {
    inner: W,
    hasher: Hasher,
    count: u64,
}

impl<W> Counted<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Hasher::new(Algorithm::Sha256),
            count: 0,
        }
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
