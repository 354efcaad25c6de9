//! RS256 identity tokens (RFC 7519, RFC 7515): the one algorithm every client accepts.

use aws_lc_rs::rsa;
use aws_lc_rs::signature::UnparsedPublicKey;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use serde_json::{Value, json};

use crate::encode::{b64url, sha256, unb64};

/// Tokens longer than this are not looked at.
const MAX_TOKEN: usize = 16 * 1024;

/// The JSON Web Key (RFC 7517) under which tokens verify.
pub(crate) fn jwk(key: &rsa::KeyPair) -> Value {
    let public = key.public_key();
    json!({
        "kty": "RSA", "alg": "RS256", "use": "sig", "kid": key_id(key),
        "n": b64url(public.modulus().big_endian_without_leading_zero()),
        "e": b64url(public.exponent().big_endian_without_leading_zero()),
    })
}

fn key_id(key: &rsa::KeyPair) -> String {
    hex::encode(&sha256(key.public_key().as_ref())[..8])
}

pub(crate) fn mint(key: &rsa::KeyPair, claims: &Value) -> String {
    let header = json!({"alg": "RS256", "kid": key_id(key), "typ": "JWT"});
    let input = format!(
        "{}.{}",
        b64url(header.to_string().as_bytes()),
        b64url(claims.to_string().as_bytes())
    );
    let mut signature = vec![0; key.public_modulus_len()];
    let random = aws_lc_rs::rand::SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, input.as_bytes(), &mut signature)
        .expect("the buffer has the modulus' length");
    format!("{input}.{}", b64url(&signature))
}

/// The claims of a token that this key signed, is in its time and meant for `audience`;
/// or what is wrong with it.
pub(crate) fn verify(
    key: &rsa::KeyPair,
    token: &str,
    audience: &str,
    now: i64,
) -> Result<Value, &'static str> {
    if token.len() > MAX_TOKEN {
        return Err("the token is too long");
    }
    let (input, signature) = token.rsplit_once('.').ok_or("the token is no JWS")?;
    let (header, payload) = input.split_once('.').ok_or("the token is no JWS")?;
    let header = object(header).ok_or("the token's header is no JSON")?;
    if header["alg"] != "RS256" {
        return Err("the token is not signed with RS256");
    }
    let signature = unb64(signature).ok_or("the token's signature is no base64")?;
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref())
        .verify(input.as_bytes(), &signature)
        .map_err(|_| "the token is not signed by this provider")?;
    let claims = object(payload).ok_or("the token's claims are no JSON")?;
    let time = |name: &str| claims[name].as_i64();
    if time("exp").is_none_or(|exp| exp <= now) || time("nbf").is_some_and(|nbf| nbf > now) {
        return Err("the token is out of its time");
    }
    if claims["aud"] != audience {
        return Err("the token is for another audience");
    }
    Ok(claims)
}

fn object(part: &str) -> Option<Value> {
    let value: Value = serde_json::from_slice(&unb64(part)?).ok()?;
    value.is_object().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_verifies_and_its_twins_do_not() {
        let key = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key");
        let other = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key");
        let claims = json!({"aud": "sigstore", "sub": "a", "exp": 100, "nbf": 10});
        let token = mint(&key, &claims);
        assert_eq!(verify(&key, &token, "sigstore", 50), Ok(claims));
        assert!(verify(&other, &token, "sigstore", 50).is_err());
        assert!(verify(&key, &token, "other", 50).is_err());
        assert!(verify(&key, &token, "sigstore", 100).is_err());
        assert!(verify(&key, &token, "sigstore", 9).is_err());
        let (_, signature) = token.rsplit_once('.').expect("three parts");
        let none = format!(
            "{}.{}.{signature}",
            b64url(br#"{"alg":"none"}"#),
            b64url(br#"{"aud":"sigstore","exp":100}"#)
        );
        assert!(verify(&key, &none, "sigstore", 50).is_err());
    }
}
