//! Tokens and the ways to get one.

use palisade_lab::{Fault, GithubIdentity};
use serde_json::Value;

use crate::support::{EMAIL, Http, lab, sha256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn discovery_names_the_lab_and_the_key_verifies_its_tokens() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let discovery = http.get("/.well-known/openid-configuration").await.json();
    assert_eq!(discovery["issuer"], lab.base());
    let keys = http
        .get(discovery["jwks_uri"].as_str().unwrap())
        .await
        .json();
    let part = |name: &str| {
        URL_SAFE_NO_PAD
            .decode(keys["keys"][0][name].as_str().unwrap())
            .unwrap()
    };
    let key = aws_lc_rs::rsa::PublicKeyComponents {
        n: part("n"),
        e: part("e"),
    };
    let token = lab.email_token(EMAIL);
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let algorithm = &aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
    assert!(key.verify(algorithm, input.as_bytes(), &signature).is_ok());
    assert!(key.verify(algorithm, b"another", &signature).is_err());
    assert_eq!(claims(&token)["sub"], claims(&token)["email"]);
}

#[tokio::test]
async fn the_ambient_endpoint_speaks_for_github_and_wants_its_bearer_token() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let path = "/gha/token?api-version=2.0&repository=o/r&audience=sigstore";
    assert_eq!(http.get(path).await.status, 401);
    let answer = http
        .send("GET", path, &[("authorization", "bearer lab")], "")
        .await
        .json();
    let claims = claims(answer["value"].as_str().unwrap());
    assert_eq!(claims["iss"], GithubIdentity::ISSUER);
    assert_eq!(claims["aud"], "sigstore");
    assert_eq!(
        claims["job_workflow_ref"],
        "o/r/.github/workflows/release.yml@refs/heads/main"
    );
    assert_eq!(claims["sub"], "repo:o/r:ref:refs/heads/main");
}

#[tokio::test]
async fn the_browser_flow_returns_the_state_and_nonce_and_demands_the_verifier() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let challenge = URL_SAFE_NO_PAD.encode(sha256(b"verifier"));
    let path = format!(
        "/auth?redirect_uri=http%3A%2F%2Flocalhost%3A1%2Fcallback&state=s1&nonce=n1\
         &code_challenge={challenge}&code_challenge_method=S256"
    );
    let code = |location: &str| {
        let url = url::Url::parse(location).unwrap();
        let part = |name: &str| {
            url.query_pairs()
                .find(|(other, _)| other == name)
                .unwrap()
                .1
                .into_owned()
        };
        (part("code"), part("state"))
    };
    let (first, state) = code(http.get(&path).await.header("location"));
    assert_eq!(state, "s1");
    let redeem = |code: String, verifier: &'static str| {
        format!("grant_type=authorization_code&code={code}&code_verifier={verifier}")
    };
    let answer = http
        .send("POST", "/token", &[], redeem(first.clone(), "verifier"))
        .await;
    assert_eq!(
        claims(answer.json()["id_token"].as_str().unwrap())["nonce"],
        "n1"
    );
    let again = http
        .send("POST", "/token", &[], redeem(first, "verifier"))
        .await;
    assert_eq!(
        (again.status, again.json()["error"].as_str()),
        (400, Some("invalid_grant"))
    );
    let (second, _) = code(http.get(&path).await.header("location"));
    assert_eq!(
        http.send("POST", "/token", &[], redeem(second, "other"))
            .await
            .status,
        400
    );

    lab.set_faults(&[Fault::OidcNonce, Fault::OidcState]);
    let (third, state) = code(http.get(&path).await.header("location"));
    assert_ne!(state, "s1");
    let answer = http
        .send("POST", "/token", &[], redeem(third, "verifier"))
        .await;
    assert_ne!(
        claims(answer.json()["id_token"].as_str().unwrap())["nonce"],
        "n1"
    );
}

#[tokio::test]
async fn a_code_is_sent_to_this_machine_only() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let path = "/auth?redirect_uri=https%3A%2F%2Fevil.example%2F&state=s";
    assert_eq!(http.get(path).await.status, 400);
}

#[tokio::test]
async fn device_and_client_flows_give_tokens() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let device = http
        .send("POST", "/device/code", &[], "scope=openid")
        .await
        .json();
    let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code";
    let body = format!(
        "grant_type={grant}&device_code={}",
        device["device_code"].as_str().unwrap()
    );
    let answer = http.send("POST", "/token", &[], body.clone()).await.json();
    assert_eq!(claims(answer["id_token"].as_str().unwrap())["email"], EMAIL);
    assert_eq!(http.send("POST", "/token", &[], body).await.status, 400);
    let answer = http
        .send("POST", "/token", &[], "grant_type=client_credentials")
        .await;
    assert_eq!(answer.status, 200);
    let answer = http
        .send("POST", "/token", &[], "grant_type=password")
        .await;
    assert_eq!(answer.json()["error"], "unsupported_grant_type");
}

#[tokio::test]
async fn another_host_gets_the_ambient_request_when_told_so() {
    let lab = lab().await;
    let http = Http::new(&lab);
    lab.set_faults(&[Fault::OidcRedirectOtherHost]);
    let answer = http.get("/gha/token?audience=sigstore").await;
    assert_eq!(answer.status, 302);
    assert!(answer.header("location").starts_with("http://127.0.0.1:"));
}
