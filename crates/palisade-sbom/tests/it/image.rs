//! The image the tests are about, as files and as a subject.

use std::collections::BTreeMap;
use std::path::Path;

use palisade_oci::layers::ImageFile;
use palisade_oci::layout::{Content, ImageConfig, LayerFile, LayoutWriter};
use palisade_types::{Descriptor, Digest, FrozenSubject, Leaf, Platform, Timestamp};

use crate::testing::auditable_elf;

pub(crate) const STATUS: &[u8] = include_bytes!("../../../../fixtures/sbom/dpkg/status");
pub(crate) const EXPECTED: &str = include_str!("../../../../fixtures/sbom/dpkg/expected.tsv");
pub(crate) const OS_RELEASE: &[u8] = include_bytes!("../../../../fixtures/sbom/dpkg/os-release");

/// The tree of a small program: two run-time crates and one that only built it.
pub(crate) const TREE: &str = r#"{"packages":[
    {"name":"app","version":"1.0.0","source":"local","dependencies":[1,2,3],"root":true},
    {"name":"cc","version":"1.1.0","source":"crates.io","kind":"build"},
    {"name":"libc","version":"0.2.150","source":"crates.io"},
    {"name":"serde","version":"1.0.1","source":"crates.io","dependencies":[2]}]}"#;

pub(crate) const LOCK: &str = "version = 4\n[[package]]\nname = \"app\"\nversion = \"1.0.0\"\n\
    dependencies = [\"a\"]\n[[package]]\nname = \"a\"\nversion = \"2.0.0\"\n\
    source = \"git+https://example.org/a?branch=main#0123abc\"\n";

/// The two layers' digests, base first.
pub(crate) fn layers() -> [Digest; 2] {
    [Digest::sha256_of(b"base"), Digest::sha256_of(b"app")]
}

/// A Debian image with a Rust program and a lock file in its second layer.
pub(crate) fn files() -> Vec<ImageFile> {
    let [base, app] = layers();
    let file = |path: &str, layer: &Digest, bytes: &[u8]| ImageFile {
        path: path.to_owned(),
        mode: 0o755,
        layer: layer.clone(),
        bytes: bytes.to_vec(),
    };
    vec![
        file("opt/app/Cargo.lock", &app, LOCK.as_bytes()),
        file("usr/bin/app", &app, &auditable_elf(TREE)),
        file("usr/lib/os-release", &base, OS_RELEASE),
        file("var/lib/dpkg/status", &base, STATUS),
    ]
}

/// The same files with the content of one replaced.
pub(crate) fn files_with(path: &str, bytes: &[u8]) -> Vec<ImageFile> {
    let mut files = files();
    let file = files.iter_mut().find(|file| file.path == path).unwrap();
    file.bytes = bytes.to_vec();
    files
}

/// One platform of an image.
pub(crate) fn leaf(platform: &str) -> Leaf {
    Leaf {
        platform: platform.parse::<Platform>().unwrap(),
        manifest: Digest::sha256_of(platform.as_bytes()),
        config: Digest::sha256_of(b"config"),
        layers: layers().to_vec(),
    }
}

/// An image for these platforms.
pub(crate) fn subject(platforms: &[&str]) -> FrozenSubject {
    let leaves: Vec<Leaf> = platforms.iter().map(|platform| leaf(platform)).collect();
    let descriptor = match leaves.as_slice() {
        [only] => Descriptor {
            digest: only.manifest.clone(),
            ..Descriptor::of("application/vnd.oci.image.manifest.v1+json", b"")
        },
        _ => Descriptor::of("application/vnd.oci.image.index.v1+json", b"index"),
    };
    FrozenSubject {
        image: format!("ghcr.io/acme/app@{}", descriptor.digest)
            .parse()
            .unwrap(),
        resolved_from: Some("1.4".to_owned()),
        index: (leaves.len() > 1).then(|| descriptor.digest.clone()),
        descriptor,
        leaves,
        ignored: Vec::new(),
    }
}

/// Writes these files as an OCI layout for these platforms; each layer digest is one layer.
pub(crate) fn write_layout(dir: &Path, files: &[ImageFile], platforms: &[&str]) {
    let mut writer = LayoutWriter::create(dir, Timestamp::UNIX_EPOCH).unwrap();
    let written: Vec<_> = layers()
        .iter()
        .map(|layer| {
            let of_layer = files.iter().filter(|file| file.layer == *layer);
            let of_layer: Vec<_> = of_layer.map(layer_file).collect();
            writer.add_layer_from_files(&of_layer, "test").unwrap()
        })
        .collect();
    let images: Vec<_> = platforms
        .iter()
        .map(|platform| writer.add_image(&config(platform), &written).unwrap())
        .collect();
    let root = match images.as_slice() {
        [only] => only.clone(),
        several => writer.add_index(several).unwrap(),
    };
    writer.finish(&root, Some("1.4")).unwrap();
}

fn layer_file(file: &ImageFile) -> LayerFile {
    LayerFile {
        path: file.path.clone(),
        content: Content::Bytes(file.bytes.clone()),
        mode: file.mode,
    }
}

fn config(platform: &str) -> ImageConfig {
    ImageConfig {
        platform: platform.parse().unwrap(),
        entrypoint: vec!["/usr/bin/app".to_owned()],
        cmd: Vec::new(),
        env: Vec::new(),
        user: "65532:65532".to_owned(),
        working_dir: "/".to_owned(),
        labels: BTreeMap::new(),
    }
}
