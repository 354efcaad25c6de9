//! The platforms, one file each.

pub mod render;
