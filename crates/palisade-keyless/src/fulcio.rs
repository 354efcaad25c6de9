//! Fulcio: a token and the proof of a key become a certificate (API v2, `CreateSigningCertificate`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::json;
use sigstore_crypto::KeyPair;
use sigstore_types::DerCertificate;

use crate::error::Error;
use crate::http::{Ask, Caller, Service};
use crate::token::IdentityToken;

/// The longest answer we read, in bytes: three certificates have about 4 KiB.
const MAX_ANSWER: usize = 256 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    signed_certificate_embedded_sct: Option<Issued>,
}

#[derive(Deserialize)]
struct Issued {
    chain: Chain,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<String>,
}

/// Asks for a certificate of this key. Returns the leaf alone, in DER and unchecked: the rest of
/// the chain comes from the trust root.
pub(crate) async fn certificate(
    caller: Caller<'_>,
    service: &Service,
    token: &IdentityToken,
    key: &KeyPair,
) -> Result<DerCertificate, Error> {
    let public_key = key
        .public_key_der()
        .expect("a fresh P-256 key has a public half")
        .to_pem();
    let proof = key
        .sign(token.challenge().as_bytes())
        .expect("a P-256 key signs any bytes");
    let body = json!({
        "publicKeyRequest": {
            "publicKey": {"algorithm": "ECDSA", "content": public_key},
            "proofOfPossession": STANDARD.encode(proof.as_bytes()),
        },
    });
    let mut authorization = HeaderValue::from_str(&format!("Bearer {}", token.secret()))
        .expect("a token is base64url and dots");
    authorization.set_sensitive(true);
    let ask = Ask {
        method: Method::POST,
        url: service.at("api/v2/signingCert"),
        headers: vec![
            (AUTHORIZATION, authorization),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ],
        body: body.to_string().into_bytes(),
        limit: MAX_ANSWER,
    };
    let answer = caller.send(service, ask).await?;
    if !answer.status.is_success() {
        return Err(service.refused(&answer, token.secret()));
    }
    leaf(service, &answer.body)
}

pub(crate) fn leaf(service: &Service, body: &[u8]) -> Result<DerCertificate, Error> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|error| service.malformed(error.to_string()))?;
    // A detached SCT has no place in a bundle, so a verifier could never check it.
    let issued = answer
        .signed_certificate_embedded_sct
        .ok_or_else(|| service.malformed("there is no certificate with an embedded SCT in it"))?;
    let leaf = issued
        .chain
        .certificates
        .first()
        .map(|pem| DerCertificate::from_pem(pem));
    match leaf {
        Some(Ok(leaf)) => Ok(leaf),
        Some(Err(_)) => Err(service.malformed("its first certificate is no PEM")),
        None => Err(service.malformed("its chain is empty")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_without_a_usable_certificate_are_malformed() {
        let url = "https://f.test".parse().expect("a URL");
        let service = Service::new("Fulcio", url);
        for body in [
            "",
            "{}",
            r#"{"signedCertificateDetachedSct":{"chain":{"certificates":["x"]}}}"#,
            r#"{"signedCertificateEmbeddedSct":{"chain":{"certificates":[]}}}"#,
            r#"{"signedCertificateEmbeddedSct":{"chain":{"certificates":["x"]}}}"#,
        ] {
            assert!(
                matches!(
                    leaf(&service, body.as_bytes()),
                    Err(Error::Malformed { .. })
                ),
                "{body}"
            );
        }
    }
}
