//! Encodings every service of the lab needs: hashes, base64, PEM, canonical JSON, times.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Reads base64 with or without padding: clients differ, and proto3 JSON demands tolerance.
const TOLERANT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

/// An OCI digest string, `sha256:` and 64 hex digits.
pub(crate) fn oci_digest(data: &[u8]) -> String {
    format!("sha256:{}", hex::encode(sha256(data)))
}

pub(crate) fn b64(data: &[u8]) -> String {
    general_purpose::STANDARD.encode(data)
}

pub(crate) fn b64url(data: &[u8]) -> String {
    general_purpose::URL_SAFE_NO_PAD.encode(data)
}

/// Base64 in either alphabet, padded or not; line breaks are not accepted.
pub(crate) fn unb64(text: &str) -> Option<Vec<u8>> {
    let alphabet = if text.contains(['-', '_']) {
        alphabet::URL_SAFE
    } else {
        alphabet::STANDARD
    };
    GeneralPurpose::new(&alphabet, TOLERANT).decode(text).ok()
}

/// PEM with 64 columns and LF, the form Go writes.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let body = b64(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        text.push_str(str::from_utf8(line).expect("base64 is ASCII"));
        text.push('\n');
    }
    text + "-----END " + label + "-----\n"
}

/// The first PEM block of a text: its label and its bytes. CRLF is accepted, some clients send it.
pub(crate) fn from_pem(text: &str) -> Option<(String, Vec<u8>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.split_whitespace().collect();
    Some((label.to_owned(), unb64(&body)?))
}

/// RFC 8785 canonical JSON, which Rekor signs and TUF's canonical JSON equals for ASCII without
/// control characters and integers, all the lab writes.
pub(crate) fn jcs(value: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("a Value has string keys and finite numbers")
}

/// Seconds since 1970, UTC.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// `2026-11-24T14:00:00Z`.
pub(crate) fn rfc3339(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `N` bytes from the operating system's generator.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_survives_a_round_trip_with_either_line_end() {
        let text = pem("CERTIFICATE", &[7; 100]);
        let expected = Some(("CERTIFICATE".to_owned(), vec![7; 100]));
        assert_eq!(from_pem(&text), expected);
        assert_eq!(from_pem(&text.replace('\n', "\r\n")), expected);
        assert_eq!(from_pem(&text.replace("END CERT", "END KERT")), None);
    }

    #[test]
    fn base64_is_read_in_both_alphabets_and_without_padding() {
        assert_eq!(unb64("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(unb64("+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(unb64("+/8 ="), None);
    }
}
