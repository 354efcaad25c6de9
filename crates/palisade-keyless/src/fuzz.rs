//! The private parsers of this crate, for `tests/fuzz`. Behind the feature `fuzz`, which no binary
//! switches on.

use crate::rekor;

/// An answer of Rekor, as far as an invariant can be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogAnswer {
    /// Kind and version of the entry.
    pub kind: (String, String),
    /// How many hashes its inclusion proof has.
    pub hashes: usize,
    /// The entry's body, base64.
    pub body: String,
    /// Its promise (SET), if it has one.
    pub promise: Option<String>,
}

/// Reads the answer of Rekor v1, or of v2.
pub fn log_answer(bytes: &[u8], version_2: bool) -> Result<LogAnswer, String> {
    let entry = if version_2 {
        rekor::read_v2(bytes)?
    } else {
        rekor::read_v1(bytes)?
    };
    Ok(LogAnswer {
        kind: (entry.kind, entry.version),
        hashes: entry.proof.hashes.len(),
        body: entry.body,
        promise: entry.promise,
    })
}

/// Whether a discovery document is one of this issuer.
pub fn is_provider(bytes: &[u8], issuer: &str) -> Result<(), String> {
    let url = "https://issuer.invalid".parse().expect("an address");
    let service = crate::http::Service::new("the identity provider", url);
    crate::login::Provider::read(&service, bytes, issuer)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// The first certificate (DER) in an answer of Fulcio.
pub fn issued_certificate(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let url = "https://fulcio.invalid".parse().expect("an address");
    let service = crate::http::Service::new("Fulcio", url);
    crate::fulcio::leaf(&service, bytes)
        .map(|leaf| leaf.as_bytes().to_vec())
        .map_err(|error| error.to_string())
}
