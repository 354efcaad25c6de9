//! Checkpoints: signed notes (C2SP signed-note and tlog-checkpoint) over a tree's size and root.

use super::merkle::Hash;
use crate::encode::b64;

/// What the log says about its tree: origin, size and root, each on its line.
pub(crate) fn text(origin: &str, size: usize, root: &Hash) -> String {
    format!("{origin}\n{size}\n{}\n", b64(root))
}

/// The text with one signature line; `hint` is the first four bytes of the key id.
pub(crate) fn signed(text: &str, name: &str, hint: [u8; 4], signature: &[u8]) -> String {
    format!(
        "{text}\n\u{2014} {name} {}\n",
        b64(&[&hint, signature].concat())
    )
}

/// The first four bytes of a key id.
pub(crate) fn hint(key_id: &Hash) -> [u8; 4] {
    [key_id[0], key_id[1], key_id[2], key_id[3]]
}
