//! Files of an image, as a layer reader hands them to whoever lists what they tell.

use crate::digest::Digest;

/// A regular file met while reading, for the caller to decide whether it wants the bytes.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The path without a leading slash: `etc/os-release`.
    pub path: &'a str,
    /// The permission bits.
    pub mode: u32,
    /// The size in bytes.
    pub size: u64,
    /// The first bytes (up to 16): `\x7fELF` for an executable.
    pub head: &'a [u8],
}

/// One file of the merged view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFile {
    /// The path without a leading slash.
    pub path: String,
    /// The permission bits.
    pub mode: u32,
    /// The digest of the layer that holds it.
    pub layer: Digest,
    /// The content.
    pub bytes: Vec<u8>,
}
