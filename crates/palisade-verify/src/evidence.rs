//! Where bundles come from: a file, or what the registry lists for an image.

use std::path::{Path, PathBuf};
use std::time::Duration;

use palisade_attest::MAX_BUNDLE;
use palisade_oci::{Client, ClientOptions, CredentialStore};
use palisade_types::{Digest, ImageRef, PinnedRef};
use palisade_ui::Environment;
use tokio::runtime::Runtime;

use crate::args::RegistryArgs;
use crate::error::Error;
use crate::file;

/// How long one registry document may take, retries included.
const DEADLINE: Duration = Duration::from_mins(2);

/// What there is to judge about one image. Untrusted.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) bundles: Vec<Found>,
    /// What is attached and gave no bundle, and why.
    pub(crate) skipped: Vec<(Digest, String)>,
}

/// The bytes of a bundle, and where they were.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) origin: String,
    pub(crate) bytes: Vec<u8>,
}

/// Reads images and what is attached to them. The network is set up by the first request.
pub(crate) struct Source<'a> {
    args: &'a RegistryArgs,
    environment: &'a Environment,
    bundle: Option<&'a Path>,
    network: Option<(Runtime, Client)>,
}

impl<'a> Source<'a> {
    pub(crate) const fn new(
        args: &'a RegistryArgs,
        environment: &'a Environment,
        bundle: Option<&'a Path>,
    ) -> Self {
        Self {
            args,
            environment,
            bundle,
            network: None,
        }
    }

    /// The image by digest and what there is to judge about it. A tag is resolved here, once.
    pub(crate) fn read(&mut self, image: &ImageRef) -> Result<(PinnedRef, Evidence), Error> {
        let failed = |source| Error::Registry {
            image: image.to_string(),
            source,
        };
        let pinned = if let Some(pinned) = image.pinned() {
            pinned
        } else {
            let (runtime, client) = self.network()?;
            let resolved = runtime.block_on(client.resolve_digest(image));
            resolved.map_err(failed)?
        };
        if let Some(path) = self.bundle {
            return Ok((pinned, of_file(path)?));
        }
        let (runtime, client) = self.network()?;
        let found = runtime.block_on(client.bundles(&pinned)).map_err(failed)?;
        if found.bundles.is_empty() {
            // A registry lists nothing for an image that it does not have, or that this account
            // may not see. That is not "unsigned".
            runtime.block_on(client.manifest(&pinned)).map_err(failed)?;
        }
        let bundles = found.bundles.into_iter().map(|bundle| Found {
            origin: bundle.manifest.to_string(),
            bytes: bundle.bytes,
        });
        let evidence = Evidence {
            bundles: bundles.collect(),
            skipped: found.skipped,
        };
        Ok((pinned, evidence))
    }

    fn network(&mut self) -> Result<&(Runtime, Client), Error> {
        if self.network.is_none() {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(Error::Runtime)?;
            self.network = Some((runtime, Client::new(self.options())));
        }
        Ok(self.network.as_ref().expect("it was just set up"))
    }

    fn options(&self) -> ClientOptions {
        ClientOptions {
            credentials: credentials(self.environment),
            insecure_hosts: self.args.insecure_registry.clone(),
            offline: self.args.offline,
            deadline: DEADLINE,
            user_agent: concat!("palisade-verify/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// The bundle in a file.
pub(crate) fn of_file(path: &Path) -> Result<Evidence, Error> {
    let found = Found {
        origin: path.display().to_string(),
        bytes: file::read("bundle", path, MAX_BUNDLE as u64)?,
    };
    Ok(Evidence {
        bundles: vec![found],
        skipped: Vec::new(),
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
