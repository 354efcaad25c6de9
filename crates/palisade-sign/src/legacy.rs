//! `--legacy-tag`: the same once more, in the tags that consumers without bundles read.

use palisade_attest::Bundle;
use palisade_attest::legacy::{LegacyLayer, SimpleSigning, attestation_layer, signature_layer};
use palisade_oci::LegacyTag;
use palisade_trust::Artifact;
use palisade_types::{ImageRef, PinnedRef};

use crate::error::Error;
use crate::publish::Publisher;
use crate::session::Session;

impl Publisher<'_> {
    /// Signs an image the older way, which takes a signature of its own, and adds it to the tag.
    pub(crate) async fn sign_legacy(
        &self,
        image: &PinnedRef,
        session: &Session<'_>,
    ) -> Result<ImageRef, Error> {
        let payload = SimpleSigning {
            image: image.digest().clone(),
            reference: image.repository().to_string(),
        };
        let payload = payload.to_json();
        let signed = session.blob(Artifact::Bytes(&payload)).await?;
        let layer = signature_layer(&payload, &signed.bundle).map_err(Error::Legacy)?;
        self.add_layer(image, LegacyTag::Signatures, layer).await
    }

    /// Adds an attestation, as it was signed, to the tag.
    pub(crate) async fn attest_legacy(
        &self,
        image: &PinnedRef,
        bundle: &Bundle,
    ) -> Result<ImageRef, Error> {
        let layer = attestation_layer(bundle).map_err(Error::Legacy)?;
        self.add_layer(image, LegacyTag::Attestations, layer).await
    }

    async fn add_layer(
        &self,
        image: &PinnedRef,
        tag: LegacyTag,
        layer: LegacyLayer,
    ) -> Result<ImageRef, Error> {
        let LegacyLayer {
            media_type,
            bytes,
            annotations,
        } = layer;
        let added = self
            .client
            .add_legacy_layer(image, tag, media_type, &bytes, annotations)
            .await;
        added.map_err(|error| Error::Registry {
            done: "given its signature in the older tag",
            error: Box::new(error),
        })
    }
}
