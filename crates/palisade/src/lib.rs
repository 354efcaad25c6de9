//! palisade.
