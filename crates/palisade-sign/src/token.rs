//! Who signs: a token that was given, one that the surroundings hold ready, or a person.

use std::time::Duration;

use palisade_keyless::{
    Flow, IdentityToken, Prompt, Proxies, SigningConfig, TokenRequest, find_token, login,
};
use palisade_ui::{Context, escape};

use crate::args::{OidcFlow, SigningArgs};
use crate::error::Error;

/// How long asking the CI service for a token may take.
const DEADLINE: Duration = Duration::from_mins(1);
/// How long a person may take to sign in.
const PATIENCE: Duration = Duration::from_mins(5);

/// The token that the flags name or the surroundings hold, or that a person signs in for.
pub(crate) async fn find(
    args: &SigningArgs,
    config: &SigningConfig,
    context: &Context,
) -> Result<IdentityToken, Error> {
    let token = match args.oidc_flow {
        None => {
            let flag = args.identity_token.as_ref();
            let flag = flag.map(|secret| secret.expose().to_owned());
            let variable = |name: &str| context.environment.get(name).map(str::to_owned);
            let deadline = DEADLINE.min(Duration::from_secs(args.timeout));
            let request =
                TokenRequest::from_environment(flag, variable, proxies(context), deadline);
            find_token(&request, context.now).await
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
            let proxies = proxies(context);
            login(flow, &issuer, proxies, PATIENCE, context.now, prompt).await
        }
    };
    let token = token.map_err(|error| Error::Token { error })?;
    // When a service refuses it, this is what to compare with what the service takes.
    let claims = token.claims();
    let (subject, issuer) = (escape(&claims.subject), escape(&claims.issuer));
    context
        .printer
        .note(&format!("identity token of {subject} from {issuer}"));
    Ok(token)
}

/// The proxies that the environment names, for the services that sign.
pub(crate) fn proxies(context: &Context) -> Proxies {
    let variable = |name: &str| context.environment.get(name).map(str::to_owned);
    let proxies = palisade_oci::Proxies::from_environment(variable);
    Proxies::new(move |url| match proxies.serving(url) {
        Ok(proxy) => Ok(proxy.cloned()),
        Err(error) => Err(error.to_string()),
    })
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
