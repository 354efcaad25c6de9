//! Manifests and indexes: the raw bytes that were hashed, and what they say.

use std::collections::BTreeMap;

use palisade_types::json::parse_strict;
use palisade_types::{Descriptor, Digest};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, printable};
use crate::{limits, media};

/// The exact bytes of a manifest or index, already hashed against `descriptor.digest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawManifest {
    /// The bytes as they came.
    pub bytes: Vec<u8>,
    /// Their media type, digest and size.
    pub descriptor: Descriptor,
}

/// What a manifest's bytes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifest {
    /// One image or artifact.
    Image(ImageManifest),
    /// A list of manifests, usually one for each platform.
    Index(ImageIndex),
}

/// An image manifest (image specification 1.1, *Image Manifest*; Docker schema 2 reads the same).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageManifest {
    /// What kind of artifact this is, when it is not a runnable image.
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, base first.
    pub layers: Vec<Descriptor>,
    /// The manifest that this one belongs to (OCI `subject`).
    #[serde(rename = "subject")]
    pub subject_descriptor: Option<Descriptor>,
    /// Annotations; whoever pushed the manifest wrote them.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// An image index (image specification 1.1, *Image Index*; Docker's manifest list reads the same).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageIndex {
    /// What kind of artifact this is, when it is not a runnable image.
    pub artifact_type: Option<String>,
    /// The entries, in their order.
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one belongs to (OCI `subject`).
    #[serde(rename = "subject")]
    pub subject_descriptor: Option<Descriptor>,
    /// Annotations; whoever pushed the index wrote them.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

impl RawManifest {
    /// Checks the bytes against the digest that named them and the media type they came with.
    pub(crate) fn checked(
        what: &str,
        bytes: Vec<u8>,
        media_type: &str,
        digest: &Digest,
    ) -> Result<Self, Error> {
        let got = digest.same_algorithm_of(&bytes);
        if got != *digest {
            return Err(Error::DigestMismatch {
                what: what.to_owned(),
                want: digest.clone(),
                got,
            });
        }
        let mut descriptor = Descriptor::of(&media::essence(media_type), &bytes);
        descriptor.digest = got;
        Ok(Self { bytes, descriptor })
    }

    /// What the bytes call themselves, if anything.
    pub(crate) fn own_media_type(&self) -> Result<Option<String>, Error> {
        let what = format!("manifest {}", self.descriptor.digest.short());
        let value = json(&what, &self.bytes)?;
        let own = value.get("mediaType").and_then(Value::as_str);
        Ok(own.map(str::to_owned))
    }

    /// Reads the bytes. Refuses repeated keys, a `mediaType` that differs from the one they came
    /// with, schema 1, and a document that is an image and an index at once (CVE-2021-41190).
    pub fn parse(&self) -> Result<Manifest, Error> {
        let what = format!("manifest {}", self.descriptor.digest.short());
        let media_type = &self.descriptor.media_type;
        let value = self.document()?;
        if media::is_index(media_type) {
            let index: ImageIndex = typed(&what, value)?;
            bounded(&what, index.manifests.len(), limits::CHILDREN, "entries")?;
            Ok(Manifest::Index(index))
        } else if media::is_manifest(media_type) {
            let image: ImageManifest = typed(&what, value)?;
            bounded(&what, image.layers.len(), limits::LAYERS, "layers")?;
            Ok(Manifest::Image(image))
        } else {
            let why = format!("`{}` is no manifest type we read", printable(media_type));
            Err(Error::malformed(&what, why))
        }
    }

