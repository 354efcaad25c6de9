//! palisade-sign.
