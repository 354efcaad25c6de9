//! palisade-deploy.
