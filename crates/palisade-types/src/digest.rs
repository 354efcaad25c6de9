//! Content digests as OCI writes them: `algorithm:lower-case-hex`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256, Sha512};

/// The digest algorithms we accept (OCI image specification 1.1, *Registered Algorithms*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, 64 hexadecimal digits.
    Sha256,
    /// SHA-512, 128 hexadecimal digits.
    Sha512,
}

impl Algorithm {
    /// The name before the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    const fn hex_len(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// A content digest. Equal digests name equal bytes; algorithms are never compared across.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

impl Digest {
    /// The SHA-256 digest of these bytes.
    pub fn sha256_of(bytes: &[u8]) -> Self {
        Self {
            algorithm: Algorithm::Sha256,
            hex: hex::encode(Sha256::digest(bytes)),
        }
    }

    /// The digest of these bytes under the same algorithm as `self`.
    pub fn same_algorithm_of(&self, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(self.algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Whether these bytes hash to this digest.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        self.same_algorithm_of(bytes) == *self
    }

    /// The algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The part after the colon, lower-case hexadecimal.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// The raw digest bytes.
    pub fn bytes(&self) -> Vec<u8> {
        hex::decode(&self.hex).expect("a digest holds valid hexadecimal by construction")
    }

    /// `sha256:` and the first twelve digits, for people.
    pub fn short(&self) -> String {
        format!("{}:{}", self.algorithm.name(), &self.hex[..12])
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Why a text is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseDigestError {
    /// There is no `algorithm:` in front.
    #[error("`{0}` has no algorithm; a digest reads `sha256:` and 64 hexadecimal digits")]
    NoAlgorithm(String),
    /// The algorithm is not one we accept.
    #[error("`{0}` is not a digest algorithm palisade accepts; it accepts sha256 and sha512")]
    UnknownAlgorithm(String),
    /// The hexadecimal part is too long, too short, upper-case or not hexadecimal.
    #[error("`{text}` is not a digest: {algorithm} has {want} lower-case hexadecimal digits")]
    BadHex {
        /// What was given.
        text: String,
        /// The algorithm's name.
        algorithm: &'static str,
        /// How many digits it has.
        want: usize,
    },
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, hex) = text
            .split_once(':')
            .ok_or_else(|| ParseDigestError::NoAlgorithm(text.to_owned()))?;
        let algorithm = match name {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            _ => return Err(ParseDigestError::UnknownAlgorithm(name.to_owned())),
        };
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if hex.len() == algorithm.hex_len() && hex.bytes().all(lower_hex) {
            Ok(Self {
                algorithm,
                hex: hex.to_owned(),
            })
        } else {
            Err(ParseDigestError::BadHex {
                text: text.to_owned(),
                algorithm: algorithm.name(),
                want: algorithm.hex_len(),
            })
        }
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Computes a [`Digest`] from bytes that arrive in pieces.
#[derive(Clone, Debug)]
pub struct Hasher(State);

#[derive(Clone, Debug)]
enum State {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    /// An empty hasher for this algorithm.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(hasher) => hasher.update(bytes),
            State::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of everything added.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(h) => Digest {
                algorithm: Algorithm::Sha256,
                hex: hex::encode(h.finalize()),
            },
            State::Sha512(h) => Digest {
                algorithm: Algorithm::Sha512,
                hex: hex::encode(h.finalize()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_digest_of_nothing_is_the_known_one() {
        assert_eq!(Digest::sha256_of(b"").to_string(), EMPTY);
        assert_eq!(EMPTY.parse(), Ok(Digest::sha256_of(b"")));
    }

    #[test]
    fn one_digit_more_less_or_in_upper_case_is_no_digest() {
        for bad in [
            &EMPTY[..EMPTY.len() - 1],
            &format!("{EMPTY}0"),
            &EMPTY.replace('b', "B"),
        ] {
            assert!(
                matches!(bad.parse::<Digest>(), Err(ParseDigestError::BadHex { .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn unknown_algorithms_and_bare_hex_are_refused_by_name() {
        let md5 = "md5:d41d8cd98f00b204e9800998ecf8427e".parse::<Digest>();
        assert_eq!(
            md5,
            Err(ParseDigestError::UnknownAlgorithm("md5".to_owned()))
        );
        assert!(matches!(
            "abc".parse::<Digest>(),
            Err(ParseDigestError::NoAlgorithm(_))
        ));
    }

    #[test]
    fn pieces_hash_like_the_whole() {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(b"pali");
        hasher.update(b"sade");
        assert_eq!(hasher.finish(), Digest::sha256_of(b"palisade"));
    }

    #[test]
    fn one_flipped_bit_does_not_match() {
        let digest = Digest::sha256_of(b"palisade");
        assert!(digest.matches(b"palisade"));
        assert!(!digest.matches(b"palisadE"));
    }
}
