//! palisade-gate.
