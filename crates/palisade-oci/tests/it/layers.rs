//! Reading files out of layers: whiteouts, links, long names, bombs and broken archives.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use palisade_oci::layers::{Entry, ImageFile, read_files, read_files_reduced};
use palisade_oci::layout::LayoutWriter;
use palisade_oci::{Error, Location, media};
use palisade_types::Descriptor;
use serde_json::json;
use tar::{EntryType, Header};

use crate::layouts::{config, file};
use crate::registry::{Registry, client, reply};

/// A layer under construction.
struct Tar(tar::Builder<Vec<u8>>);

impl Tar {
    fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    fn entry(mut self, kind: EntryType, path: &str, link: &str, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        if link.is_empty() {
            self.0.append_data(&mut header, path, content).unwrap();
        } else {
            self.0.append_link(&mut header, path, link).unwrap();
        }
        self
    }

    fn file(self, path: &str, content: &[u8]) -> Self {
        self.entry(EntryType::Regular, path, "", content)
    }

    fn folder(self, path: &str) -> Self {
        self.entry(EntryType::Directory, path, "", b"")
    }

    fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The files of an image with these layers (media type, bytes).
async fn read(
    layers: &[(&str, Vec<u8>)],
    wanted: impl Fn(&Entry<'_>) -> Option<u64>,
) -> Result<Vec<ImageFile>, Error> {
    let registry = Registry::start().await;
    let layers: Vec<Descriptor> = layers
        .iter()
        .map(|(t, b)| registry.put_blob(t, b))
        .collect();
    let config = registry.put_blob(
        media::OCI_CONFIG,
        br#"{"os":"linux","architecture":"amd64"}"#,
    );
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "config": config, "layers": layers,
    });
    registry.put_manifest(
        media::OCI_MANIFEST,
        manifest.to_string().as_bytes(),
        Some("v1"),
    );
    let client = client();
    let subject = client.freeze(registry.image("v1")).await.unwrap();
    let location = Location::from(&subject.image);
    read_files(&client, &location, &subject.leaves[0], wanted).await
}

async fn plain(layers: Vec<Vec<u8>>) -> Result<Vec<ImageFile>, Error> {
    let layers: Vec<_> = layers
        .into_iter()
        .map(|bytes| (media::OCI_LAYER, bytes))
        .collect();
    read(&layers, |entry| Some(entry.size.max(1))).await
}

fn names(files: &[ImageFile]) -> Vec<(&str, &str)> {
    let text = |file: &'_ ImageFile| std::str::from_utf8(&file.bytes).unwrap().to_owned();
    files
        .iter()
        .map(|f| (f.path.as_str(), &*Box::leak(text(f).into_boxed_str())))
        .collect()
}

#[tokio::test]
async fn later_layers_win_and_take_away() {
    let base = Tar::new()
        .folder("a/")
        .file("a/one", b"1")
        .file("a/two", b"2")
        .file("b/deep/three", b"3")
        .file("c", b"c")
        .file("d/x", b"x")
        .file("keep", b"k");
    let top = Tar::new()
        .file("./a/one", b"new")
        .file("a/.wh.two", b"")
        // The opaque marker stands after the new file, and still concerns the lower layer alone.
        .file("b/deep/four", b"4")
        .file("b/.wh..wh..opq", b"")
        .entry(EntryType::Symlink, "c", "keep", b"")
        .entry(EntryType::Regular, "d", "", b"file now");
    let files = plain(vec![base.bytes(), top.bytes()]).await.unwrap();
    let want = [
        ("a/one", "new"),
        ("b/deep/four", "4"),
        ("d", "file now"),
        ("keep", "k"),
    ];
    assert_eq!(names(&files), want);
    assert_ne!(files[0].layer, files[3].layer);
}

#[tokio::test]
async fn a_whiteout_of_a_folder_takes_what_is_below_and_not_its_neighbours() {
    let base = Tar::new()
        .file("a/x/1", b"1")
        .file("a/x.y", b"2")
        .file("a/xy/3", b"3");
    let files = plain(vec![base.bytes(), Tar::new().file("a/.wh.x", b"").bytes()])
        .await
        .unwrap();
    assert_eq!(names(&files), [("a/x.y", "2"), ("a/xy/3", "3")]);
    let base = Tar::new().file("a/x/1", b"1").file("b", b"2");
    let files = plain(vec![
        base.bytes(),
        Tar::new().file(".wh..wh..opq", b"").bytes(),
    ])
    .await
    .unwrap();
    assert!(files.is_empty());
}

