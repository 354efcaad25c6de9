//! Where the identity comes from in each CI service, and what is said when it does not come.

use std::os::unix::fs::PermissionsExt as _;

use palisade_lab::SigningConfigKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{EMAIL, Run, World, run};

/// Signs with nothing but this environment.
async fn sign(world: &World, environment: &[(&str, &str)], more: &[&str]) -> Run {
    let mut args = vec!["image".to_owned(), world.image.clone()];
    args.extend(world.lab_flags(SigningConfigKind::V2));
    args.extend(more.iter().map(|&arg| arg.to_owned()));
    run(&args, environment, &world.lab.email_token(EMAIL)).await
}

/// A folder whose one program does this.
fn program(world: &World, name: &str, script: &str) -> String {
    let dir = world.file("bin");
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    dir.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn buildkite_and_circleci_are_asked_through_their_own_programs() {
    let world = World::new().await;
    for (variable, name, arguments) in [
        (
            "BUILDKITE",
            "buildkite-agent",
            "oidc request-token --audience sigstore",
        ),
        (
            "CIRCLECI",
            "circleci",
            r#"run oidc get --root-issuer --claims {"aud":"sigstore"}"#,
        ),
    ] {
        let token = world.lab.email_token(EMAIL);
        let path = program(
            &world,
            name,
            &format!("[ \"$*\" = '{arguments}' ] && echo {token}"),
        );
        let run = sign(&world, &[(variable, "true"), ("PATH", &path)], &[]).await;
        assert_eq!(run.code, 0, "{run:?}");
        program(&world, name, "echo no permission >&2; echo secret; exit 3");
        let run = sign(&world, &[(variable, "true"), ("PATH", &path)], &[]).await;
        assert_eq!(run.code, 3, "{run:?}");
        assert!(run.err.contains("no permission"), "{run:?}");
        assert!(!run.err.contains("secret"), "{run:?}");
        let run = sign(&world, &[(variable, "true"), ("PATH", "/nowhere")], &[]).await;
        assert_eq!(run.code, 3, "{run:?}");
        assert!(run.err.contains(name), "{run:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_of_google_cloud_asks_its_metadata_server() {
    let world = World::new().await;
    let token = world.lab.email_token(EMAIL);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        let length = token.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{token}");
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    });
    let run = sign(&world, &[("GCE_METADATA_HOST", &host)], &[]).await;
    assert_eq!(run.code, 0, "{run:?}");
    let asked = server.await.unwrap();
    assert!(
        asked.contains("identity?audience=sigstore&format=full"),
        "{asked}"
    );
    assert!(
        asked.to_lowercase().contains("metadata-flavor: google"),
        "{asked}"
    );
    // Plain HTTP is for that server alone.
    let run = sign(&world, &[("GCE_METADATA_HOST", "metadata.evil.test")], &[]).await;
    assert_eq!(run.code, 2, "{run:?}");
}

/// What a metadata server answers is the token to sign with, and it answers over plain HTTP.
#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_sees_what_the_metadata_server_or_this_machine_is_asked() {
    let world = World::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let everything = [
        ("ALL_PROXY", &*proxy),
        ("HTTP_PROXY", &proxy),
        ("HTTPS_PROXY", &proxy),
        ("http_proxy", &proxy),
    ];
    let google = [
        &everything[..],
        &[("GCE_METADATA_HOST", "metadata.google.internal")],
    ]
    .concat();
    let run = sign(&world, &google, &[]).await;
    assert_eq!(run.code, 3, "no such machine is here: {run:?}");
    let token = world.lab.email_token(EMAIL);
    let local = [&everything[..], &[("SIGSTORE_ID_TOKEN", &*token)]].concat();
    let run = sign(&world, &local, &[]).await;
    assert_eq!(run.code, 0, "{run:?}");
    let wait = std::time::Duration::from_millis(50);
    let came = tokio::time::timeout(wait, listener.accept()).await;
    assert!(came.is_err(), "the proxy was asked: {came:?}");
}

/// Attack: `oidc_ci_without_permission`.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_every_place_is_named_and_what_this_ci_lacks() {
    let world = World::new().await;
    let gitlab = sign(&world, &[("GITLAB_CI", "true")], &[]).await;
    assert_eq!(gitlab.code, 2, "{gitlab:?}");
    assert!(
        gitlab.err.contains("`id_tokens: SIGSTORE_ID_TOKEN"),
        "{gitlab:?}"
    );
    for place in [
        "GitHub Actions",
        "Buildkite",
        "CircleCI",
        "Google Cloud",
        "SPIFFE",
    ] {
        assert!(gitlab.err.contains(place), "{place}: {gitlab:?}");
    }
    assert!(
        gitlab.err.contains("let the job have `id_tokens"),
        "{gitlab:?}"
    );
    let nowhere = sign(&world, &[], &[]).await;
    assert_eq!(nowhere.code, 2, "{nowhere:?}");
    assert!(nowhere.err.contains("--oidc-flow browser"), "{nowhere:?}");
    // What GitHub does not permit is not asked of the machine instead.
    let github = [
        ("GITHUB_ACTIONS", "true"),
        ("BUILDKITE", "true"),
        ("PATH", "/nowhere"),
    ];
    let github = sign(&world, &github, &[]).await;
    assert_eq!(github.code, 2, "{github:?}");
    assert!(github.err.contains("id-token: write"), "{github:?}");
}

/// Attack: `oidc_ci_without_permission`.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_on_a_device_and_never_in_ci() {
    let world = World::new().await;
    let run = sign(&world, &[], &["--oidc-flow=device"]).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.err.contains("type the code LAB-CODE"), "{run:?}");
    world.lab.clear_requests();
    for flow in ["--oidc-flow=device", "--oidc-flow=browser"] {
        let run = sign(&world, &[("CI", "true")], &[flow]).await;
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.err.contains("sign::nobody"), "{run:?}");
    }
    assert!(world.lab.requests().is_empty());
}
