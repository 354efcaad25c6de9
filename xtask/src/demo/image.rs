//! The demo's image: assembled from this workspace's own binaries, or the user's.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use palisade_lab::Lab;
use palisade_oci::credentials::CredentialStore;
use palisade_oci::layout::{Content, ImageConfig, LayerFile, LayoutWriter};
use palisade_oci::{
    BlobSource, Category, Client, ClientOptions, ImageManifest, Location, Manifest, RawManifest,
    push_layout,
};
use palisade_types::{Digest, ImageRef, PinnedRef, Platform, Repository, Timestamp};

use super::story::Story;
use crate::error::Error;
use crate::files;

const OS_RELEASE: &str = "PRETTY_NAME=\"palisade demo\"\nID=palisade-demo\nVERSION_ID=1\n";

/// Puts the image into the lab's registry and returns it by digest.
pub(crate) async fn publish(
    image: Option<&str>,
    lab: &Lab,
    folder: &Path,
    story: &Story,
) -> Result<PinnedRef, Error> {
    let client = client();
    let to = repository(lab);
    let Some(image) = image else {
        let layout = folder.join("layout");
        assemble(&layout, story)?;
        story.tell("a base layer, and a layer with this workspace's own binaries");
        return push_layout(&client, &layout, &to, Some("1.0"), None)
            .await
            .map_err(registry);
    };
    let location: Location = image.parse().map_err(|error| Error::Usage {
        what: format!("{error}"),
        help: None,
    })?;
    match location {
        Location::Layout { dir, .. } => push_layout(&client, &dir, &to, Some("1.0"), None)
            .await
            .map_err(layout),
        Location::Registry(image) => copy(&client, &image, &to, folder).await,
        Location::Archive { .. } => Err(Error::Usage {
            what: "the demo takes `oci:DIR` or a reference, not an archive".to_owned(),
            help: Some("unpack it with `tar -xf FILE -C DIR` and use `oci:DIR`".to_owned()),
        }),
    }
}

/// Copies an image from another registry, every byte hashed on the way.
async fn copy(
    client: &Client,
    image: &ImageRef,
    to: &Repository,
    folder: &Path,
) -> Result<PinnedRef, Error> {
    let subject = client.freeze(image.clone()).await.map_err(registry)?;
    let from = subject.image.repository();
    for leaf in &subject.leaves {
        let named = from.pin(leaf.manifest.clone());
        let manifest = client.manifest(&named).await.map_err(registry)?;
        let parsed = image_manifest(&manifest)?;
        for blob in std::iter::once(&parsed.config).chain(&parsed.layers) {
            let path = folder.join("blob");
            let mut file = std::fs::File::create(&path)
                .map_err(|source| files::failed("create", &path, source))?;
            client
                .blob_to(from, blob, &mut file)
                .await
                .map_err(registry)?;
            let source = BlobSource::File { path, offset: 0 };
            client
                .push_blob(to, &blob.digest, blob.size, &source)
                .await
                .map_err(registry)?;
        }
        push(client, to, &manifest, None).await.map_err(registry)?;
    }
    let top = client.manifest(&subject.image).await.map_err(registry)?;
    push(client, to, &top, Some("1.0")).await.map_err(registry)
}

fn image_manifest(manifest: &RawManifest) -> Result<ImageManifest, Error> {
    match manifest.parse().map_err(registry)? {
        Manifest::Image(image) => Ok(image),
        Manifest::Index(_) => Err(registry("an index stands where a manifest has to")),
    }
}

async fn push(
    client: &Client,
    to: &Repository,
    manifest: &RawManifest,
    tag: Option<&str>,
) -> Result<PinnedRef, palisade_oci::Error> {
    client
        .push_manifest(to, tag, &manifest.bytes, &manifest.descriptor.media_type)
        .await
}