#[tokio::test]
async fn hard_links_are_the_same_file_under_two_names() {
    let layer = Tar::new()
        .file("bin/a", b"x")
        .entry(EntryType::Link, "bin/b", "bin/a", b"");
    let files = plain(vec![layer.bytes()]).await.unwrap();
    assert_eq!(names(&files), [("bin/a", "x"), ("bin/b", "x")]);
    let layer = Tar::new()
        .file("bin/a", b"x")
        .entry(EntryType::Link, "bin/b", "bin/a", b"");
    let only_b = |entry: &Entry<'_>| (entry.path == "bin/b").then_some(10);
    let error = read(&[(media::OCI_LAYER, layer.bytes())], only_b)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn long_names_gzip_members_and_docker_types_read() {
    let long = format!("{}/file", "folder".repeat(40));
    let bytes = Tar::new().file(&long, b"content").bytes();
    let (left, right) = bytes.split_at(700);
    let members = [gzip(left), gzip(right)].concat();
    let all = |entry: &Entry<'_>| Some(entry.size);
    let files = read(&[(media::DOCKER_LAYER_GZIP, members)], all)
        .await
        .unwrap();
    assert_eq!(names(&files), [(long.as_str(), "content")]);
}

#[tokio::test]
async fn pax_paths_and_sizes_are_heeded() {
    let mut tar = Tar::new();
    let pax = [("path", b"from/pax".as_slice()), ("size", b"3")];
    tar.0.append_pax_extensions(pax).unwrap();
    let files = plain(vec![tar.file("from/header", b"abc").bytes()])
        .await
        .unwrap();
    assert_eq!(names(&files), [("from/pax", "abc")]);
}

#[tokio::test]
async fn the_first_bytes_tell_an_executable() {
    let layer = Tar::new()
        .file("bin/elf", b"\x7fELF\x02\x01\x01rest-of-it")
        .file("bin/sh", b"#!/bin/sh\n")
        .file("empty", b"");
    let elf = |entry: &Entry<'_>| entry.head.starts_with(b"\x7fELF").then_some(1 << 20);
    let files = read(&[(media::OCI_LAYER_GZIP, gzip(&layer.bytes()))], elf)
        .await
        .unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].bytes, b"\x7fELF\x02\x01\x01rest-of-it");
}

#[tokio::test]
async fn a_wanted_file_over_its_limit_is_an_error_and_an_unwanted_one_is_not() {
    let layer = || {
        Tar::new()
            .file("big", &[b'x'; 5000])
            .file("small", b"s")
            .bytes()
    };
    let limit = |entry: &Entry<'_>| Some(if entry.path == "big" { 4999 } else { 10 });
    let error = read(&[(media::OCI_LAYER, layer())], limit)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::LimitExceeded { limit: 4999, .. }),
        "{error}"
    );
    let small = |entry: &Entry<'_>| (entry.path == "small").then_some(10);
    assert_eq!(
        read(&[(media::OCI_LAYER, layer())], small)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_bomb_of_unwanted_bytes_costs_no_memory_and_a_wanted_one_its_limit() {
    let mut header = Header::new_gnu();
    header.set_path("zeros").unwrap();
    header.set_size(256 << 20);
    header.set_mode(0o644);
    header.set_cksum();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(header.as_bytes()).unwrap();
    for _ in 0..256 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 3 << 20);
    let none = |_: &Entry<'_>| None;
    assert!(
        read(&[(media::OCI_LAYER_GZIP, bomb.clone())], none)
            .await
            .unwrap()
            .is_empty()
    );
    let wanted = |_: &Entry<'_>| Some(1 << 20);
    let error = read(&[(media::OCI_LAYER_GZIP, bomb)], wanted)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::LimitExceeded { .. }), "{error}");
}

#[tokio::test]
async fn a_name_of_megabytes_is_not_read() {
    let name = vec![b'n'; 1 << 20];
    let layer = Tar::new()
        .entry(EntryType::GNULongName, "x", "", &name)
        .file("y", b"");
    let error = plain(vec![layer.bytes()]).await.unwrap_err();
    assert!(matches!(error, Error::LimitExceeded { .. }), "{error}");
}

