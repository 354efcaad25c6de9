//! An allow, signed: written to a file, and attached to what it is about.

use std::path::Path;
use std::time::Duration;

use palisade_attest::Bundle;
use palisade_attest::predicates::vsa;
use palisade_keyless::{Signer, SigningConfig, TokenRequest, find_token};
use palisade_oci::{Attachment, Client, Location};
use palisade_policy::{Attach, Evidence};
use palisade_types::{Decision, PinnedRef};
use palisade_ui::Context;

use crate::args::Args;
use crate::error::Error;
use crate::output::json::Document;
use crate::rules::Rules;
use crate::{file, summary, warns};

/// The largest signing configuration we read, in bytes.
const MAX_CONFIG: usize = 1 << 20;
/// How long asking the CI service for a token may take.
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

#[expect(
    clippy::too_many_arguments,
    reason = "the last step takes what all others made"
)]
pub(crate) async fn publish(
    args: &Args,
    location: &Location,
    client: &Client,
    rules: &Rules,
    document: &Document,
    evidence: &Evidence,
    decision: &Decision,
    context: &Context,
) -> Result<Published, Error> {
    let Some(rule) = rules.policy.vsa() else {
        return Ok(Published::Nothing("the policy asks for no summary"));
    };
    if args.signing.no_sign {
        return Ok(Published::Nothing("`--no-sign`"));
    }
    if warns(decision) {
        return Ok(Published::Nothing("the policy only warns"));
    }
    let statements = summary::statements(rules, rule, decision, evidence, &document.digest());
    if statements.is_empty() {
        return Ok(Published::Nothing("only an allow is signed"));
    }
    let config = signing_config(args.signing.signing_config.as_deref())?;
    let root = rules.root(&rule.trust);
    let signer =
        Signer::new(&config, root, context.now).map_err(|source| Error::Sign { source })?;
    let token = find_token(&token_request(args, context), context.now)
        .await
        .map_err(Error::Token)?;
    let mut bundles: Vec<(PinnedRef, Bundle)> = Vec::new();
    for (about, statement) in statements {
        let bundle = signer.sign_statement(&statement, &token, context.now).await;
        bundles.push((about, bundle.map_err(|source| Error::Sign { source })?));
    }
    if let Some(path) = &args.signing.vsa {
        file::write_whole(path, &lines(&bundles))?;
    }
    let attached = rule.attach == Attach::Referrer && matches!(location, Location::Registry(_));
    if attached {
        attach(client, &bundles, context).await?;
    }
    Ok(Published::Signed {
        bundles: bundles.len(),
        file: args
            .signing
            .vsa
            .as_ref()
            .map(|path| path.display().to_string()),
        attached,
    })
}

fn signing_config(path: Option<&Path>) -> Result<SigningConfig, Error> {
    let config = match path {
        Some(path) => SigningConfig::parse(&file::read("signing configuration", path, MAX_CONFIG)?),
        None => SigningConfig::public_good(),
    };
    config.map_err(Error::SigningConfig)
}

fn token_request(args: &Args, context: &Context) -> TokenRequest {
    let variable = |name: &str| context.environment.get(name).map(str::to_owned);
    TokenRequest {
        flag: args.signing.identity_token.clone(),
        sigstore_id_token: variable("SIGSTORE_ID_TOKEN"),
        actions_url: variable("ACTIONS_ID_TOKEN_REQUEST_URL"),
        actions_token: variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
        in_github_actions: context.environment.get("GITHUB_ACTIONS") == Some("true"),
        deadline: TOKEN_DEADLINE,
    }
}

/// One bundle a line. JSON strings hold no raw line breaks, so a line is a document.
fn lines(bundles: &[(PinnedRef, Bundle)]) -> Vec<u8> {
    let mut text = Vec::new();
    for (_, bundle) in bundles {
        let bytes = bundle.bytes();
        text.extend(
            bytes
                .iter()
                .copied()
                .filter(|byte| !matches!(byte, b'\n' | b'\r')),
        );
        text.push(b'\n');
    }
    text
}

async fn attach(
    client: &Client,
    bundles: &[(PinnedRef, Bundle)],
    context: &Context,
) -> Result<(), Error> {
    for (image, bundle) in bundles {
        let failed = |source| Error::Attach {
            image: image.clone(),
            source,
        };
        let manifest = client.manifest(image).await.map_err(failed)?;
        let bytes = bundle.bytes().to_vec();
        let attachment = Attachment::sigstore_bundle(bytes, vsa::TYPE, context.now);
        client
            .attach(image, &manifest.descriptor, &attachment)
            .await
            .map_err(failed)?;
    }
    Ok(())
}
