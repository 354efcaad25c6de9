//! What repositories, tags and digests look like.

use sha2::{Digest, Sha512};

use crate::encode::oci_digest;

/// Path components of lower-case letters and digits with single separators between.
pub(super) fn is_name(name: &str) -> bool {
    let component = |part: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let edge = |byte: Option<&u8>| byte.is_some_and(|byte| inner(*byte));
        let bytes = part.as_bytes();
        edge(bytes.first())
            && edge(bytes.last())
            && bytes
                .iter()
                .all(|byte| inner(*byte) || b"._-".contains(byte))
            && !part.contains("..")
    };
    name.len() <= 255 && name.split('/').all(component)
}

/// `sha256:` with 64 or `sha512:` with 128 lower-case hex digits.
pub(super) fn is_digest(reference: &str) -> bool {
    let hex = match reference.split_once(':') {
        Some(("sha256", hex)) if hex.len() == 64 => hex,
        Some(("sha512", hex)) if hex.len() == 128 => hex,
        _ => return false,
    };
    hex.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether the bytes have this digest, by the digest's own algorithm.
pub(super) fn has_digest(bytes: &[u8], digest: &str) -> bool {
    if digest.starts_with("sha512:") {
        digest == format!("sha512:{}", hex::encode(Sha512::digest(bytes)))
    } else {
        digest == oci_digest(bytes)
    }
}

/// The specification's `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
pub(super) fn is_tag(reference: &str) -> bool {
    let first = reference.bytes().next();
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    reference.len() <= 128
        && first.is_some_and(word)
        && reference
            .bytes()
            .all(|byte| word(byte) || b".-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tags_and_digests_follow_the_specification() {
        assert!(is_name("acme/app") && is_name("a") && is_name("a-b/c__d"));
        assert!(!is_name("Acme") && !is_name("a//b") && !is_name("a/../b") && !is_name("-a"));
        assert!(is_tag("1.0") && is_tag("sha256-ab.sig") && !is_tag(".a") && !is_tag("a:b"));
        let digest = format!("sha256:{}", "a".repeat(64));
        assert!(
            is_digest(&digest) && !is_digest(&digest[..70]) && !is_digest(&digest.to_uppercase())
        );
    }

    #[test]
    fn bytes_are_held_against_the_algorithm_of_the_digest() {
        // NIST's examples for the message `abc`.
        let short = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let long = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                    2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        for digest in [short, long] {
            assert!(is_digest(digest) && has_digest(b"abc", digest) && !has_digest(b"abd", digest));
        }
        assert!(!has_digest(b"abc", &short.replace("sha256", "md5")));
    }
}
