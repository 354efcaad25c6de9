//! Layouts: written deterministically, read back, archived, pushed.

use std::fs;
use std::path::Path;

use palisade_oci::layout::{Content, ImageConfig, LayerFile, Layout, LayoutWriter};
use palisade_oci::{Error, Location, layers, push_layout};
use palisade_types::{Descriptor, Timestamp};

use crate::registry::{Registry, client};

pub(crate) fn file(path: &str, content: &[u8]) -> LayerFile {
    LayerFile {
        path: path.to_owned(),
        content: Content::Bytes(content.to_vec()),
        mode: 0o755,
    }
}

pub(crate) fn config(platform: &str) -> ImageConfig {
    ImageConfig {
        platform: platform.parse().unwrap(),
        entrypoint: vec!["/app".to_owned()],
        cmd: Vec::new(),
        env: vec!["PATH=/bin".to_owned()],
        user: "65532:65532".to_owned(),
        working_dir: String::new(),
        labels: [("a".to_owned(), "b".to_owned())].into(),
    }
}

/// An index over two platforms, tagged `v1`.
fn write(dir: &Path, content: &[u8]) -> Descriptor {
    let created = Timestamp::from_second(1_700_000_000).unwrap();
    let mut writer = LayoutWriter::create(dir, created).unwrap();
    let files = [
        file("usr/bin/app", content),
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

fn location(dir: &Path) -> Location {
    format!("oci:{}", dir.display()).parse().unwrap()
}

/// Every file below, with its bytes.
fn tree(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            found.push((name, fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn the_same_input_gives_the_same_bytes_and_another_byte_another_digest() {
    let [a, b, c] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let first = write(a.path(), b"content");
    let second = write(b.path(), b"content");
    let third = write(c.path(), b"kontent");
    assert_eq!(first, second);
    assert_eq!(tree(a.path()), tree(b.path()));
    assert_ne!(first.digest, third.digest);
}

#[tokio::test]
async fn what_was_written_is_frozen_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let root = write(dir.path(), b"content");
    let client = client();
    let subject = client.freeze(location(dir.path())).await.unwrap();
    assert_eq!(
        subject.image.to_string(),
        format!("oci-layout.invalid/image@{}", root.digest)
    );
    let platforms: Vec<_> = subject
        .leaves
        .iter()
        .map(|leaf| leaf.platform.to_string())
        .collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64/v8"]);
    let all = |entry: &layers::Entry<'_>| Some(entry.size);
    let place = location(dir.path());
    let files = layers::read_files(&client, &place, &subject.leaves[1], all)
        .await
        .unwrap();
    let names: Vec<_> = files
        .iter()
        .map(|f| (f.path.as_str(), f.bytes.as_slice()))
        .collect();
    assert_eq!(
        names,
        [
            ("etc/os-release", b"ID=test\n".as_slice()),
            ("usr/bin/app", b"content")
        ]
    );
    assert_eq!(files[0].mode, 0o755);
    assert_eq!(client.requests_made(), 0);
}

#[tokio::test]
async fn an_archive_reads_like_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    let root = write(&dir.path().join("layout"), b"content");
    let archive = dir.path().join("image.tar");
    let mut tar = tar::Builder::new(fs::File::create(&archive).unwrap());
    tar.append_dir_all(".", dir.path().join("layout")).unwrap();
    tar.finish().unwrap();
    let location: Location = format!("oci-archive:{}:v1", archive.display())
        .parse()
        .unwrap();
    let subject = client().freeze(location.clone()).await.unwrap();
    assert_eq!(subject.image.digest(), &root.digest);
    let app = |entry: &layers::Entry<'_>| (entry.path == "usr/bin/app").then_some(100);
    let files = layers::read_files(&client(), &location, &subject.leaves[0], app)
        .await
        .unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].bytes, b"content");
}

#[tokio::test]
async fn a_flipped_byte_in_a_blob_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let root = write(dir.path(), b"content");
    let path = dir.path().join("blobs/sha256").join(root.digest.hex());
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] = b' ';
    fs::write(&path, bytes).unwrap();
    let error = client().freeze(location(dir.path())).await.unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
}

#[tokio::test]
async fn a_pushed_layout_is_the_same_image() {
    let registry = Registry::start().await;
    let dir = tempfile::tempdir().unwrap();
    let root = write(dir.path(), b"content");
    let client = client();
    let image = push_layout(
        &client,
        dir.path(),
        &registry.repository(),
        Some("v1"),
        None,
    )
    .await
    .unwrap();
    assert_eq!(image, registry.pin(&root.digest));
    let there = client.freeze(registry.image("v1")).await.unwrap();
    let here = client.freeze(location(dir.path())).await.unwrap();
    assert_eq!(there.leaves, here.leaves);
    assert_eq!(there.descriptor, here.descriptor);
    let app = |entry: &layers::Entry<'_>| (entry.path == "usr/bin/app").then_some(100);
    let from = Location::from(&image);
    let files = layers::read_files(&client, &from, &there.leaves[0], app)
        .await
        .unwrap();
    assert_eq!(files[0].bytes, b"content");
    // Children come before the index that names them.
    let puts: Vec<_> = registry
        .lines()
        .into_iter()
        .filter(|l| l.contains("PUT /v2/acme/app/manifests"))
        .collect();
    assert!(puts[2].ends_with(&root.digest.to_string()), "{puts:?}");
    assert!(puts[3].ends_with("/v1"), "{puts:?}");
}

#[test]
fn a_layout_says_which_image_or_asks() {
    let dir = tempfile::tempdir().unwrap();
    let root = write(dir.path(), b"content");
    let layout = Layout::open(dir.path()).unwrap();
    assert_eq!(layout.find(None).unwrap().digest, root.digest);
    assert_eq!(layout.find(Some("v1")).unwrap().digest, root.digest);
    assert_eq!(
        layout.find(Some(&root.digest.to_string())).unwrap().digest,
        root.digest
    );
    assert!(matches!(layout.find(Some("v2")), Err(Error::Usage(_))));
    let index = dir.path().join("index.json");
    let mut value: serde_json::Value = serde_json::from_slice(&fs::read(&index).unwrap()).unwrap();
    let mut second = value["manifests"][0].clone();
    second["digest"] = serde_json::json!(palisade_types::Digest::sha256_of(b"2"));
    value["manifests"].as_array_mut().unwrap().push(second);
    fs::write(&index, value.to_string()).unwrap();
    let layout = Layout::open(dir.path()).unwrap();
    assert!(matches!(layout.find(None), Err(Error::Usage(_))));
}

#[test]
fn folders_that_are_no_layout_and_paths_that_climb_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Layout::open(dir.path()).is_err());
    fs::write(
        dir.path().join("oci-layout"),
        r#"{"imageLayoutVersion":"2.0.0"}"#,
    )
    .unwrap();
    fs::write(dir.path().join("index.json"), r#"{"manifests":[]}"#).unwrap();
    assert!(matches!(
        Layout::open(dir.path()),
        Err(Error::Malformed { .. })
    ));
    let created = Timestamp::from_second(0).unwrap();
    assert!(matches!(
        LayoutWriter::create(dir.path(), created),
        Err(Error::Usage(_))
    ));
    let empty = tempfile::tempdir().unwrap();
    let mut writer = LayoutWriter::create(empty.path(), created).unwrap();
    for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a"] {
        let result = writer.add_layer_from_files(&[file(bad, b"x")], "x");
        assert!(matches!(result, Err(Error::Usage(_))), "{bad}");
    }
    let twice = [file("a", b"1"), file("a", b"2")];
    assert!(writer.add_layer_from_files(&twice, "x").is_err());
}