/// Pushes the image again with one byte of its configuration changed, and moves the tag to it.
pub(crate) async fn flip_one_byte(approved: &PinnedRef) -> Result<PinnedRef, Error> {
    let client = client();
    let repository = approved.repository();
    let subject = client
        .freeze(ImageRef::from(approved.clone()))
        .await
        .map_err(registry)?;
    let leaf = repository.pin(subject.leaves[0].manifest.clone());
    let manifest = client.manifest(&leaf).await.map_err(registry)?;
    let config = image_manifest(&manifest)?.config;
    let mut bytes = client
        .blob(repository, &config, config.size)
        .await
        .map_err(registry)?;
    flip_a_digit(&mut bytes);
    let digest = Digest::sha256_of(&bytes);
    let flipped = BlobSource::Bytes(bytes);
    client
        .push_blob(repository, &digest, config.size, &flipped)
        .await
        .map_err(registry)?;
    let text = String::from_utf8_lossy(&manifest.bytes)
        .replace(&config.digest.to_string(), &digest.to_string());
    let media_type = &manifest.descriptor.media_type;
    client
        .push_manifest(repository, Some("1.0"), text.as_bytes(), media_type)
        .await
        .map_err(registry)
}

/// Changes the first digit of the first layer's digest, which every configuration has.
fn flip_a_digit(config: &mut [u8]) {
    const MARK: &[u8] = b"sha256:";
    let at = config.windows(MARK.len()).position(|window| window == MARK);
    let digit = &mut config[at.expect("a configuration lists its layers") + MARK.len()];
    *digit = if *digit == b'0' { b'1' } else { b'0' };
}

fn assemble(layout: &Path, story: &Story) -> Result<(), Error> {
    let mut writer = LayoutWriter::create(layout, Timestamp::UNIX_EPOCH).map_err(registry)?;
    let base = [
        file(
            "etc/os-release",
            Content::Bytes(OS_RELEASE.as_bytes().to_vec()),
            0o644,
        ),
        file(
            "usr/share/palisade/Cargo.lock",
            Content::File(files::root().join("Cargo.lock")),
            0o644,
        ),
    ];
    let programs = ["palisade", "palisade-verify"].map(|name| {
        file(
            &format!("usr/bin/{name}"),
            Content::File(story.binaries().join(name)),
            0o755,
        )
    });
    let layers = [
        writer
            .add_layer_from_files(&base, "base files")
            .map_err(registry)?,
        writer
            .add_layer_from_files(&programs, "palisade's own binaries")
            .map_err(registry)?,
    ];
    let config = ImageConfig {
        platform: Platform {
            os: "linux".to_owned(),
            architecture: architecture().to_owned(),
            variant: None,
        },
        entrypoint: vec!["/usr/bin/palisade".to_owned()],
        cmd: Vec::new(),
        env: Vec::new(),
        user: "65532:65532".to_owned(),
        working_dir: "/".to_owned(),
        labels: BTreeMap::new(),
    };
    let manifest = writer.add_image(&config, &layers).map_err(registry)?;
    writer.finish(&manifest, Some("1.0")).map_err(registry)
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn file(path: &str, content: Content, mode: u32) -> LayerFile {
    LayerFile {
        path: path.to_owned(),
        content,
        mode,
    }
}

fn client() -> Client {
    Client::new(ClientOptions {
        credentials: CredentialStore::default(),
        insecure_hosts: Vec::new(),
        offline: false,
        deadline: Duration::from_mins(1),
        user_agent: concat!("palisade-xtask/", env!("CARGO_PKG_VERSION")).to_owned(),
        ..ClientOptions::default()
    })
}

fn repository(lab: &Lab) -> Repository {
    format!("{}/acme/app", lab.registry())
        .parse()
        .expect("the lab's address is a valid registry")
}

/// A layout that cannot be read was named wrongly; everything else is the registry's.
fn layout(error: palisade_oci::Error) -> Error {
    match error.category() {
        Category::Usage => Error::Usage {
            what: error.to_string(),
            help: Some("name the folder of an OCI image layout: `oci:DIR`".to_owned()),
        },
        Category::Absent | Category::Undecided => registry(error),
    }
}

fn registry(error: impl std::fmt::Display) -> Error {
    Error::undecided(
        format!("the image cannot be handled: {error}"),
        "is the registry reachable?",
    )
}
