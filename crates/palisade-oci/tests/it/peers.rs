//! Real software reads what we wrote, and we read what it wrote. A peer that is not there
//! (`cargo xtask peers` brings them) makes its test say so and pass.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use palisade_oci::layout::LayoutWriter;
use palisade_oci::{Location, layers, media, push_layout};
use palisade_types::{Descriptor, Repository, Timestamp};
use tokio::process::{Child, Command};

use crate::layouts::{config, file};
use crate::registry::{bundle_attachment, client};

/// The program with this name, if it was fetched.
pub(crate) fn peer(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = root.join("../../.peers/bin").join(name);
    if !program.exists() {
        assert!(!in_ci(), "CI has every peer, but {name} is absent");
        // The test harness swallows what a passing test prints; not what it writes there.
        let line = format!("SKIPPED: no {name}; run `cargo xtask peers`\n");
        std::fs::write("/dev/stderr", line).ok();
        return None;
    }
    Some(program)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test reads no settings of the product"
)]
fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// What the program prints, when it succeeds.
pub(crate) async fn run(program: &Path, home: &Path, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .env("HOME", home)
        .env("DOCKER_CONFIG", home)
        .output()
        .await
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{} {args:?}: {errors}",
        program.display()
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A real registry. Ends with this value.
struct Server {
    repository: Repository,
    _process: Child,
}

impl Server {
    /// distribution 2.8, which has no referrers API.
    async fn distribution(dir: &Path) -> Option<Self> {
        let program = peer("docker-registry")?;
        let host = free_port().await;
        let storage = dir.join("registry");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: {host}}}\n",
            storage.display()
        );
        let file = dir.join("registry.yml");
        std::fs::write(&file, text).unwrap();
        let args = ["serve", file.to_str().unwrap()];
        Some(Self::start(&program, &args, &host).await)
    }

    /// crane's, which has the referrers API.
    async fn crane() -> Option<Self> {
        let program = peer("crane")?;
        let host = free_port().await;
        let args = ["registry", "serve", "--address", &host];
        Some(Self::start(&program, &args, &host).await)
    }

    async fn start(program: &Path, args: &[&str], host: &str) -> Self {
        let process = Command::new(program)
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        for _ in 0..600 {
            if tokio::net::TcpStream::connect(host).await.is_ok() {
                return Self {
                    repository: format!("{host}/acme/app").parse().unwrap(),
                    _process: process,
                };
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} did not start", program.display());
    }
}

async fn free_port() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A layout with an index over two platforms and a layer above the size of one request.
pub(crate) fn write_layout(dir: &Path) -> Descriptor {
    let created = Timestamp::from_second(1_700_000_000).unwrap();
    let mut writer = LayoutWriter::create(dir, created).unwrap();
    // Does not compress, so that the upload takes the way of large blobs.
    let mut state = 1_u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        u8::try_from(state >> 56).unwrap()
    };
    let large: Vec<u8> = std::iter::repeat_with(&mut noise).take(6 << 20).collect();
    let files = [
        file("usr/bin/app", &large),
        file("etc/os-release", b"ID=test\n"),
    ];
    let layer = writer.add_layer_from_files(&files, "palisade").unwrap();
    let amd64 = writer
        .add_image(&config("linux/amd64"), std::slice::from_ref(&layer))
        .unwrap();
    let arm64 = writer
        .add_image(&config("linux/arm64/v8"), &[layer])
        .unwrap();
    let root = writer.add_index(&[amd64, arm64]).unwrap();
    writer.finish(&root, Some("v1")).unwrap();
    root
}

/// Attack: `reg_strict_blobs`. distribution refuses a manifest whose blobs or children are missing.
#[tokio::test]
async fn crane_reads_what_we_push_and_we_read_what_crane_pulls() {
    let dir = tempfile::tempdir().unwrap();
    let Some(registry) = Server::distribution(dir.path()).await else {
        return;
    };
    let Some(crane) = peer("crane") else { return };
    let root = write_layout(&dir.path().join("layout"));
    let client = client();
    let to = &registry.repository;
    let image = push_layout(&client, &dir.path().join("layout"), to, Some("v1"), None)
        .await
        .unwrap();
    let tag = format!("{to}:v1");
    let digest = run(&crane, dir.path(), &["digest", &tag]).await;
    assert_eq!(digest.trim(), root.digest.to_string());
    run(
        &crane,
        dir.path(),
        &["validate", "--remote", &image.to_string()],
    )
    .await;
    let config = run(
        &crane,
        dir.path(),
        &["config", "--platform", "linux/amd64", &tag],
    )
    .await;
    assert!(config.contains("65532"), "{config}");
    let pulled = dir.path().join("pulled").display().to_string();
    run(
        &crane,
        dir.path(),
        &["pull", "--format", "oci", &tag, &pulled],
    )
    .await;
    let location: Location = format!("oci:{pulled}").parse().unwrap();
    let subject = client.freeze(location.clone()).await.unwrap();
    assert_eq!(subject.image.digest(), &root.digest);
    let release = |entry: &layers::Entry<'_>| (entry.path == "etc/os-release").then_some(100);
    let leaf = &subject.leaves[0];
    let files = layers::read_files(&client, &location, leaf, release)
        .await
        .unwrap();
    assert_eq!(files[0].bytes, b"ID=test\n");
}

