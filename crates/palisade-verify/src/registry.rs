//! Asking the registry: what an image is by digest, and what is attached to it.

use std::time::Duration;

use palisade_oci::{Client, ClientOptions, Error as OciError, FoundBundles, Held, Hold};
use palisade_types::{Digest, ImageRef, PinnedRef, Repository};
use palisade_ui::Environment;

use crate::args::AskArgs;
use crate::error::Error;
use crate::evidence::{Evidence, Form, Found};

/// cosign's variable for `--signature-repository`. It names the repository itself: cosign 3 puts
/// bundles and older tags right into it, by the digest of the image.
const COSIGN_REPOSITORY: &str = "COSIGN_REPOSITORY";

/// A client as the flags and the environment say.
pub(crate) fn client(args: &AskArgs, environment: &Environment) -> Client {
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    Client::new(ClientOptions {
        offline: args.offline,
        deadline: args.timeout,
        ..args.reach.options("verify", variable)
    })
}

/// Where what is attached is kept.
pub(crate) enum Place {
    /// Beside the image.
    Beside,
    /// In this repository, and only there.
    In(Repository),
}

impl Place {
    /// What the flag says, else the variable.
    pub(crate) fn read(args: &AskArgs, environment: &Environment) -> Result<Self, Error> {
        let variable = environment
            .get(COSIGN_REPOSITORY)
            .filter(|text| !text.is_empty());
        let (text, source) = match (&args.signature_repository, variable) {
            (Some(text), _) => (text.as_str(), "--signature-repository"),
            (None, Some(text)) => (text, COSIGN_REPOSITORY),
            (None, None) => return Ok(Self::Beside),
        };
        match text.parse::<ImageRef>() {
            Ok(image) if image.tag().is_none() && image.digest().is_none() => {
                Ok(Self::In(image.repository().clone()))
            }
            _ => Err(Error::Repository {
                text: text.to_owned(),
                source_name: source,
            }),
        }
    }

    /// The repository that is asked in place of the images' own.
    pub(crate) const fn other(&self) -> Option<&Repository> {
        match self {
            Self::Beside => None,
            Self::In(repository) => Some(repository),
        }
    }

    /// Where to look for what is attached to this image.
    pub(crate) fn of(&self, image: &PinnedRef) -> PinnedRef {
        match self {
            Self::Beside => image.clone(),
            Self::In(repository) => repository.pin(image.digest().clone()),
        }
    }
}

/// What the registry lists as attached: bundles, and what cosign's experimental OCI 1.1 mode
/// attached in their place. The hold is dropped with it.
pub(crate) async fn attached(
    client: &Client,
    image: &PinnedRef,
    room: &Held,
) -> Result<(Evidence, Hold), OciError> {
    let (found, hold) = client.bundles_within(image, room).await?;
    let FoundBundles {
        bundles,
        older,
        skipped,
        unreadable,
    } = found;
    let bundles = bundles.into_iter().map(|bundle| Found {
        origin: bundle.manifest.to_string(),
        form: Form::Bundle,
        bytes: bundle.bytes,
    });
    let older = older.into_iter().filter_map(|found| {
        Some(Found {
            origin: found.manifest.to_string(),
            form: Form::of_layer(&found.layer)?,
            bytes: found.bytes,
        })
    });
    let named = |(digest, why): (Digest, String)| (digest.to_string(), why);
    let evidence = Evidence {
        bundles: bundles.chain(older).collect(),
        skipped: skipped.into_iter().map(named).collect(),
        unreadable: unreadable.into_iter().map(named).collect(),
    };
    Ok((evidence, hold))
}

/// Gives up after this long, also when the server keeps answering a little.
pub(crate) async fn within<T>(
    limit: Duration,
    what: &impl ToString,
    work: impl Future<Output = Result<T, OciError>>,
) -> Result<T, OciError> {
    let late = |_| OciError::Unreachable {
        what: what.to_string(),
        why: format!("no answer within {} s", limit.as_secs()),
    };
    tokio::time::timeout(limit, work).await.map_err(late)?
}
