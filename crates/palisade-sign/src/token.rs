//! Who signs: a token that was given, one that the surroundings hold ready, or a person.

use std::path::PathBuf;
use std::time::Duration;

use palisade_keyless::{
    Ambient, Flow, IdentityToken, Prompt, SigningConfig, TokenRequest, find_token_with, login,
};
use palisade_ui::{Context, escape};

use crate::args::{OidcFlow, SigningArgs};
use crate::error::Error;

/// How long asking the CI service for a token may take.
const DEADLINE: Duration = Duration::from_mins(1);
/// How long a person may take to sign in.
const PATIENCE: Duration = Duration::from_mins(5);
/// Where sigstore's tools expect platforms to put a token.
const TOKEN_FILE: &str = "/var/run/sigstore/cosign/oidc-token";
/// Where a machine says who made it, and what Google's say.
const PRODUCT_FILE: &str = "/sys/class/dmi/id/product_name";
const GOOGLE: [&str; 2] = ["Google", "Google Compute Engine"];
const METADATA_HOST: &str = "metadata.google.internal";

pub(crate) async fn find(
    args: &SigningArgs,
    config: &SigningConfig,
    context: &Context,
) -> Result<IdentityToken, Error> {
    let token = match args.oidc_flow {
        None => {
            find_token_with(
                &request(args, context),
                Some(&ambient(context)),
                context.now,
            )
            .await
        }
        Some(_) if context.environment.has("CI") => return Err(Error::Nobody),
        Some(flow) => {
            let flow = match flow {
                OidcFlow::Browser => Flow::Browser,
                OidcFlow::Device => Flow::Device,
            };
            let issuer = config
                .issuer(context.now)
                .map_err(palisade_keyless::Error::Config)?;
            let prompt = |prompt: &Prompt| context.printer.note(&told(prompt));
            login(flow, &issuer, PATIENCE, context.now, prompt).await
        }
    };
    token.map_err(|error| Error::Token { error })
}

fn told(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Open(url) => format!("open this address to sign in: {}", escape(url)),
        Prompt::Type { url, code } => {
            let (url, code) = (escape(url), escape(code));
            format!("open {url} on any device and type the code {code}")
        }
    }
}

fn request(args: &SigningArgs, context: &Context) -> TokenRequest {
    let variable = |name: &str| context.environment.get(name).map(str::to_owned);
    TokenRequest {
        flag: args.identity_token.as_ref().map(|secret| secret.0.clone()),
        sigstore_id_token: variable("SIGSTORE_ID_TOKEN"),
        actions_url: variable("ACTIONS_ID_TOKEN_REQUEST_URL"),
        actions_token: variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
        in_github_actions: is(context, "GITHUB_ACTIONS"),
        deadline: DEADLINE.min(Duration::from_secs(args.timeout)),
    }
}

fn ambient(context: &Context) -> Ambient {
    let named = context.environment.get("GCE_METADATA_HOST");
    Ambient {
        in_gitlab: is(context, "GITLAB_CI"),
        in_buildkite: is(context, "BUILDKITE"),
        in_circleci: is(context, "CIRCLECI"),
        metadata_host: named
            .map(str::to_owned)
            .or_else(|| is_google().then(|| METADATA_HOST.to_owned())),
        token_file: Some(PathBuf::from(TOKEN_FILE)),
    }
}

fn is(context: &Context, name: &str) -> bool {
    context.environment.get(name) == Some("true")
}

fn is_google() -> bool {
    std::fs::read_to_string(PRODUCT_FILE).is_ok_and(|name| GOOGLE.contains(&name.trim()))
}
