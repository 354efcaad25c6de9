//! Who signed: the two fields of a certificate that name a signer.

use std::fmt;

use serde::Serialize;

/// A certificate's subject alternative name and the OIDC issuer that vouched for it.
///
/// Not `Deserialize`: an identity comes out of a verified certificate or is written by a person
/// who says whom to trust, never out of evidence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SignerIdentity {
    /// The only SAN of the leaf certificate: an e-mail address or a URI.
    pub san: String,
    /// Fulcio's issuer extension, OID 1.3.6.1.4.1.57264.1.8.
    pub issuer: String,
}

impl fmt::Display for SignerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (issuer {})", self.san, self.issuer)
    }
}
