//! palisade-ui.
