//! What rows are measured against: a lab, its trust root, a signer, and the programs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use palisade_lab::{Config, GithubIdentity, Lab, SigningConfigKind};
use palisade_oci::{BlobSource, Client, ClientOptions, media};
use palisade_types::{Descriptor, PinnedRef, Repository};

use super::delay;
use crate::error::Error;
use crate::{files, tool};

/// A lab and a folder with what a client needs to know about it.
pub(super) struct Stage {
    pub(super) lab: Lab,
    pub(super) folder: PathBuf,
    /// Whom and what to believe, in the words that we and cosign share.
    pub(super) who: Vec<String>,
    optimised: PathBuf,
    without_peers: bool,
}

/// A program that a row runs beside ours.
#[derive(Clone, Copy)]
pub(super) enum Peer {
    Cosign,
    SigstoreGo,
}

impl Peer {
    const ALL: [Self; 2] = [Self::Cosign, Self::SigstoreGo];

    /// Its name and where it is under `.peers/`.
    pub(super) const fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::Cosign => ("cosign", "bin/cosign"),
            Self::SigstoreGo => ("sigstore-go", "bin/sigstore-go-verification"),
        }
    }
}

impl Stage {
    /// Starts the lab and writes its files, a token and a blob into the folder.
    pub(super) async fn new(
        folder: &Path,
        optimised: &Path,
        without_peers: bool,
    ) -> Result<Self, Error> {
        let lab = Lab::start(Config::default())
            .await
            .map_err(|error| Error::undecided(error.to_string(), "is loopback available?"))?;
        lab.write_files(folder)
            .map_err(|source| files::failed("write", folder, source))?;
        let write = |name: &str, text: &str| files::write(&folder.join(name), text);
        write("token", &lab.github_token(&GithubIdentity::default()))?;
        write("config.json", &lab.signing_config(SigningConfigKind::V2))?;
        write("blob", "palisade\n")?;
        let who = [
            ("--certificate-identity", GithubIdentity::default().san()),
            ("--certificate-oidc-issuer", GithubIdentity::ISSUER.into()),
            ("--trusted-root", "trusted_root.json".into()),
        ];
        let who = who
            .into_iter()
            .flat_map(|(flag, value)| [flag.to_owned(), value]);
        Ok(Self {
            lab,
            folder: folder.to_owned(),
            who: who.collect(),
            optimised: optimised.to_owned(),
            without_peers,
        })
    }

    /// Our optimised binary of this name.
    pub(super) fn ours(&self, name: &str) -> PathBuf {
        self.optimised.join(name)
    }

    /// The peer's program, if it is there and wanted.
    pub(super) fn peer(&self, peer: Peer) -> Option<PathBuf> {
        let program = files::peers().join(peer.place().1);
        (!self.without_peers && program.is_file()).then_some(program)
    }

    /// The names of wanted peers that are not there.
    pub(super) fn absent(&self) -> impl Iterator<Item = &'static str> {
        let absent = move |peer: &Peer| !self.without_peers && self.peer(*peer).is_none();
        Peer::ALL
            .into_iter()
            .filter(absent)
            .map(|peer| peer.place().0)
    }

    /// Signs with our own `palisade-sign`: `image REF`, `blob FILE …`, `attest REF …`.
    pub(super) fn sign(&self, what: &[&str]) -> Result<(), Error> {
        let mut command = Command::new(files::binaries().join("palisade-sign"));
        command.current_dir(&self.folder).args(what).args([
            "--identity-token",
            "token",
            "--signing-config",
            "config.json",
            "--trusted-root",
            "trusted_root.json",
            "--allow-lab",
        ]);
        tokio::task::block_in_place(|| tool::stdout(&mut command)).map(drop)
    }

    /// A new image `bench/image:TAG` in the lab's registry, by digest.
    pub(super) fn image(&self, tag: &str) -> Result<String, Error> {
        let image = self.push(tag)?;
        Ok(image.to_string())
    }

    /// The same, parsed.
    pub(super) fn push(&self, tag: &str) -> Result<PinnedRef, Error> {
        let repository = format!("{}/bench/image", self.lab.registry());
        let repository: Repository = repository.parse().expect("a repository of the lab");
        let config = serde_json::json!({
            "architecture": "amd64", "os": "linux", "author": tag,
            "rootfs": {"type": "layers", "diff_ids": []},
        });
        let config = config.to_string().into_bytes();
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_MANIFEST,
            "config": Descriptor::of(media::OCI_CONFIG, &config),
            "layers": [],
        });
        let client = client();
        let work = async {
            put(&client, &repository, config).await?;
            let bytes = manifest.to_string().into_bytes();
            let media_type = media::OCI_MANIFEST;
            client
                .push_manifest(&repository, Some(tag), &bytes, media_type)
                .await
        };
        wait(work).map_err(|error| registry(&error))
    }

    /// The lab's registry, this many milliseconds of round trip away: `host:port`.
    pub(super) fn far_registry(&self, round_trip: Duration) -> Result<String, Error> {
        let to = self.lab.registry().to_owned();
        wait(delay::start(to, round_trip))
            .map_err(|error| Error::undecided(error.to_string(), "is loopback available?"))
    }
}

/// The lab's registry did not do what it was asked.
pub(super) fn registry(error: &palisade_oci::Error) -> Error {
    Error::undecided(
        error.to_string(),
        "the lab's registry should have done that",
    )
}

/// A client for putting things into the lab's registry.
pub(super) fn client() -> Client {
    Client::new(ClientOptions::default())
}

/// Stores a blob.
pub(super) async fn put(
    client: &Client,
    repository: &Repository,
    bytes: Vec<u8>,
) -> Result<(), palisade_oci::Error> {
    let blob = Descriptor::of("", &bytes);
    let source = BlobSource::Bytes(bytes);
    client
        .push_blob(repository, &blob.digest, blob.size, &source)
        .await
}

/// Waits for async work from a row, which is not async itself.
pub(super) fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work))
}
