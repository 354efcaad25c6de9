//! Passwords and tokens of the registry.

use palisade_lab::{Config, Fault, Lab};

use crate::support::{Http, b64};

async fn lab(token_auth: bool) -> Lab {
    let registry_auth = Some(("user".to_owned(), "pass".to_owned()));
    Lab::start(Config {
        registry_auth,
        token_auth,
        ..Config::default()
    })
    .await
    .unwrap()
}

fn basic(login: &str) -> String {
    format!("Basic {}", b64(login.as_bytes()))
}

async fn status(http: &Http, path: &str, authorization: &str) -> u16 {
    http.send("GET", path, &[("authorization", authorization)], "")
        .await
        .status
}

async fn token(http: &Http, scope: &str) -> String {
    let path = format!("/registry/token?service=palisade-lab&scope={scope}");
    let login = basic("user:pass");
    let answer = http
        .send("GET", &path, &[("authorization", &login)], "")
        .await
        .json();
    format!("Bearer {}", answer["token"].as_str().unwrap())
}

#[tokio::test]
async fn basic_lets_the_right_password_in_and_no_other() {
    let lab = lab(false).await;
    let http = Http::new(&lab);
    let refused = http.get("/v2/").await;
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").starts_with("Basic "));
    assert_eq!(status(&http, "/v2/", &basic("user:pass")).await, 200);
    assert_eq!(status(&http, "/v2/", &basic("user:past")).await, 401);
    assert_eq!(
        status(&http, "/v2/a/tags/list", &basic("user:pass")).await,
        404
    );
    lab.set_faults(&[Fault::Registry401]);
    assert_eq!(status(&http, "/v2/", &basic("user:pass")).await, 401);
}

#[tokio::test]
async fn a_token_opens_what_its_scope_names_and_nothing_else() {
    let lab = lab(true).await;
    let http = Http::new(&lab);
    let challenge = http.get("/v2/acme/app/tags/list").await;
    assert_eq!(
        challenge.header("www-authenticate"),
        format!(
            "Bearer realm=\"{}/registry/token\",service=\"palisade-lab\",\
             scope=\"repository:acme/app:pull\"",
            lab.base()
        )
    );
    let pull = token(&http, "repository:acme/app:pull").await;
    assert_eq!(status(&http, "/v2/", &pull).await, 200);
    assert_eq!(status(&http, "/v2/acme/app/tags/list", &pull).await, 404);
    assert_eq!(status(&http, "/v2/acme/app2/tags/list", &pull).await, 401);
    assert_eq!(
        status(&http, "/v2/acme/app/tags/list", "Bearer other").await,
        401
    );
    assert_eq!(
        status(&http, "/v2/acme/app/tags/list", &basic("user:pass")).await,
        401
    );
    let upload = "/v2/acme/app/blobs/uploads/";
    let begin = async |token: &str| {
        http.send("POST", upload, &[("authorization", token)], "")
            .await
            .status
    };
    assert_eq!(begin(&pull).await, 401);
    let push = token(&http, "repository:acme/app:pull,push").await;
    assert_eq!(begin(&push).await, 202);
    let wrong = basic("user:past");
    let path = "/registry/token?scope=repository:acme/app:pull";
    assert_eq!(status(&http, path, &wrong).await, 401);
}

#[tokio::test]
async fn a_mount_needs_pull_on_its_source() {
    let lab = lab(true).await;
    let http = Http::new(&lab);
    let digest = crate::support::digest(b"bytes");
    let from = token(&http, "repository:from/here:pull,push").await;
    let path = format!("/v2/from/here/blobs/uploads/?digest={digest}");
    assert_eq!(
        http.send("POST", &path, &[("authorization", &from)], "bytes")
            .await
            .status,
        201
    );
    let path = format!("/v2/to/there/blobs/uploads/?mount={digest}&from=from/here");
    let one = token(&http, "repository:to/there:pull,push").await;
    assert_eq!(
        http.send("POST", &path, &[("authorization", &one)], "")
            .await
            .status,
        202
    );
    let scopes = "repository:to/there:pull,push&scope=repository:from/here:pull";
    let both = token(&http, scopes).await;
    assert_eq!(
        http.send("POST", &path, &[("authorization", &both)], "")
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn the_realm_is_on_another_host_when_told_so_and_the_lab_sees_who_follows() {
    for token_auth in [false, true] {
        let lab = lab(token_auth).await;
        let http = Http::new(&lab);
        lab.set_faults(&[Fault::RegistryRealmOtherHost]);
        let refused = http.get("/v2/").await;
        let realm = refused
            .header("www-authenticate")
            .split('"')
            .nth(1)
            .unwrap()
            .to_owned();
        assert!(realm.starts_with("http://127.0.0.1:"), "{realm}");
        lab.clear_requests();
        http.send("GET", &realm, &[("authorization", &basic("user:pass"))], "")
            .await;
        let requests = lab.requests();
        assert!(requests[0].host.starts_with("127.0.0.1:") && requests[0].authorized);
    }
}
