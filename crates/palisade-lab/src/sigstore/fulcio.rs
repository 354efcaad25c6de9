//! Fulcio v2: a token and a proof of possession become a ten-minute certificate.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use der::{Decode, Encode};
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::rand_core::OsRng;
use serde_json::{Value, json};
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::request::CertReq;

use super::leaf;
use super::signatures::PublicKey;
use crate::certificates::{
    Signer, Template, authority_key_id, extended_key_usage, key_usage, lab_name, sign, spki_p256,
    subject_key_id,
};
use crate::encode::{from_pem, now, pem, unb64};
use crate::fault::Fault;
use crate::http::{bearer, json as json_reply, reply};
use crate::keys::CODE_SIGNING;
use crate::world::{Shared, World};

const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
const LIFETIME: i64 = 600;
const FIVE_HOURS: i64 = 5 * 60 * 60;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v2/signingCert", post(signing_cert))
        .route("/api/v2/trustBundle", get(trust_bundle))
        .route("/api/v2/configuration", get(configuration))
        .route("/api/v1/rootCert", get(root_cert))
}

/// gRPC status codes, as grpc-gateway puts them into JSON.
enum Refusal {
    InvalidArgument(&'static str),
    Unauthenticated(&'static str),
}

async fn signing_cert(State(world): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    match issue(&world, bearer(&headers), &body) {
        Ok(chain) => json_reply(
            200,
            &json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}),
        ),
        Err(Refusal::InvalidArgument(message)) => {
            json_reply(400, &json!({"code": 3, "message": message, "details": []}))
        }
        Err(Refusal::Unauthenticated(message)) => {
            json_reply(401, &json!({"code": 16, "message": message, "details": []}))
        }
    }
}

/// Leaf, intermediate and root as PEM.
fn issue(world: &World, bearer: Option<&str>, body: &[u8]) -> Result<[String; 3], Refusal> {
    let invalid = Refusal::InvalidArgument;
    let request: Value =
        serde_json::from_slice(body).map_err(|_| invalid("the request is no JSON"))?;
    let token = request["credentials"]["oidcIdentityToken"]
        .as_str()
        .or(bearer);
    let token = token.ok_or(Refusal::Unauthenticated("there is no identity token"))?;
    let claims = world
        .verify_token(token)
        .map_err(Refusal::Unauthenticated)?;
    let key = requested_key(&request, &claims).map_err(invalid)?;
    let leaf = certificate(world, &claims, &key.spki).map_err(invalid)?;
    let certificates = &world.keys.certificates;
    Ok([&leaf, &certificates.intermediate, &certificates.root]
        .map(|certificate| pem("CERTIFICATE", certificate)))
}

/// The key of the request, whose possession was proven in one of the two ways.
fn requested_key(request: &Value, claims: &Value) -> Result<PublicKey, &'static str> {
    if let Some(csr) = request["certificateSigningRequest"].as_str() {
        return key_of_csr(csr);
    }
    let request = &request["publicKeyRequest"];
    let text = request["publicKey"]["content"]
        .as_str()
        .ok_or("there is no public key")?;
    let (_, spki) = from_pem(text).ok_or("the public key is no PEM")?;
    let key = PublicKey::from_spki(&spki).ok_or("the public key is of no known type")?;
    let proof = request["proofOfPossession"].as_str().and_then(unb64);
    let proof = proof.ok_or("there is no proof of possession")?;
    // sigstore-go signs `email` if there is one, sigstore-js signs `sub`.
    let proven = ["email", "sub"].iter().any(|name| {
        claims[*name]
            .as_str()
            .is_some_and(|challenge| key.verifies(challenge.as_bytes(), &proof))
    });
    if proven {
        Ok(key)
    } else {
        Err("the proof of possession does not verify")
    }
}

/// RFC 2986: the request is signed by the key it asks for.
fn key_of_csr(csr: &str) -> Result<PublicKey, &'static str> {
    const NO_CSR: &str = "the certificate signing request cannot be read";
    let text = unb64(csr)
        .and_then(|text| String::from_utf8(text).ok())
        .ok_or(NO_CSR)?;
    let (_, der) = from_pem(&text).ok_or(NO_CSR)?;
    let request = CertReq::from_der(&der).map_err(|_| NO_CSR)?;
    let spki = request.info.public_key.to_der().map_err(|_| NO_CSR)?;
    let key = PublicKey::from_spki(&spki).ok_or("the public key is of no known type")?;
    let info = request.info.to_der().map_err(|_| NO_CSR)?;
    if key.verifies(&info, request.signature.raw_bytes()) {
        Ok(key)
    } else {
        Err("the signature of the certificate signing request does not verify")
    }
}

fn certificate(world: &World, claims: &Value, spki: &[u8]) -> Result<Vec<u8>, &'static str> {
    let (keys, faults) = (&world.keys, &world.faults);
    let now = now();
    let shift = if faults.on(Fault::CertExpired) {
        -FIVE_HOURS
    } else if faults.on(Fault::CertFuture) {
        FIVE_HOURS
    } else {
        0
    };
    let other_key = spki_p256(&SigningKey::random(&mut OsRng));
    let spki = if faults.on(Fault::CertOtherKey) {
        &other_key
    } else {
        spki
    };
    let purpose = if faults.on(Fault::CertWrongEku) {
        CLIENT_AUTH
    } else {
        CODE_SIGNING
    };
    let mut extensions = vec![
        key_usage(KeyUsages::DigitalSignature),
        extended_key_usage(false, purpose),
        subject_key_id(spki),
        authority_key_id(&spki_p256(&keys.intermediate)),
    ];
    extensions.extend(leaf::identity(claims, faults)?);
    let template = Template {
        issuer: lab_name("fulcio intermediate"),
        subject: x509_cert::name::Name::default(),
        not_before: now + shift,
        not_after: now + shift + LIFETIME,
        spki: spki.to_vec(),
        extensions,
    };
    let forged = SigningKey::random(&mut OsRng);
    let ca = if faults.on(Fault::CertForgedCa) {
        &forged
    } else {
        &keys.intermediate
    };
    let signer = Signer::P256(ca);
    let mut tbs = template.tbs(&signer);
    // The SCT is over the certificate without it, so it is made last and added at the end.
    let sct = super::sct::sct_list(keys, faults, &tbs, now);
    tbs.extensions.get_or_insert_default().extend(sct);
    Ok(sign(tbs, &signer))
}

async fn trust_bundle(State(world): State<Shared>) -> Response {
    let chain = chain(&world);
    json_reply(200, &json!({"chains": [{"certificates": chain}]}))
}

async fn configuration(State(world): State<Shared>) -> Response {
    let issuer = |url: &str, claim: &str| {
        json!({
            "issuerUrl": url, "audience": "sigstore", "challengeClaim": claim,
            "spiffeTrustDomain": "",
        })
    };
    let github = crate::GithubIdentity::ISSUER;
    json_reply(
        200,
        &json!({"issuers": [issuer(&world.base, "email"), issuer(github, "sub")]}),
    )
}

async fn root_cert(State(world): State<Shared>) -> Response {
    reply(
        200,
        "application/pem-certificate-chain",
        chain(&world).concat(),
    )
}

fn chain(world: &World) -> [String; 2] {
    let certificates = &world.keys.certificates;
    [&certificates.intermediate, &certificates.root]
        .map(|certificate| pem("CERTIFICATE", certificate))
}
