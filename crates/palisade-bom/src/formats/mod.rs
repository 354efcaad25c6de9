//! The formats: each is a codec between its own documents and our model.

pub mod cyclonedx;
