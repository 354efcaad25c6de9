//! palisade-oci.
