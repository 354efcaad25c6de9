//! palisade-sbom.
