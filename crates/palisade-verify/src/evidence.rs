//! Where bundles come from: a file, or what the registry lists for an image.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use palisade_attest::{Bundle, MAX_BUNDLE, legacy};
use palisade_oci::{Client, ClientOptions, CredentialStore};
use palisade_types::{Digest, ImageRef, PinnedRef, Repository};
use palisade_ui::Environment;

use crate::args::RegistryArgs;
use crate::error::Error;
use crate::file;
use crate::judge::{Verdict, Wanted};

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
    /// What the bytes are.
    pub(crate) form: Form,
    pub(crate) bytes: Vec<u8>,
}

/// An image by digest, and what is to be said about it.
pub(crate) type Asked = (PinnedRef, Verdict);

/// How evidence is stored.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// A Sigstore bundle.
    Bundle,
    /// A layer of cosign's `.att` tag, with its annotations: an envelope.
    LegacyAttestation(BTreeMap<String, String>),
    /// A layer of cosign's `.sig` tag, with its annotations: a payload that names the image.
    LegacySignature(BTreeMap<String, String>),
}

impl Form {
    /// The bytes as a bundle, or why they are none.
    pub(crate) fn bundle(&self, bytes: &[u8]) -> Result<Bundle, String> {
        match self {
            Self::Bundle => Bundle::parse(bytes).map_err(|error| error.to_string()),
            Self::LegacyAttestation(annotations) => {
                legacy::attestation_bundle(bytes, annotations).map_err(|error| error.to_string())
            }
            Self::LegacySignature(annotations) => {
                legacy::signature_bundle(bytes, annotations).map_err(|error| error.to_string())
            }
        }
    }

    pub(crate) const fn is_signature(&self) -> bool {
        matches!(self, Self::LegacySignature(_))
    }

    /// The form as one stable word.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::LegacyAttestation(_) => "cosign-att",
            Self::LegacySignature(_) => "cosign-sig",
        }
    }
}

/// Where to look for evidence.
pub(crate) struct Source<'a> {
    pub(crate) registry: &'a RegistryArgs,
    pub(crate) environment: &'a Environment,
    /// A bundle to judge instead of what is attached.
    pub(crate) bundle: Option<&'a Path>,
    /// What the evidence has to hold.
    pub(crate) wanted: Wanted<'a>,
}

impl Source<'_> {
    /// Finds out what each image is by digest and what there is to judge about it, several at
    /// once, and hands it to `judge`. The results are in the order of the images. A tag is
    /// resolved here, once. Where nothing has to be asked for, nothing is set up either.
    pub(crate) fn each(
        &self,
        images: &[ImageRef],
        judge: impl Fn(&PinnedRef, Evidence) -> Verdict,
    ) -> Result<Vec<Result<Asked, Error>>, Error> {
        let file = self.bundle.map(of_file).transpose()?;
        let pinned: Option<Vec<_>> = images.iter().map(ImageRef::pinned).collect();
        if let (Some(file), Some(pinned)) = (&file, pinned) {
            return Ok(pinned
                .iter()
                .map(|image| Ok((image.clone(), judge(image, file.clone()))))
                .collect());
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Runtime)?;
        let client = self.client();
        let elsewhere = self.repository()?;
        let ask = async |image: &ImageRef| {
            let asked = match &file {
                Some(file) => match client.resolve_digest(image).await {
                    Ok(image) => Ok((image.clone(), judge(&image, file.clone()))),
                    Err(error) => Err(error),
                },
                None => self.ask(&client, image, elsewhere.as_ref(), &judge).await,
            };
            let failed = |source| Error::Registry {
                image: image.to_string(),
                source,
            };
            asked.map_err(failed)
        };
        let all = stream::iter(images).map(ask).buffered(AT_ONCE).collect();
        Ok(runtime.block_on(all))
    }

    /// Asks about one image: first what is listed as attached, and only where that holds no answer
    /// the tags of older formats. An error in either is an error: it never means "look elsewhere".
    async fn ask(
        &self,
        client: &Client,
        image: &ImageRef,
        elsewhere: Option<&Repository>,
        judge: &impl Fn(&PinnedRef, Evidence) -> Verdict,
    ) -> Result<(PinnedRef, Verdict), palisade_oci::Error> {
        let image = client.resolve_digest(image).await?;
        let place = match elsewhere {
            Some(repository) => repository.pin(image.digest().clone()),
            None => image.clone(),
        };
        let evidence = attached(client, &place).await?;
        let mut empty = evidence.bundles.is_empty();
        let mut verdict = judge(&image, evidence);
        if verdict.matches.is_empty() {
            let evidence = crate::legacy::read(client, &place, self.wanted).await?;
            empty &= evidence.bundles.is_empty();
            verdict.merge(judge(&image, evidence));
        }
        if empty {
            // A registry lists nothing for an image that it does not have, or that this account
            // may not see. That is not "unsigned".
            client.manifest(&image).await?;
        }
        Ok((image, verdict))
    }

    /// The repository that holds what is attached, when it is not the image's own.
    pub(crate) fn repository(&self) -> Result<Option<Repository>, Error> {
        let Some(text) = &self.registry.signature_repository else {
            return Ok(None);
        };
        match text.parse::<ImageRef>() {
            Ok(image) if image.tag().is_none() && image.digest().is_none() => {
                Ok(Some(image.repository().clone()))
            }
            _ => Err(Error::Repository { text: text.clone() }),
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.options())
    }

    fn options(&self) -> ClientOptions {
        let variable = |name: &str| self.environment.get(name).map(str::to_owned);
        ClientOptions {
            credentials: CredentialStore::from_environment(variable),
            insecure_hosts: self.registry.insecure_registry.clone(),
            offline: self.registry.offline,
            deadline: DEADLINE,
            user_agent: concat!("palisade-verify/", env!("CARGO_PKG_VERSION")).to_owned(),
            ..ClientOptions::default()
        }
    }
}

/// What is listed as attached.
pub(crate) async fn attached(
    client: &Client,
    image: &PinnedRef,
) -> Result<Evidence, palisade_oci::Error> {
    let found = client.bundles(image).await?;
    let bundles = found.bundles.into_iter().map(|bundle| Found {
        origin: bundle.manifest.to_string(),
        form: Form::Bundle,
        bytes: bundle.bytes,
    });
    Ok(Evidence {
        bundles: bundles.collect(),
        skipped: found.skipped,
        unreadable: found.unreadable,
    })
}

/// The bundle in a file.
pub(crate) fn of_file(path: &Path) -> Result<Evidence, Error> {
    let found = Found {
        origin: path.display().to_string(),
        form: Form::Bundle,
        bytes: file::read("bundle", path, MAX_BUNDLE as u64)?,
    };
    Ok(Evidence {
        bundles: vec![found],
        ..Evidence::default()
    })
}
