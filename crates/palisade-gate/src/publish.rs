//! An allow, signed: written to a file, and attached to what it is about.

use std::time::Duration;

use palisade_attest::predicates::vsa;
use palisade_attest::{Bundle, Statement};
use palisade_keyless::{Proxies, Signer, SigningConfig, TokenRequest, find_token};
use palisade_oci::{Attachment, Location};
use palisade_policy::{Attach, Evidence, VsaRule};
use palisade_roots::Origin;
use palisade_types::{Decision, Mode, PinnedRef};

use crate::args::Args;
use crate::error::Error;
use crate::output::json::Document;
use crate::rules::Rules;
use crate::{Run, file, summary};

/// The largest signing configuration we read, in bytes.
const MAX_CONFIG: usize = 1 << 20;
/// How long asking for a token may take.
const TOKEN_DEADLINE: Duration = Duration::from_secs(30);

/// What became of the decision.
pub(crate) enum Published {
    /// Nothing was signed, and why.
    Nothing(&'static str),
    /// Signed: the summaries, where they were written, and whether they were attached.
    Signed {
        bundles: usize,
        file: Option<String>,
        attached: bool,
    },
}

impl Run<'_> {
    /// Signs the decision, if it is one to sign, and puts the summaries where they belong.
    pub(crate) async fn publish(
        &self,
        decision: &Decision,
        evidence: &Evidence,
        document: &Document,
    ) -> Result<Published, Error> {
        let Some(rule) = self.rules.policy.vsa() else {
            return Ok(Published::Nothing("the policy asks for no summary"));
        };
        if self.args.signing.no_sign {
            return Ok(Published::Nothing("`--no-sign`"));
        }
        if decision.policy().mode == Mode::Warn {
            return Ok(Published::Nothing("the policy only warns"));
        }
        let rules = &self.rules;
        let statements = summary::statements(rules, rule, decision, evidence, &document.digest())?;
        if statements.is_empty() {
            return Ok(Published::Nothing("only an allow is signed"));
        }
        let bundles = self.sign(rule, &statements).await?;
        let on_registry = matches!(self.location, Location::Registry(_));
        let attached = rule.attach == Attach::Referrer && on_registry;
        self.put(&bundles, attached).await?;
        let file = self.args.signing.vsa.as_deref();
        Ok(Published::Signed {
            bundles: bundles.len(),
            file: file.map(|path| path.display().to_string()),
            attached,
        })
    }

    /// Puts the summaries where they belong: first everything that may still fail, last what
    /// releases the image, so that a run that ends with an error left nothing that does.
    ///
    /// The file is written whole before anything is attached, under a name nobody reads. Then come
    /// the summaries of the leaves, then the image's, and the file moves into its place. When a leaf
    /// cannot be attached, those before it keep theirs: each says of one platform what was decided,
    /// none speaks for the image, and the next run adds the rest. One step is left that can fail
    /// after the image's summary is attached: renaming a file within its folder.
    async fn put(&self, bundles: &[(PinnedRef, Bundle)], attach: bool) -> Result<(), Error> {
        let lines = lines(bundles);
        let path = self.args.signing.vsa.as_deref();
        let file = path.map(|path| file::Prepared::new(path, &lines));
        let file = file.transpose()?;
        if attach {
            // The image stands first.
            for (about, bundle) in bundles.iter().rev() {
                self.attach(about, bundle).await?;
            }
        }
        file.map_or(Ok(()), file::Prepared::place)
    }

    async fn sign(
        &self,
        rule: &VsaRule,
        statements: &[(PinnedRef, Statement)],
    ) -> Result<Vec<(PinnedRef, Bundle)>, Error> {
        let now = self.context.now;
        let failed = |source| Error::Sign { source };
        let config = self.config.as_ref();
        let config = config.expect("it was read, since the policy asks for a summary");
        let signer =
            Signer::new(config, &self.rules.root(&rule.trust).root, now).map_err(failed)?;
        let signer = signer.with_proxies(self.proxies());
        let token = find_token(&self.token_request(), now)
            .await
            .map_err(Error::Token)?;
        let mut bundles = Vec::new();
        for (about, statement) in statements {
            let bundle = signer.sign_statement(statement, &token, now).await;
            bundles.push((about.clone(), bundle.map_err(failed)?));
        }
        Ok(bundles)
    }

    async fn attach(&self, image: &PinnedRef, bundle: &Bundle) -> Result<(), Error> {
        let failed = |source| Error::Attach {
            image: image.to_string(),
            source,
        };
        let manifest = self.client.manifest(image).await.map_err(failed)?;
        let bytes = bundle.bytes().to_vec();
        let attachment = Attachment::sigstore_bundle(bytes, vsa::TYPE, self.context.now);
        let attached = self
            .client
            .attach(image, &manifest.descriptor, &attachment)
            .await;
        attached.map(drop).map_err(failed)
    }

    fn token_request(&self) -> TokenRequest {
        let variable = |name: &str| self.context.environment.get(name).map(str::to_owned);
        let flag = self.args.signing.identity_token.as_ref();
        let flag = flag.map(|secret| secret.expose().to_owned());
        TokenRequest::from_environment(flag, variable, self.proxies(), TOKEN_DEADLINE)
    }

    /// The proxies that the environment names, for the services that sign.
    fn proxies(&self) -> Proxies {
        let variable = |name: &str| self.context.environment.get(name).map(str::to_owned);
        let proxies = palisade_oci::Proxies::from_environment(variable);
        Proxies::new(move |url| match proxies.serving(url) {
            Ok(proxy) => Ok(proxy.cloned()),
            Err(error) => Err(error.to_string()),
        })
    }
}

/// The services to sign with, when an allow would be signed. Read first, so that a wrong file is
/// noticed before anything is asked.
pub(crate) fn signing_config(args: &Args, rules: &Rules) -> Result<Option<SigningConfig>, Error> {
    let Some(rule) = rules.policy.vsa().filter(|_| !args.signing.no_sign) else {
        return Ok(None);
    };
    if let Some(path) = &args.signing.signing_config {
        let bytes = file::read("signing configuration", path, MAX_CONFIG)?;
        return SigningConfig::parse(&bytes)
            .map(Some)
            .map_err(Error::SigningConfig);
    }
    let loaded = rules.root(&rule.trust);
    let config = match &loaded.origin {
        Origin::Embedded(instance) => SigningConfig::embedded(*instance),
        Origin::File => SigningConfig::public_good().map(Some),
        Origin::Tuf { signing_config } => signing_config
            .as_deref()
            .map(SigningConfig::parse)
            .transpose(),
    };
    let config = config.map_err(|source| Error::Services {
        origin: loaded.source.clone(),
        source,
    })?;
    config.map(Some).ok_or_else(|| Error::NoServices {
        origin: loaded.source.clone(),
    })
}

/// One bundle a line. JSON strings hold no raw line breaks, so a line is a document.
fn lines(bundles: &[(PinnedRef, Bundle)]) -> Vec<u8> {
    let mut text = Vec::new();
    for (_, bundle) in bundles {
        let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
        text.extend(
            bundle
                .bytes()
                .iter()
                .copied()
                .filter(|byte| !is_break(byte)),
        );
        text.push(b'\n');
    }
    text
}
