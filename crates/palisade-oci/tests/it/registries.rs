//! One row for each registry that people use: how it logs in, who keeps the list of what is
//! attached, and what else it does in its own way. Each is played under its real name.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::Method;
use axum::response::Response;
use palisade_oci::{BlobSource, Client, ClientOptions, CredentialStore};
use palisade_types::{Descriptor, ImageRef, Repository};

use crate::registry::{Seen, bundle_attachment, reply};
use crate::tls::Internet;

/// `user:pw`
const BASIC: &str = "Basic dXNlcjpwdw==";
const NOT_FOUND: &str = r#"{"errors":[{"code":"NOT_FOUND","message":"not found"}]}"#;

/// How a registry wants to know who asks.
enum Login {
    Basic,
    /// An identity token, exchanged with POST at this token service.
    Identity(&'static str),
    /// A password, shown to this token service.
    Token(&'static str),
    /// The same with an identity token, where POST is answered with this status.
    TokenForIdentity(&'static str, u16),
}

struct Row {
    name: &'static str,
    /// The host in references, and the one of the API.
    host: &'static str,
    api: &'static str,
    login: Login,
    referrers_api: bool,
    /// What it does differently from a plain registry; counts the requests it answered so.
    quirk: fn(&Seen, u64) -> Option<Response>,
    /// How often that has to have happened, so that no row is empty.
    quirks_seen: u64,
}

#[expect(clippy::too_many_lines, reason = "one list, a row for each registry")]
fn rows() -> Vec<Row> {
    let row = |name, host, login, referrers_api, quirks_seen, quirk| Row {
        name,
        host,
        api: host,
        login,
        referrers_api,
        quirk,
        quirks_seen,
    };
    vec![
        row(
            "ACR",
            "acme.azurecr.io",
            Login::Identity("https://acme.azurecr.io/oauth2/token"),
            true,
            1,
            // Throttles its token service too.
            |seen, count| {
                let token = r#"{"access_token":"good"}"#;
                (seen.path == "/oauth2/token").then(|| match count {
                    0 => reply(429, &[("retry-after", "0")], ""),
                    _ => reply(200, &[], token),
                })
            },
        ),
        row(
            "distribution",
            "registry.acme.example",
            Login::Basic,
            false,
            1,
            // Does not see a blob that was just stored, for a moment.
            |seen, count| {
                let first = seen.is(&Method::PUT, "/manifests/sha256:") && count == 0;
                let body = r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}"#;
                first.then(|| reply(400, &[], body))
            },
        ),
        Row {
            api: "registry-1.docker.io",
            ..row(
                "Docker Hub",
                "docker.io",
                Login::Token("https://auth.docker.io/token"),
                true,
                1,
                |seen, count| {
                    let headers = [("ratelimit-limit", "100;w=21600"), ("retry-after", "0")];
                    let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#;
                    let first = seen.is(&Method::GET, "/manifests/") && count == 0;
                    first.then(|| reply(429, &headers, body))
                },
            )
        },
        row(
            "ECR",
            "000000000000.dkr.ecr.eu-central-1.amazonaws.com",
            Login::Basic,
            true,
            1,
            // Rejects media types with parameters.
            |seen, _| {
                let typed = seen.headers.get("content-type")?.to_str().ok()?;
                let put = seen.is(&Method::PUT, "/manifests/");
                let bad =
                    put && (typed.contains(';') || seen.body.windows(9).any(|w| w == b";version="));
                if bad {
                    return Some(reply(405, &[], "unsupported media type"));
                }
                // And names no Location for a manifest.
                put.then(|| reply(299, &[], ""))
            },
        ),
        row(
            "GAR",
            "europe-docker.pkg.dev",
            Login::TokenForIdentity("https://europe-docker.pkg.dev/v2/token", 404),
            true,
            1,
            // Shares no blobs between repositories: a mount is an upload.
            |seen, _| {
                let mount = seen.is(&Method::POST, "/uploads/") && seen.query.contains("mount=");
                mount.then(|| {
                    reply(
                        202,
                        &[("location", "/v2/acme/app/blobs/uploads/9?_state=a%2Fb%3D")],
                        "",
                    )
                })
            },
        ),
        row(
            "GHCR",
            "ghcr.io",
            Login::Token("https://ghcr.io/token"),
            false,
            1,
            // Takes no chunk above 4 MiB; a body without a range is none.
            |seen, _| {
                let chunk = seen.method == Method::PATCH || seen.method == Method::PUT;
                let ranged = seen.headers.contains_key("content-range");
                let refused = chunk && ranged && seen.body.len() > 4 << 20;
                if refused {
                    return Some(reply(416, &[], ""));
                }
                (seen.path.contains("/referrers/")).then(|| reply(404, &[], "404 page not found"))
            },
        ),
        row(
            "GitLab",
            "registry.gitlab.com",
            Login::Token("https://gitlab.com/jwt/auth"),
            false,
            0,
            |_, _| None,
        ),
        row(
            "Harbor",
            "harbor.acme.example",
            Login::Token("https://harbor.acme.example/service/token"),
            true,
            1,
            // A proxy project has no blob before it is read.
            |seen, _| {
                let head = seen.is(&Method::HEAD, "/blobs/");
                head.then(|| reply(404, &[], NOT_FOUND))
            },
        ),
        row(
            "Quay",
            "quay.io",
            Login::Token("https://quay.io/v2/auth"),
            true,
            1,
            // Fails where a mount names no source, and refuses one with a server error's cousin.
            |seen, _| {
                let start = seen.is(&Method::POST, "/uploads/");
                if !start || !seen.query.contains("mount=") {
                    return None;
                }
                let from = seen.query.contains("from=");
                Some(reply(if from { 400 } else { 500 }, &[], ""))
            },
        ),
        row(
            "zot",
            "zot.acme.example",
            Login::Basic,
            true,
            1,
            // Mounts, and takes no manifest above 4 MiB.
            |seen, _| {
                if seen.is(&Method::PUT, "/manifests/") && seen.body.len() > 4 << 20 {
                    return Some(reply(413, &[], ""));
                }
                let mount = seen.is(&Method::POST, "/uploads/") && seen.query.contains("mount=");
                mount.then(|| reply(201, &[("location", "/v2/acme/app/blobs/x")], ""))
            },
        ),
    ]
}

/// A registry as in this row, and how often its quirk showed.
async fn play(row: &Row) -> (Internet, std::sync::Arc<AtomicU64>) {
    let mut internet = Internet::start(row.api).await;
    if !row.referrers_api {
        internet.registry = internet.registry.without_referrers_api();
    }
    let count = std::sync::Arc::new(AtomicU64::new(0));
    let (quirk, seen_so_far) = (row.quirk, count.clone());
    internet.registry.on(move |seen| {
        let answer = quirk(seen, seen_so_far.load(Ordering::Relaxed))?;
        seen_so_far.fetch_add(1, Ordering::Relaxed);
        // "Done, but without what others say with it."
        (answer.status().as_u16() != 299).then_some(answer)
    });
    let (realm, post) = match row.login {
        Login::Basic => (None, 0),
        Login::Identity(realm) => (Some(realm), 200),
        Login::Token(realm) => (Some(realm), 405),
        Login::TokenForIdentity(realm, status) => (Some(realm), status),
    };
    internet.registry.on(move |seen| {
        let Some(realm) = realm else {
            let challenge = [("www-authenticate", "Basic realm=\"r\"")];
            return (seen.authorization() != Some(BASIC)).then(|| reply(401, &challenge, ""));
        };
        if realm.ends_with(&seen.path)
            && realm.contains(&seen.host)
            && !seen.path.contains("/acme/")
        {
            let token = r#"{"access_token":"good","token":"good","expires_in":300}"#;
            let form = String::from_utf8_lossy(&seen.body).contains("refresh_token=identity");
            return match seen.authorization() {
                // Comes after the quirk's turn, which may have throttled it.
                None if seen.method == Method::POST && post == 200 && form => None,
                None if seen.method == Method::POST => Some(reply(post, &[], "")),
                Some(BASIC | "Basic PHRva2VuPjppZGVudGl0eQ==") => Some(reply(200, &[], token)),
                _ => Some(reply(401, &[], "who are you?")),
            };
        }
        let challenge = format!("Bearer realm=\"{realm}\",service=\"svc\"");
        let known = seen.authorization() == Some("Bearer good");
        (!known).then(|| reply(401, &[("www-authenticate", &challenge)], ""))
    });
    (internet, count)
}

fn credentials(row: &Row) -> CredentialStore {
    let key = match row.host {
        "docker.io" => "https://index.docker.io/v1/",
        host => host,
    };
    let entry = match row.login {
        Login::Basic | Login::Token(_) => r#""auth":"dXNlcjpwdw==""#,
        Login::Identity(_) | Login::TokenForIdentity(..) => r#""identitytoken":"identity""#,
    };
    let config = format!("{{\"auths\":{{\"{key}\":{{{entry}}}}}}}");
    CredentialStore::from_docker_config(config.as_bytes()).unwrap()
}

#[tokio::test]
async fn every_registry_is_read_written_and_attached_to_in_its_own_way() {
    for row in rows() {
        let (internet, quirks) = play(&row).await;
        let registry = &internet.registry;
        let image = registry.put_image("v1", ("linux", "amd64"));
        let repository: Repository = format!("{}/acme/app", row.host).parse().unwrap();
        let client = Client::new(ClientOptions {
            credentials: credentials(&row),
            ..internet.options()
        });
        let name = row.name;
        // Read, by tag.
        let tag: ImageRef = format!("{repository}:v1").parse().unwrap();
        let resolved = client.resolve(&tag).await;
        assert_eq!(
            resolved.expect(name).image.digest(),
            &image.digest,
            "{name}"
        );
        // Push a blob that is above one request, offered by another repository first.
        let bytes = vec![7; (4 << 20) + 1];
        let blob = Descriptor::of("x", &bytes);
        let other = format!("{}/acme/base", row.host).parse().unwrap();
        let source = BlobSource::Bytes(bytes.clone());
        client
            .push_blob_from(&repository, &blob.digest, blob.size, &source, Some(&other))
            .await
            .expect(name);
        if name != "zot" {
            let got = client.blob(&repository, &blob, blob.size).await;
            assert!(got.expect(name) == bytes, "{name}");
        }
        // Attach, and find it.
        let pinned = repository.pin(image.digest.clone());
        client
            .attach(&pinned, &image, &bundle_attachment("{}"))
            .await
            .expect(name);
        let found = client.bundles(&pinned).await.expect(name);
        assert_eq!((found.bundles.len(), found.skipped.len()), (1, 0), "{name}");
        let fallback = format!("sha256-{}", image.digest.hex());
        assert_eq!(
            registry.manifest(&fallback).is_some(),
            !row.referrers_api,
            "{name}"
        );
        assert!(
            quirks.load(Ordering::Relaxed) >= row.quirks_seen,
            "{name}: its quirk did not show"
        );
        // One login serves it all, and nobody else was spoken to.
        let hosts = internet.connects();
        let realm = match row.login {
            Login::Basic => "",
            Login::Identity(realm) | Login::Token(realm) | Login::TokenForIdentity(realm, _) => {
                realm
            }
        };
        let known = |host: &String| {
            let host = host.trim_end_matches(":443");
            host == row.api || realm.starts_with(&format!("https://{host}/"))
        };
        assert!(hosts.iter().all(known), "{name}: {hosts:?}");
    }
}

/// GitLab reads the fallback tag as the digest in it: what hangs on the image itself is not
/// attached to it.
#[tokio::test]
async fn a_fallback_tag_that_means_the_image_lists_nothing() {
    let rows = rows();
    let row = rows.iter().find(|row| row.name == "GitLab").unwrap();
    let (internet, _) = play(row).await;
    let registry = &internet.registry;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let bytes = registry.manifest("v1").unwrap().to_string();
    registry.put_manifest(
        palisade_oci::media::OCI_MANIFEST,
        bytes.as_bytes(),
        Some(&format!("sha256-{}", image.digest.hex())),
    );
    let client = Client::new(ClientOptions {
        credentials: credentials(row),
        ..internet.options()
    });
    let found = client.bundles(&registry.pin(&image.digest)).await.unwrap();
    assert!(found.bundles.is_empty() && found.skipped.is_empty());
}