#[tokio::test]
async fn a_hundred_writers_survive_without_the_referrers_api_and_oras_and_cosign_see_them() {
    let dir = tempfile::tempdir().unwrap();
    if let Some(server) = Server::distribution(dir.path()).await {
        a_hundred_writers_survive(&server, dir.path()).await;
    }
}

#[tokio::test]
async fn a_hundred_writers_survive_with_the_referrers_api_and_oras_and_cosign_see_them() {
    let dir = tempfile::tempdir().unwrap();
    if let Some(server) = Server::crane().await {
        a_hundred_writers_survive(&server, dir.path()).await;
    }
}

/// Ten clients that do not know of each other, as ten processes would, with ten writers each.
async fn a_hundred_writers_survive(server: &Server, dir: &Path) {
    write_layout(&dir.join("layout"));
    let layout = dir.join("layout");
    let image = push_layout(&client(), &layout, &server.repository, Some("v1"), None)
        .await
        .unwrap();
    let descriptor = client().manifest(&image).await.unwrap().descriptor;
    let clients: Vec<_> = std::iter::repeat_with(client).take(10).collect();
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..100 {
        let (image, descriptor) = (image.clone(), descriptor.clone());
        let client = clients[number % 10].clone();
        writers.spawn(async move {
            let artifact = bundle_attachment(&format!("{{\"n\":{number}}}"));
            let attached = client.attach(&image, &descriptor, &artifact).await.unwrap();
            attached.digest().to_string()
        });
    }
    let written: BTreeSet<String> = writers.join_all().await.into_iter().collect();
    let found = client().bundles(&image).await.unwrap();
    assert_eq!((found.bundles.len(), found.skipped.len()), (100, 0));
    if let Some(oras) = peer("oras") {
        let args = [
            "discover",
            "--plain-http",
            "--format",
            "json",
            &image.to_string(),
        ];
        let seen = run(&oras, dir, &args).await;
        let seen: serde_json::Value = serde_json::from_str(&seen).unwrap();
        let seen = seen["referrers"].as_array().unwrap();
        let digests: BTreeSet<String> = seen
            .iter()
            .inspect(|entry| assert_eq!(entry["artifactType"], media::SIGSTORE_BUNDLE))
            .map(|entry| entry["digest"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(digests, written);
    }
    if let Some(cosign) = peer("cosign") {
        let tree = run(&cosign, dir, &["tree", &image.to_string()]).await;
        for digest in &written {
            assert!(tree.contains(digest), "{digest} is not in {tree}");
        }
    }
}

#[tokio::test]
async fn what_oras_attaches_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let Some(registry) = Server::distribution(dir.path()).await else {
        return;
    };
    let Some(oras) = peer("oras") else { return };
    write_layout(&dir.path().join("layout"));
    let layout = dir.path().join("layout");
    let image = push_layout(&client(), &layout, &registry.repository, None, None)
        .await
        .unwrap();
    let bundle = dir.path().join("bundle.json");
    std::fs::write(&bundle, b"{}").unwrap();
    let file = format!("{}:{}", bundle.display(), media::SIGSTORE_BUNDLE);
    let target = image.to_string();
    let kind = media::SIGSTORE_BUNDLE;
    let args = [
        "attach",
        "--plain-http",
        "--disable-path-validation",
        "--artifact-type",
        kind,
        &target,
        &file,
    ];
    run(&oras, dir.path(), &args).await;
    let found = client().bundles(&image).await.unwrap();
    assert_eq!(found.bundles.len(), 1, "{:?}", found.skipped);
    assert_eq!(found.bundles[0].bytes, b"{}");
}
