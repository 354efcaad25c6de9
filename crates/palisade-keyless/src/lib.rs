//! palisade-keyless.
