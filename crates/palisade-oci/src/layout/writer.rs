//! Writing a new OCI image layout. The same input gives the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use palisade_types::{Descriptor, Digest, Platform, Timestamp};
use serde_json::{Value, json};

use super::{REF_NAME, WrittenLayer, blob_name};
use crate::error::Error;
use crate::media;

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
    pub(super) dir: PathBuf,
    pub(super) created: Timestamp,
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
