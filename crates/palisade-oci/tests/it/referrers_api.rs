//! A real registry that has the referrers API: go-containerregistry's, in memory.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use palisade_oci::{BlobSource, push_layout};
use palisade_types::{Descriptor, ImageRef, Repository};
use tokio::process::{Child, Command};

use crate::peers::{peer, run, write_layout};
use crate::registry::{bundle_attachment, client};

/// Ends with this value.
struct Server {
    repository: Repository,
    _process: Child,
}

impl Server {
    async fn start() -> Option<Self> {
        let program = peer("ggcr-registry")?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        drop(listener);
        let process = Command::new(program)
            .arg(&host)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        for _ in 0..600 {
            if tokio::net::TcpStream::connect(&host).await.is_ok() {
                return Some(Self {
                    repository: format!("{host}/acme/app").parse().unwrap(),
                    _process: process,
                });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the registry did not start");
    }
}

#[tokio::test]
async fn its_list_shows_what_thirty_writers_attach_and_no_tag_is_written() {
    let Some(server) = Server::start().await else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let layout = dir.path().join("layout");
    let root = write_layout(&layout);
    let to = &server.repository;
    let image = push_layout(&client(), &layout, to, Some("v1"), None)
        .await
        .unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..30 {
        let (image, root) = (image.clone(), root.clone());
        writers.spawn(async move {
            let artifact = bundle_attachment(&format!("{{\"n\":{number}}}"));
            let attached = client().attach(&image, &root, &artifact).await;
            attached.unwrap().digest().to_string()
        });
    }
    let written: BTreeSet<String> = writers.join_all().await.into_iter().collect();
    assert_eq!(written.len(), 30);
    let reader = client();
    let found = reader.bundles(&image).await.unwrap();
    assert_eq!((found.bundles.len(), found.skipped.len()), (30, 0));
    // The list, and a manifest and a blob of each.
    assert_eq!(reader.requests_made(), 61);
    assert_eq!(client().tags(to).await.unwrap(), ["v1"]);
    if let Some(oras) = peer("oras") {
        let image = image.to_string();
        let args = ["discover", "--plain-http", "--format", "json", &image];
        let seen = run(&oras, dir.path(), &args).await;
        assert!(written.iter().all(|digest| seen.contains(digest)), "{seen}");
    }
    if let Some(cosign) = peer("cosign") {
        let tree = run(&cosign, dir.path(), &["tree", &image.to_string()]).await;
        assert!(written.iter().all(|digest| tree.contains(digest)), "{tree}");
    }
}

#[tokio::test]
async fn it_mounts_or_takes_what_another_repository_has() {
    let Some(server) = Server::start().await else {
        return;
    };
    let bytes = vec![7; 100_000];
    let blob = Descriptor::of("x", &bytes);
    let source = BlobSource::Bytes(bytes.clone());
    let registry = server.repository.registry();
    let base: Repository = format!("{registry}/acme/base").parse().unwrap();
    let client = client();
    client
        .push_blob(&base, &blob.digest, blob.size, &source)
        .await
        .unwrap();
    let to = &server.repository;
    client
        .push_blob_from(to, &blob.digest, blob.size, &source, Some(&base))
        .await
        .unwrap();
    assert!(client.blob(to, &blob, blob.size).await.unwrap() == bytes);
    let absent: ImageRef = format!("{to}:none").parse().unwrap();
    let error = client.resolve(&absent).await.unwrap_err();
    assert!(error.is_answer(), "{error}");
}
