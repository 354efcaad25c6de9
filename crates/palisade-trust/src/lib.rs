//! palisade-trust.
