//! The formats an inventory is written in.

pub(crate) mod cyclonedx;
