//! palisade-lab.
