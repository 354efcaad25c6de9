//! What there is to judge, wherever it was found. Untrusted.

use std::collections::BTreeMap;

use palisade_attest::legacy::{BlobSigner, attestation_bundle, blob_bundle, signature_bundle};
use palisade_attest::{Bundle, legacy};
use palisade_types::{Descriptor, Digest};

/// What there is to judge about one image or file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) bundles: Vec<Found>,
    /// What is there and gave no bundle: where it was, and why.
    pub(crate) skipped: Vec<(String, String)>,
    /// What is there and could not be read: where it was, and why.
    pub(crate) unreadable: Vec<(String, String)>,
}

/// The bytes of a bundle, and where they were.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) origin: String,
    /// What the bytes are.
    pub(crate) form: Form,
    pub(crate) bytes: Vec<u8>,
}

/// How evidence is stored. Found out for each by itself, never once for a list.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// A Sigstore bundle.
    Bundle,
    /// cosign's bundle about a file before version 3; the digest is the file's.
    LegacyBlob(Digest, BlobSigner),
    /// A layer of cosign's `.att` tag, with its annotations: an envelope.
    LegacyAttestation(BTreeMap<String, String>),
    /// A layer of cosign's `.sig` tag, with its annotations: a payload that names the image.
    LegacySignature(BTreeMap<String, String>),
}

impl Form {
    /// What a layer of cosign's older formats is; nothing for one of any other media type.
    pub(crate) fn of_layer(layer: &Descriptor) -> Option<Self> {
        let annotations = || layer.annotations.clone();
        match layer.media_type.as_str() {
            legacy::DSSE_ENVELOPE => Some(Self::LegacyAttestation(annotations())),
            legacy::SIMPLE_SIGNING => Some(Self::LegacySignature(annotations())),
            _ => None,
        }
    }

    /// The bytes as a bundle, or why they are none.
    pub(crate) fn bundle(&self, bytes: &[u8]) -> Result<Bundle, String> {
        let converted = match self {
            Self::Bundle => return Bundle::parse(bytes).map_err(|error| error.to_string()),
            Self::LegacyAttestation(annotations) => attestation_bundle(bytes, annotations),
            Self::LegacyBlob(file, signer) => blob_bundle(bytes, file, *signer),
            Self::LegacySignature(annotations) => signature_bundle(bytes, annotations),
        };
        converted.map_err(|error| error.to_string())
    }

    pub(crate) const fn is_signature(&self) -> bool {
        matches!(self, Self::LegacySignature(_))
    }

    /// The form as one stable word.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::LegacyAttestation(_) => "cosign-att",
            Self::LegacyBlob(..) => "cosign-blob",
            Self::LegacySignature(_) => "cosign-sig",
        }
    }
}

impl Evidence {
    /// Adds what was found in another place.
    pub(crate) fn merge(&mut self, other: Self) {
        self.bundles.extend(other.bundles);
        self.skipped.extend(other.skipped);
        self.unreadable.extend(other.unreadable);
    }
}