#[tokio::test]
async fn broken_archives_are_refused() {
    let good = Tar::new().file("a", &[b'x'; 600]).bytes();
    assert!(plain(vec![good.clone()]).await.is_ok());
    let mut flipped = good.clone();
    flipped[0] ^= 1;
    let cut = good[..700].to_vec();
    let half_header = [good.clone()[..1536].to_vec(), vec![1; 100]].concat();
    for (what, bad) in [
        ("checksum", flipped),
        ("cut", cut),
        ("half a header", half_header),
    ] {
        let error = plain(vec![bad]).await.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{what}: {error}");
    }
    let packed = gzip(&good);
    let all = |entry: &Entry<'_>| Some(entry.size);
    let cut = packed[..packed.len() - 9].to_vec();
    let error = read(&[(media::OCI_LAYER_GZIP, cut)], all)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
    let error = read(
        &[("application/vnd.oci.image.layer.v1.tar+zstd", packed)],
        all,
    )
    .await
    .unwrap_err();
    assert!(error.to_string().contains("zstd"), "{error}");
}

/// Attack: `unpack_traversal`: nothing is unpacked to a disk, and a name that would leave the root
/// of the image makes the layer unreadable.
#[tokio::test]
async fn paths_that_climb_are_refused() {
    for bad in ["../x", "a/../../x", "/../x"] {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..bad.len()].copy_from_slice(bad.as_bytes());
        header.set_size(0);
        header.set_mode(0o644);
        header.set_cksum();
        let error = plain(vec![header.as_bytes().to_vec()]).await.unwrap_err();
        assert!(error.to_string().contains("climbs"), "{bad}: {error}");
    }
}

#[tokio::test]
async fn only_what_a_reader_keeps_of_a_file_stays() {
    let dir = tempfile::tempdir().unwrap();
    let created = palisade_types::Timestamp::from_second(0).unwrap();
    let mut writer = LayoutWriter::create(dir.path(), created).unwrap();
    let files = [file("a", b"0123456789"), file("b", b"abcdefghij")];
    let layer = writer.add_layer_from_files(&files, "x").unwrap();
    let root = writer.add_image(&config("linux/amd64"), &[layer]).unwrap();
    writer.finish(&root, None).unwrap();
    let location: Location = format!("oci:{}", dir.path().display()).parse().unwrap();
    let client = client();
    let subject = client.freeze(&location).await.unwrap();
    let all = |entry: &Entry<'_>| Some(entry.size);
    let half = |path: &str, bytes: Vec<u8>| [path.as_bytes(), &bytes[8..]].concat();
    let files = read_files_reduced(&client, &location, &subject.leaves[0], all, half)
        .await
        .unwrap();
    assert_eq!(names(&files), [("a", "a89"), ("b", "bij")]);
}

#[tokio::test]
async fn a_layer_the_image_lists_and_the_registry_lacks_is_no_absent_image() {
    let registry = Registry::start().await;
    registry.put_image("v1", ("linux", "amd64"));
    let client = client();
    let subject = client.freeze(registry.image("v1")).await.unwrap();
    let location = Location::from(&subject.image);
    let leaf = &subject.leaves[0];
    assert!(read_files(&client, &location, leaf, |_| None).await.is_ok());
    registry.on(|seen| seen.path.contains("/blobs/").then(|| reply(404, &[], "")));
    let error = read_files(&client, &location, leaf, |_| None)
        .await
        .unwrap_err();
    assert!(!error.is_answer(), "{error}");
}

#[tokio::test]
async fn other_bytes_than_the_layers_are_called_that_and_not_a_broken_archive() {
    let registry = Registry::start().await;
    let layer = gzip(&Tar::new().file("a", b"x").bytes());
    let wrong = vec![7; layer.len()];
    let layer = registry.put_blob(media::OCI_LAYER_GZIP, &layer);
    let config = registry.put_blob(
        media::OCI_CONFIG,
        br#"{"os":"linux","architecture":"amd64"}"#,
    );
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [layer] });
    registry.put_manifest(
        media::OCI_MANIFEST,
        manifest.to_string().as_bytes(),
        Some("v1"),
    );
    let client = client();
    let subject = client.freeze(registry.image("v1")).await.unwrap();
    registry.on(move |seen| {
        seen.path
            .contains("/blobs/")
            .then(|| reply(200, &[], wrong.clone()))
    });
    let location = Location::from(&subject.image);
    let error = read_files(&client, &location, &subject.leaves[0], |_| None)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
}
