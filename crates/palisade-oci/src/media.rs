//! Media types, and which document each of them names.

/// An OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// An OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A gzip-compressed layer.
pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// An uncompressed layer.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// The empty descriptor's type (image specification 1.1, *Guidance for an Empty Descriptor*).
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// A Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// A Docker image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// A Docker image configuration.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// A gzip-compressed Docker layer.
pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// A BuildKit attestation manifest, since mid-2026.
pub const BUILDKIT_ATTESTATION: &str = "application/vnd.docker.attestation.manifest.v1+json";
/// A Sigstore bundle in the spelling every registry takes (ECR rejects a `;`).
pub const SIGSTORE_BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// What every manifest request accepts.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// The type without its parameters, in lower case.
pub(crate) fn essence(content_type: &str) -> String {
    let bare = content_type.split(';').next().unwrap_or_default();
    bare.trim().to_ascii_lowercase()
}

/// Whether this is an index, OCI's or Docker's.
pub fn is_index(media_type: &str) -> bool {
    matches!(media_type, OCI_INDEX | DOCKER_LIST)
}

/// Whether this is an image manifest, OCI's or Docker's.
pub fn is_manifest(media_type: &str) -> bool {
    matches!(media_type, OCI_MANIFEST | DOCKER_MANIFEST)
}

/// Whether a configuration of this type belongs to an image that can run.
pub fn is_image_config(media_type: &str) -> bool {
    matches!(media_type, OCI_CONFIG | DOCKER_CONFIG)
}

/// Whether this names a Sigstore bundle, in any of the spellings in use
/// (`…bundle.v0.3+json`, `…bundle+json;version=0.1`).
pub fn is_sigstore_bundle(media_type: &str) -> bool {
    let bare = essence(media_type);
    bare == "application/vnd.dev.sigstore.bundle+json"
        || (bare.starts_with("application/vnd.dev.sigstore.bundle.v") && bare.ends_with("+json"))
}

/// Whether a layer of this type is what cosign attached before there were bundles: a simple
/// signing payload or a bare DSSE envelope, with everything else in its annotations.
pub fn is_older_layer(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.dev.cosign.simplesigning.v1+json"
            | "application/vnd.dsse.envelope.v1+json"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_bundle_is_one_and_its_neighbours_are_not() {
        for yes in [
            SIGSTORE_BUNDLE,
            "application/vnd.dev.sigstore.bundle+json;version=0.2",
            "application/vnd.dev.sigstore.bundle+json; version=0.3",
        ] {
            assert!(is_sigstore_bundle(yes), "{yes}");
        }
        for no in [
            "application/vnd.dev.cosign.simplesigning.v1+json",
            "application/vnd.dev.sigstore.bundles.v0.3+json",
            "application/json",
        ] {
            assert!(!is_sigstore_bundle(no), "{no}");
        }
    }
}
