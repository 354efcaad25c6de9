//! A timestamp authority: a signature becomes a signature with a time (RFC 3161).

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};

use crate::error::Error;
use crate::http::{Ask, Caller, Service};

/// The longest reply we read, in bytes: with its certificates one has about 5 KiB.
const MAX_REPLY: usize = 256 << 10;

/// `TimeStampReq` (RFC 3161 §2.4.1) before the digest: version 1, a SHA-256 imprint.
const BEFORE: [u8; 24] = [
    0x30, 0x39, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
    0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
];
/// And after it: `certReq` true. There is no nonce: the imprint is of a signature that is new.
const AFTER: [u8; 3] = [0x01, 0x01, 0xff];

/// Asks for a timestamp over these bytes. Returns the reply in DER, unchecked.
pub(crate) async fn timestamp(
    caller: Caller<'_>,
    service: &Service,
    signature: &[u8],
) -> Result<Vec<u8>, Error> {
    let digest = sigstore_crypto::sha256(signature);
    let ask = Ask {
        method: Method::POST,
        url: service.url().clone(),
        headers: vec![(
            CONTENT_TYPE,
            HeaderValue::from_static("application/timestamp-query"),
        )],
        body: [&BEFORE[..], digest.as_bytes(), &AFTER].concat(),
        limit: MAX_REPLY,
    };
    let answer = caller.send(service, ask).await?;
    if !answer.status.is_success() {
        return Err(service.refused(&answer, ""));
    }
    Ok(answer.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_s_lengths_fit_its_parts() {
        assert_eq!(usize::from(BEFORE[1]), BEFORE.len() - 2 + 32 + AFTER.len());
        assert_eq!(usize::from(BEFORE[6]), BEFORE.len() - 7 + 32);
    }
}
