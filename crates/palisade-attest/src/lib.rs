//! palisade-attest.
