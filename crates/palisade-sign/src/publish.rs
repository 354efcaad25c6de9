//! From an image's name to a digest, and from a bundle to what is attached to it.

use std::path::PathBuf;
use std::time::Duration;

use palisade_oci::{Attachment, Client, ClientOptions, CredentialStore};
use palisade_types::{Algorithm, Descriptor, ImageRef, PinnedRef, Timestamp};
use palisade_ui::{Context, Environment};

use crate::args::RegistryArgs;
use crate::error::Error;
use crate::files;
use crate::session::Signed;

/// How long one registry document may take.
const DEADLINE: Duration = Duration::from_mins(2);

/// An image that was resolved, once.
pub(crate) struct Target {
    pub(crate) image: PinnedRef,
    descriptor: Descriptor,
}

/// Where bundles go.
pub(crate) struct Publisher<'a> {
    client: Client,
    args: &'a RegistryArgs,
    context: &'a Context,
}

/// Reads an image's name. Only registries can hold what is attached.
pub(crate) fn parse_image(text: &str) -> Result<ImageRef, Error> {
    text.parse().map_err(|source| Error::Image {
        text: text.to_owned(),
        source,
    })
}

impl<'a> Publisher<'a> {
    pub(crate) fn new(args: &'a RegistryArgs, context: &'a Context) -> Result<Self, Error> {
        if let Some(path) = &args.bundle {
            files::check_writable(path)?;
        }
        let client = Client::new(ClientOptions {
            credentials: credentials(&context.environment),
            insecure_hosts: args.insecure_registry.clone(),
            offline: false,
            deadline: DEADLINE,
            user_agent: concat!("palisade-sign/", env!("CARGO_PKG_VERSION")).to_owned(),
        });
        Ok(Self {
            client,
            args,
            context,
        })
    }

    /// Asks the registry what the name names. Everything after goes by the digest.
    pub(crate) async fn resolve(&self, image: &ImageRef) -> Result<Target, Error> {
        let resolved = self
            .client
            .resolve(image)
            .await
            .map_err(|error| Error::Registry {
                done: "read",
                error: Box::new(error),
            })?;
        let algorithm = resolved.image.digest().algorithm();
        if algorithm != Algorithm::Sha256 {
            let (image, algorithm) = (image.to_string(), algorithm.name());
            return Err(Error::Algorithm { image, algorithm });
        }
        if image.digest().is_none() {
            self.context.printer.warn(&format!(
                "`{image}` is a tag, and tags move; what it names now is signed: {}",
                resolved.image.digest()
            ));
        }
        Ok(Target {
            image: resolved.image,
            descriptor: resolved.manifest.descriptor,
        })
    }

    /// Writes the bundle to its file, then attaches it. Returns what was attached.
    pub(crate) async fn publish(
        &self,
        target: &Target,
        signed: &Signed,
    ) -> Result<Option<PinnedRef>, Error> {
        let bytes = signed.bundle.bytes();
        if let Some(path) = &self.args.bundle {
            files::write(path, bytes)?;
        }
        if self.args.no_upload {
            return Ok(None);
        }
        let predicate_type = signed
            .bundle
            .claimed_predicate_type()
            .expect("what is said about an image is a statement");
        let now = self.context.now.as_second();
        let created = Timestamp::from_second(now).expect("a time without its fraction is one");
        let attachment = Attachment::sigstore_bundle(bytes.to_vec(), predicate_type, created);
        let attached = self
            .client
            .attach(&target.image, &target.descriptor, &attachment)
            .await;
        attached.map(Some).map_err(|error| Error::Registry {
            done: "given its signature",
            error: Box::new(error),
        })
    }
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
