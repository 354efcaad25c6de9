//! palisade-verify.
