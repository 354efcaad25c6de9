//! The tags that cosign before version 3 keeps signatures and attestations in: one image whose
//! layers they are, which every signer rewrites.

use std::collections::BTreeMap;

use palisade_types::{Descriptor, Digest, ImageRef, PinnedRef};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::call::Call;
use crate::error::Error;
use crate::manifest::{Manifest, RawManifest, json as read_json};
use crate::push::put;
use crate::shared::{Document, Pauses, Version, settle};
use crate::source::BlobSource;
use crate::{Client, limits, media};

/// Which of the two tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyTag {
    /// `sha256-….att`: attestations.
    Attestations,
    /// `sha256-….sig`: signatures.
    Signatures,
}

impl LegacyTag {
    /// The tag for what is said about this image.
    pub fn of(self, image: &PinnedRef) -> ImageRef {
        let digest = image.digest();
        let ending = match self {
            Self::Attestations => "att",
            Self::Signatures => "sig",
        };
        let repository = image.repository();
        let text = format!(
            "{repository}:{}-{}.{ending}",
            digest.algorithm().name(),
            &digest.hex()[..64]
        );
        text.parse().expect("an algorithm and digits are a tag")
    }
}

/// What stands under the tag.
struct Layers {
    /// The manifest as it is, with fields we do not know.
    manifest: Value,
    descriptors: Vec<Descriptor>,
    version: Version,
}

impl Client {
    /// Adds a layer to one of an image's older tags, so that no other signer's layer gets lost,
    /// and returns the tag. A layer that is there already, annotations and all, changes nothing.
    pub async fn add_legacy_layer(
        &self,
        image: &PinnedRef,
        tag: LegacyTag,
        media_type: &str,
        bytes: &[u8],
        annotations: BTreeMap<String, String>,
    ) -> Result<ImageRef, Error> {
        let tag = tag.of(image);
        let mut layer = Descriptor::of(media_type, bytes);
        layer.annotations = annotations;
        let source = BlobSource::Bytes(bytes.to_vec());
        self.push_blob(image.repository(), &layer.digest, layer.size, &source)
            .await?;
        let writer = self.writer_for(tag.to_string());
        let _turn = writer.listed.lock().await;
        let added = AddLayer {
            client: self,
            tag: &tag,
            layer: &layer,
        };
        let pauses = Pauses::new(self.transport.options.deadline);
        if settle(&added, pauses).await? {
            return Ok(tag);
        }
        Err(Error::Unlisted {
            image: image.to_string(),
            manifest: layer.digest,
            why: format!("other writers keep replacing `{tag}`"),
        })
    }
}

/// A layer to be added to a tag.
struct AddLayer<'a> {
    client: &'a Client,
    tag: &'a ImageRef,
    layer: &'a Descriptor,
}

impl AddLayer<'_> {
    fn call(&self) -> Result<Call<'_>, Error> {
        let name = self.tag.tag().expect("it was made with a tag");
        self.client.manifest_call(self.tag.repository(), name)
    }
}

impl Document for AddLayer<'_> {
    type Found = Layers;

    async fn read(&self) -> Result<Layers, Error> {
        let call = self.call()?;
        let answer = self.client.transport.fetch(&call, limits::MANIFEST).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(Layers {
                manifest: json!({
                    "schemaVersion": 2,
                    "mediaType": media::OCI_MANIFEST,
                    "layers": [],
                }),
                descriptors: Vec::new(),
                version: Version::Absent,
            });
        }
        let answer = answer.success(&call.what)?;
        let etag = answer.header("etag").map(str::to_owned);
        let content_type = answer.header("content-type").unwrap_or_default().to_owned();
        let digest = Digest::sha256_of(&answer.body);
        let raw = RawManifest::checked(&call.what, answer.body, &content_type, &digest)?;
        let Manifest::Image(manifest) = raw.parse()? else {
            let why = "it is an index, and should hold signatures";
            return Err(Error::malformed(&call.what, why));
        };
        Ok(Layers {
            manifest: read_json(&call.what, &raw.bytes)?,
            descriptors: manifest.layers,
            version: Version::Present(etag),
        })
    }

    // cosign signs one payload many times: layers of one digest differ in their annotations.
    fn is_complete(&self, found: &Layers) -> bool {
        found.descriptors.contains(self.layer)
    }

    async fn add(&self, found: &Layers) -> Result<(), Error> {
        let Self { client, tag, layer } = self;
        if found.descriptors.len() >= limits::LAYERS {
            return Err(Error::limit(
                tag.to_string(),
                limits::LAYERS as u64,
                "layers",
            ));
        }
        let digests = found
            .descriptors
            .iter()
            .chain([*layer])
            .map(|layer| &layer.digest);
        let config = config(&digests.collect::<Vec<_>>());
        let config_descriptor = Descriptor::of(media::OCI_CONFIG, &config);
        let (digest, size) = (&config_descriptor.digest, config_descriptor.size);
        let source = BlobSource::Bytes(config);
        client
            .push_blob(tag.repository(), digest, size, &source)
            .await?;
        let mut manifest = found.manifest.clone();
        manifest["config"] = json!(config_descriptor);
        let layers = manifest.get_mut("layers").and_then(Value::as_array_mut);
        layers.expect("it was read as a list").push(json!(layer));
        let bytes = manifest.to_string().into_bytes();
        if bytes.len() as u64 > limits::MANIFEST {
            return Err(Error::limit(tag.to_string(), limits::MANIFEST, "bytes"));
        }
        let media_type = manifest["mediaType"].as_str();
        let call = put(
            self.call()?,
            &bytes,
            media_type.unwrap_or(media::OCI_MANIFEST),
        );
        client.replace(call, &found.version).await
    }
}

/// An image configuration of these layers, as cosign writes it: nothing in it is a time or a name.
fn config(layers: &[&Digest]) -> Vec<u8> {
    let long_ago = "0001-01-01T00:00:00Z";
    let config = json!({
        "architecture": "",
        "created": long_ago,
        "history": [{"created": long_ago}],
        "os": "",
        "rootfs": {"type": "layers", "diff_ids": layers},
        "config": {},
    });
    config.to_string().into_bytes()
}
