//! Why a bundle is refused: one stable word per check that can fail.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal,)+) => {
        /// The class of a refusal. Its word is stable: scripts and audit records keep it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Reason {
            /// Every reason, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word, in kebab case.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// What is wrong, for the documentation.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),+)),+
                }
            }
        }
    };
}

reasons! {
    /// The signed content is not about the artifact that was asked for.
    Artifact = "artifact",
    /// The bundle is malformed, or contradicts itself.
    Bundle = "bundle",
    /// The certificate does not chain to an authority of the trust root.
    CertChain = "cert-chain",
    /// The certificate is not for signing code.
    CertEku = "cert-eku",
    /// The certificate was not valid at a proven signing time.
    CertTime = "cert-time",
    /// The certificate is malformed.
    Certificate = "certificate",
    /// The log's checkpoint is not signed by that log, or does not fit the proof.
    Checkpoint = "checkpoint",
    /// The checkpoint is another log's, by its first line.
    CheckpointOrigin = "checkpoint-origin",
    /// One log entry stands in the bundle twice.
    DuplicateEntry = "duplicate-entry",
    /// The log entry is about another signature, certificate or content.
    EntryMismatch = "entry-mismatch",
    /// Something happened, or a key became valid, after the time of this verification.
    Future = "future",
    /// The log's promise is missing or not signed by the log.
    InclusionPromise = "inclusion-promise",
    /// The inclusion proof does not lead from the entry to the checkpoint.
    InclusionProof = "inclusion-proof",
    /// The log integrated the entry outside the certificate's validity.
    IntegratedTime = "integrated-time",
    /// The certificate's two issuer extensions name different issuers.
    IssuerConflict = "issuer-conflict",
    /// The certificate names no issuer.
    IssuerMissing = "issuer-missing",
    /// The key is not believed at a proven signing time.
    KeyTime = "key-time",
    /// The entry names a log that the trust root does not have.
    LogId = "log-id",
    /// A log's key was not valid at a proven signing time.
    LogTime = "log-time",
    /// Signed with a key instead of a certificate, which names no identity.
    ManagedKey = "managed-key",
    /// The content is not what the declared media type allows.
    MediaType = "media-type",
    /// There is no log entry.
    NoLogEntry = "no-log-entry",
    /// Signed with a certificate where a key is expected.
    NoManagedKey = "no-managed-key",
    /// Nothing trusted says when the signature was made.
    NoTime = "no-time",
    /// A log entry has no inclusion proof where its format demands one.
    ProofMissing = "proof-missing",
    /// The certificate does not name exactly one subject.
    SanCount = "san-count",
    /// The certificate's subject is empty and its alternative name is not critical.
    SanCritical = "san-critical",
    /// The certificate names its subject by something else than an e-mail address or a URI.
    SanKind = "san-kind",
    /// No certificate transparency log vouches for the certificate.
    Sct = "sct",
    /// The signature does not cover the content.
    Signature = "signature",
    /// A timestamp is not signed by an authority of the trust root, or is about something else.
    Timestamp = "timestamp",
    /// A timestamp lies outside the validity of the authority that signed it.
    TsaTime = "tsa-time",
    /// The log entry is of a kind that palisade does not read.
    UnsupportedEntry = "unsupported-entry",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kebab_case_unique_and_in_order() {
        let words: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert!(words.windows(2).all(|pair| pair[0] < pair[1]), "{words:?}");
        assert!(
            words
                .iter()
                .all(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
        );
        assert!(
            Reason::ALL
                .iter()
                .all(|reason| reason.meaning().trim().ends_with('.'))
        );
    }
}
