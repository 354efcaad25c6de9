//! Where bundles come from: a file, or what the registry lists for an image.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use palisade_attest::MAX_BUNDLE;
use palisade_oci::{Client, ClientOptions, CredentialStore};
use palisade_types::{Digest, ImageRef, PinnedRef};
use palisade_ui::Environment;

use crate::args::RegistryArgs;
use crate::error::Error;
use crate::file;

/// How long one registry document may take, retries included.
const DEADLINE: Duration = Duration::from_mins(2);

/// How many images are asked about at a time.
const AT_ONCE: usize = 16;

/// What there is to judge about one image. Untrusted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) bundles: Vec<Found>,
    /// What is attached and gave no bundle, and why.
    pub(crate) skipped: Vec<(Digest, String)>,
    /// What is listed and could not be read, and why.
    pub(crate) unreadable: Vec<(Digest, String)>,
}

/// The bytes of a bundle, and where they were.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) origin: String,
    pub(crate) bytes: Vec<u8>,
}

/// Where to look for evidence.
pub(crate) struct Source<'a> {
    pub(crate) registry: &'a RegistryArgs,
    pub(crate) environment: &'a Environment,
    /// A bundle to judge instead of what is attached.
    pub(crate) bundle: Option<&'a Path>,
}

impl Source<'_> {
    /// Finds out what each image is by digest and what there is to judge about it, several at
    /// once, and hands it to `judge`. The results are in the order of the images. A tag is
    /// resolved here, once. Where nothing has to be asked for, nothing is set up either.
    pub(crate) fn each<T>(
        &self,
        images: &[ImageRef],
        judge: impl Fn(&PinnedRef, Evidence) -> T,
    ) -> Result<Vec<Result<T, Error>>, Error> {
        let file = self.bundle.map(of_file).transpose()?;
        let pinned: Option<Vec<_>> = images.iter().map(ImageRef::pinned).collect();
        if let (Some(file), Some(pinned)) = (&file, pinned) {
            return Ok(pinned
                .iter()
                .map(|image| Ok(judge(image, file.clone())))
                .collect());
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Runtime)?;
        let client = Client::new(self.options());
        let ask = async |image: &ImageRef| {
            let read = read(&client, image, file.as_ref()).await;
            let failed = |source| Error::Registry {
                image: image.to_string(),
                source,
            };
            read.map(|(image, evidence)| judge(&image, evidence))
                .map_err(failed)
        };
        let all = stream::iter(images).map(ask).buffered(AT_ONCE).collect();
        Ok(runtime.block_on(all))
    }

    fn options(&self) -> ClientOptions {
        ClientOptions {
            credentials: credentials(self.environment),
            insecure_hosts: self.registry.insecure_registry.clone(),
            offline: self.registry.offline,
            deadline: DEADLINE,
            user_agent: concat!("palisade-verify/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

async fn read(
    client: &Client,
    image: &ImageRef,
    file: Option<&Evidence>,
) -> Result<(PinnedRef, Evidence), palisade_oci::Error> {
    let image = client.resolve_digest(image).await?;
    if let Some(file) = file {
        return Ok((image, file.clone()));
    }
    let found = client.bundles(&image).await?;
    if found.bundles.is_empty() {
        // A registry lists nothing for an image that it does not have, or that this account may
        // not see. That is not "unsigned".
        client.manifest(&image).await?;
    }
    let bundles = found.bundles.into_iter().map(|bundle| Found {
        origin: bundle.manifest.to_string(),
        bytes: bundle.bytes,
    });
    let evidence = Evidence {
        bundles: bundles.collect(),
        skipped: found.skipped,
        unreadable: found.unreadable,
    };
    Ok((image, evidence))
}

/// The bundle in a file.
pub(crate) fn of_file(path: &Path) -> Result<Evidence, Error> {
    let found = Found {
        origin: path.display().to_string(),
        bytes: file::read("bundle", path, MAX_BUNDLE as u64)?,
    };
    Ok(Evidence {
        bundles: vec![found],
        ..Evidence::default()
    })
}

/// Where Docker and Podman keep what they log in with, in the order that the first hit wins.
fn credentials(environment: &Environment) -> CredentialStore {
    let file = |variable: &str, rest: &str| {
        environment
            .get(variable)
            .map(|value| PathBuf::from(value).join(rest))
    };
    let paths = [
        environment.get("REGISTRY_AUTH_FILE").map(PathBuf::from),
        file("DOCKER_CONFIG", "config.json"),
        file("XDG_RUNTIME_DIR", "containers/auth.json"),
        file("XDG_CONFIG_HOME", "containers/auth.json"),
        file("HOME", ".config/containers/auth.json"),
        file("HOME", ".docker/config.json"),
    ];
    CredentialStore::from_paths(paths.into_iter().flatten())
}
