//! palisade-policy.