    /// The JSON of a document that is what it came as, and one thing only.
    pub(crate) fn document(&self) -> Result<Value, Error> {
        let what = format!("manifest {}", self.descriptor.digest.short());
        let media_type = &self.descriptor.media_type;
        let value =
            parse_strict(&self.bytes).map_err(|e| Error::malformed(&what, e.to_string()))?;
        if let Some(own) = value.get("mediaType").and_then(Value::as_str)
            && own != media_type
        {
            let why = format!(
                "it calls itself `{}` and came as `{}`",
                printable(own),
                printable(media_type)
            );
            return Err(Error::malformed(&what, why));
        }
        let has = |key: &str| value.get(key).is_some();
        if has("manifests") && (has("config") || has("layers")) {
            let why = "it is an image and an index at once";
            return Err(Error::malformed(&what, why));
        }
        Ok(value)
    }
}

/// Bytes as JSON, read strictly.
pub(crate) fn json(what: &str, bytes: &[u8]) -> Result<Value, Error> {
    parse_strict(bytes).map_err(|e| Error::malformed(what, printable(&e.to_string())))
}

/// A parsed JSON value as this type.
pub(crate) fn typed<T: DeserializeOwned>(what: &str, value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|e| Error::malformed(what, printable(&e.to_string())))
}

fn bounded(what: &str, count: usize, limit: usize, unit: &'static str) -> Result<(), Error> {
    if count > limit {
        return Err(Error::limit(what, limit as u64, unit));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(media_type: &str, text: &str) -> RawManifest {
        RawManifest {
            bytes: text.as_bytes().to_vec(),
            descriptor: Descriptor::of(media_type, text.as_bytes()),
        }
    }

    fn image(extra: &str) -> String {
        let empty = Digest::sha256_of(b"{}");
        let config = media::OCI_CONFIG;
        format!(
            r#"{{"schemaVersion":2{extra},"config":{{"mediaType":"{config}","digest":"{empty}","size":2}},"layers":[]}}"#
        )
    }

    #[test]
    fn an_image_reads_as_one_and_its_twin_with_another_media_type_does_not() {
        let own = |t: &str| format!(r#","mediaType":"{t}""#);
        let good = raw(media::OCI_MANIFEST, &image(&own(media::OCI_MANIFEST)));
        assert!(matches!(good.parse(), Ok(Manifest::Image(_))));
        assert!(raw(media::OCI_MANIFEST, &image("")).parse().is_ok());
        let bad = raw(media::OCI_MANIFEST, &image(&own(media::DOCKER_MANIFEST)));
        assert!(matches!(bad.parse(), Err(Error::Malformed { .. })));
    }

    #[test]
    fn repeated_keys_and_two_natures_are_refused() {
        for extra in [r#","schemaVersion":2"#, r#","manifests":[]"#] {
            let bad = raw(media::OCI_MANIFEST, &image(extra));
            assert!(
                matches!(bad.parse(), Err(Error::Malformed { .. })),
                "{extra}"
            );
        }
    }

    #[test]
    fn schema_one_is_no_manifest_we_read() {
        let v1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
        assert!(matches!(
            raw(v1, &image("")).parse(),
            Err(Error::Malformed { .. })
        ));
    }

    #[test]
    fn ten_thousand_layers_are_too_many() {
        let layer = format!(
            r#"{{"mediaType":"x","digest":"{}","size":1}}"#,
            Digest::sha256_of(b"x")
        );
        let text = |n: usize| {
            let layers = vec![layer.clone(); n].join(",");
            image("").replace("[]", &format!("[{layers}]"))
        };
        assert!(
            raw(media::OCI_MANIFEST, &text(limits::LAYERS))
                .parse()
                .is_ok()
        );
        let many = raw(media::OCI_MANIFEST, &text(10_000)).parse();
        assert!(matches!(many, Err(Error::LimitExceeded { .. })));
    }

    proptest::proptest! {
        #[test]
        fn a_damaged_manifest_is_read_or_refused_and_never_panics(at in 0..200_usize, byte: u8) {
            let mut bytes = image("").into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let descriptor = Descriptor::of(media::OCI_MANIFEST, &bytes);
            let _ = RawManifest { bytes, descriptor }.parse();
        }
    }
}
