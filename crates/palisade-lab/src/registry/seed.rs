//! A small image that a lab brings along, so that there is something to try things on.

use axum::body::Bytes;
use serde_json::{Value, json};

use super::Registry;
use super::store::Manifest;
use crate::encode::{jcs, oci_digest};
use crate::world::lock;

const REPOSITORY: &str = "acme/app";
const TAG: &str = "1.0";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// What is in the image: a distribution's name, one installed package, one program.
const FILES: [(&str, &str, u32); 3] = [
    (
        "etc/os-release",
        "ID=debian\nVERSION_ID=\"13\"\nPRETTY_NAME=\"palisade lab\"\n",
        0o644,
    ),
    (
        "var/lib/dpkg/status",
        "Package: hello\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.10-3\n\
         Maintainer: the lab <lab@palisade.invalid>\nDescription: a package to list\n\n",
        0o644,
    ),
    ("usr/bin/hello", "#!/bin/sh\necho hello\n", 0o755),
];

impl Registry {
    /// Stores the image and tags it. Returns its repository and digest. The same every time.
    pub(crate) fn seed(&self) -> (&'static str, String) {
        let layer = layer();
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": ["/usr/bin/hello"]},
            "rootfs": {"type": "layers", "diff_ids": [oci_digest(&layer)]},
        });
        // Canonical, so that the digest does not depend on how serde_json was built.
        let config = jcs(&config);
        let body = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config),
            "layers": [descriptor(LAYER, &layer)],
        });
        let bytes = jcs(&body);
        let name = oci_digest(&bytes);
        let mut store = lock(&self.store);
        for blob in [config, layer] {
            let digest = oci_digest(&blob);
            store.add_blob(REPOSITORY, &digest, blob.into());
        }
        let repository = store.repositories.entry(REPOSITORY.to_owned()).or_default();
        let manifest = Manifest::new(Bytes::from(bytes), MANIFEST.to_owned(), body);
        repository.add_manifest(&name, manifest);
        repository.tag(TAG, &name);
        (REPOSITORY, name)
    }
}

fn layer() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, text, mode) in FILES {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(mode);
        header.set_mtime(0);
        tar.append_data(&mut header, path, text.as_bytes())
            .expect("memory takes every write");
    }
    tar.into_inner().expect("memory takes every write")
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": oci_digest(bytes), "size": bytes.len()})
}
