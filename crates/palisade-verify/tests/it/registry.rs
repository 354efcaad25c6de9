//! A tiny registry that serves the recorded repository, counts requests and can misbehave.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::fixture;

/// The recorded image.
pub(crate) const IMAGE: &str =
    "sha256:6ab23dd8d2c1af23e0a74e3ba983ac6681d2f58abd63bea4949a9c90a08eac27";
/// The manifest that holds the image's signature, and its bundle.
pub(crate) const SIGNATURE: &str =
    "sha256:2a7b08a4fd9d71931761c966c93c28f7c345790d660454df17770f8f95ac2d3d";
/// The manifest that holds a provenance attestation.
pub(crate) const ATTESTATION: &str =
    "sha256:a0c2aa49b21aafd16f10baf36abbd9921506c2ace0e4be11d155bc90ddad1469";

/// How the registry behaves.
#[derive(Clone, Default)]
pub(crate) struct Setup {
    /// The manifests that are listed as attached to the image.
    pub(crate) attached: Vec<&'static str>,
    /// Whether the list has an API; without one it stands under the fallback tag.
    pub(crate) api: bool,
    /// Answers instead of the right ones, by the end of the path.
    pub(crate) instead: BTreeMap<&'static str, (u16, Vec<u8>)>,
    /// What goes wrong with the answer, by the end of the path.
    pub(crate) trouble: BTreeMap<&'static str, Trouble>,
}

/// What goes wrong with an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// The body ends in the middle.
    Cut,
    /// "Too many requests", and when to come back; only the first so many times.
    Limited { retry_after: u32, times: usize },
    /// Nothing is sent for this long.
    Slow(Duration),
}

/// A running registry. It serves until the test process ends.
pub(crate) struct Registry {
    pub(crate) host: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    pub(crate) fn start(setup: Setup) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = format!("localhost:{}", listener.local_addr().unwrap().port());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&requests);
        let setup = Arc::new(setup);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (setup, log) = (Arc::clone(&setup), Arc::clone(&log));
                // One thread for each, so that a slow answer holds up no other.
                std::thread::spawn(move || {
                    // A client that went away needs no answer.
                    let _gone = serve(stream, &setup, &log);
                });
            }
        });
        Self { host, requests }
    }

    /// The image by digest.
    pub(crate) fn by_digest(&self) -> String {
        format!("{}/demo/app@{IMAGE}", self.host)
    }

    /// The image by tag.
    pub(crate) fn by_tag(&self) -> String {
        format!("{}/demo/app:1.0", self.host)
    }

    /// The requests so far: method and the path after the repository.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, setup: &Setup, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let mut words = line.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().unwrap_or_default().to_owned();
    let path = path.trim_start_matches("/v2/demo/app/").to_owned();
    let line = format!("{method} {path}");
    let before = {
        let mut log = log.lock().unwrap();
        let before = log.iter().filter(|earlier| **earlier == line).count();
        log.push(line);
        before
    };
    let (mut status, media_type, body) = answer(&path, setup);
    let trouble = setup.trouble.iter().find(|(end, _)| path.ends_with(**end));
    let trouble = trouble.map(|(_, trouble)| *trouble);
    let mut more = String::new();
    match trouble {
        Some(Trouble::Limited { retry_after, times }) if before < times => {
            status = 429;
            more = format!("Retry-After: {retry_after}\r\n");
        }
        Some(Trouble::Slow(wait)) => std::thread::sleep(wait),
        _ => {}
    }
    let digest = resolve(&path).map_or(String::new(), |digest| {
        format!("Docker-Content-Digest: {digest}\r\n")
    });
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nContent-Type: {media_type}\r\n{digest}{more}"
    );
    let mut stream = stream;
    write!(stream, "{head}Connection: close\r\n\r\n")?;
    if method != "HEAD" {
        let sent = match trouble {
            Some(Trouble::Cut) => &body[..body.len() / 2],
            _ => &body[..],
        };
        stream.write_all(sent)?;
    }
    stream.flush()
}

/// The digest that a manifest's path names.
fn resolve(path: &str) -> Option<&str> {
    match path.strip_prefix("manifests/")? {
        "1.0" => Some(IMAGE),
        digest if digest.starts_with("sha256:") => Some(digest),
        _ => None,
    }
}

fn answer(path: &str, setup: &Setup) -> (u16, String, Vec<u8>) {
    let octets = || "application/octet-stream".to_owned();
    if let Some((_, (status, body))) = setup.instead.iter().find(|(end, _)| path.ends_with(**end)) {
        return (
            *status,
            media_type(body).unwrap_or_else(octets),
            body.clone(),
        );
    }
    let fallback = format!("manifests/{}", IMAGE.replace(':', "-"));
    let listed = (setup.api && path.starts_with("referrers/"))
        || (!setup.api && path == fallback && !setup.attached.is_empty());
    let body = if listed {
        Some(list(&setup.attached))
    } else {
        let digest = resolve(path).or_else(|| path.strip_prefix("blobs/"));
        digest.and_then(blob)
    };
    match body {
        Some(body) => (200, media_type(&body).unwrap_or_else(octets), body),
        None => (
            404,
            "application/json".to_owned(),
            b"{\"errors\":[]}".to_vec(),
        ),
    }
}

pub(crate) fn blob(digest: &str) -> Option<Vec<u8>> {
    let hex = digest.strip_prefix("sha256:")?;
    std::fs::read(fixture("registry/blobs/sha256").join(hex)).ok()
}

fn media_type(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    value["mediaType"].as_str().map(str::to_owned)
}

/// The index that lists these manifests as cosign writes it.
fn list(manifests: &[&str]) -> Vec<u8> {
    let descriptor = |digest: &&str| {
        json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "size": blob(digest).map_or(1, |bytes| bytes.len()),
            "digest": digest,
            "artifactType": "application/vnd.oci.empty.v1+json",
        })
    };
    let manifests: Vec<_> = manifests.iter().map(descriptor).collect();
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    })
    .to_string()
    .into_bytes()
}
