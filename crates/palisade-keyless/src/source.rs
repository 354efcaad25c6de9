//! Where an identity token comes from: a flag, the environment, or the CI service.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use palisade_types::Timestamp;
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use crate::ambient::{self, METADATA_HOST};
use crate::error::{Error, Kind};
use crate::http::{Ask, Http, Service, is_safe};
use crate::login::LoginError;
use crate::proxy::Proxies;
use crate::spiffe::SpiffeError;
use crate::token::{IdentityToken, MAX_TOKEN, NotAToken, has_form};

/// The audience Fulcio accepts.
pub(crate) const AUDIENCE: &str = "sigstore";
/// The longest path that is tried as a file.
const MAX_PATH: usize = 4096;

/// Where sigstore's tools expect a platform to put a token.
const TOKEN_FILE: &str = "/var/run/sigstore/cosign/oidc-token";
/// Where a machine says who made it, and what Google's say.
const PRODUCT_FILE: &str = "/sys/class/dmi/id/product_name";
const GOOGLE: [&str; 2] = ["Google", "Google Compute Engine"];

/// Everything a token may come from, as plain data.
#[derive(Clone, Default)]
pub struct TokenRequest {
    /// The value of `--identity-token`: a token, or the path of a file that holds one.
    pub flag: Option<String>,
    /// `SIGSTORE_ID_TOKEN`.
    pub sigstore_id_token: Option<String>,
    /// `ACTIONS_ID_TOKEN_REQUEST_URL`.
    pub actions_url: Option<String>,
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
    pub actions_token: Option<String>,
    /// The CI service that this is a job of: GitHub Actions, GitLab CI, Buildkite or CircleCI.
    pub ci: Option<Origin>,
    /// The host of Google's metadata server, when this machine is one of Google's.
    pub metadata_host: Option<String>,
    /// `SPIFFE_ENDPOINT_SOCKET`.
    pub spiffe_socket: Option<String>,
    /// Where a platform puts a token, for example a projected volume of Kubernetes.
    pub token_file: Option<PathBuf>,
    /// The proxies on the way to GitHub's token endpoint. Everything else is on this machine.
    pub proxies: Proxies,
    /// How long asking for it may take, retries included.
    pub deadline: Duration,
}

impl TokenRequest {
    /// What a flag and the environment offer. `variable` reads one variable; whether this is a
    /// machine of Google's stands in a file of the system.
    pub fn from_environment(
        flag: Option<String>,
        variable: impl Fn(&str) -> Option<String>,
        proxies: Proxies,
        deadline: Duration,
    ) -> Self {
        let services = [
            ("GITHUB_ACTIONS", Origin::GithubActions),
            ("GITLAB_CI", Origin::Gitlab),
            ("BUILDKITE", Origin::Buildkite),
            ("CIRCLECI", Origin::CircleCi),
        ];
        let mut services = services.into_iter();
        let ci = services.find(|(name, _)| variable(name).as_deref() == Some("true"));
        let is_google = || {
            std::fs::read_to_string(PRODUCT_FILE).is_ok_and(|name| GOOGLE.contains(&name.trim()))
        };
        Self {
            flag,
            sigstore_id_token: variable("SIGSTORE_ID_TOKEN"),
            actions_url: variable("ACTIONS_ID_TOKEN_REQUEST_URL"),
            actions_token: variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
            ci: ci.map(|(_, service)| service),
            metadata_host: variable("GCE_METADATA_HOST")
                .or_else(|| is_google().then(|| METADATA_HOST.to_owned())),
            spiffe_socket: variable("SPIFFE_ENDPOINT_SOCKET"),
            token_file: Some(TOKEN_FILE.into()),
            proxies,
            deadline,
        }
    }
}

/// Where a token was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `buildkite-agent`.
    Buildkite,
    /// `circleci`.
    CircleCi,
    /// `--identity-token`.
    Flag,
    /// GitHub's token endpoint.
    GithubActions,
    /// A job's `id_tokens`.
    Gitlab,
    /// Google's metadata server.
    GoogleCloud,
    /// A person who signed in.
    Login,
    /// The agent of a SPIFFE trust domain.
    Spiffe,
    /// A file that the platform puts there.
    TokenFile,
    /// `SIGSTORE_ID_TOKEN`.
    Variable,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Buildkite => "Buildkite",
            Self::CircleCi => "CircleCI",
            Self::Flag => "`--identity-token`",
            Self::GithubActions => "GitHub Actions",
            Self::Gitlab => "GitLab CI",
            Self::GoogleCloud => "Google Cloud",
            Self::Login => "the identity provider",
            Self::Spiffe => "SPIFFE",
            Self::TokenFile => "`/var/run/sigstore/cosign/oidc-token`",
            Self::Variable => "`SIGSTORE_ID_TOKEN`",
        })
    }
}

/// Why there is no token. No variant repeats what was given: it may be one.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The address to ask is no safe one.
    #[error("`ACTIONS_ID_TOKEN_REQUEST_URL` is not an address a secret may be sent to")]
    Address,
    /// Nobody signed in.
    #[error("nobody is signed in: {0}")]
    Login(#[from] LoginError),
    /// The metadata server's address is neither its own nor this machine's.
    #[error("the metadata server's host is not an address to believe")]
    Metadata,
    /// The CI service's own program gave no token.
    #[error("{origin} gave no token: `{program}`: {why}")]
    Program {
        /// The CI service.
        origin: Origin,
        /// Its program.
        program: &'static str,
        /// Its exit code and what it wrote to stderr, bounded and safe to print.
        why: String,
    },
    /// The SPIFFE agent gave no token.
    #[error("there is no token: {0}")]
    Spiffe(#[from] SpiffeError),
    /// The platform's token file cannot be read.
    #[error("the token file of {origin} cannot be read")]
    TokenFile {
        /// Which one.
        origin: Origin,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The flag's value is no token, and no file of that name can be read.
    #[error("the value of `--identity-token` is neither a token nor a file that can be read")]
    File {
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// What was found is no token, or an expired one.
    #[error("the token from {origin} cannot be used: {why}")]
    NotAToken {
        /// Where it came from.
        origin: Origin,
        /// What is wrong with it.
        #[source]
        why: NotAToken,
    },
    /// There is none.
    #[error("there is no identity token to sign with{}", lines(.tried))]
    None {
        /// The CI service that this is a job of.
        ci: Option<Origin>,
        /// Each place that was looked at, and what is missing there.
        tried: Vec<(Origin, &'static str)>,
    },
    /// The CI service did not give one.
    #[error("there is no token: {0}")]
    Service(#[source] Error),
}

fn lines(tried: &[(Origin, &str)]) -> String {
    tried.iter().fold(String::new(), |text, (origin, missing)| {
        format!("{text}\n  {origin}: {missing}")
    })
}

impl TokenError {
    /// Which kind of failure this is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Address | Self::File { .. } | Self::Metadata | Self::None { .. } => Kind::Usage,
            Self::NotAToken { origin, .. } => match origin {
                Origin::Flag | Origin::Variable => Kind::Usage,
                _ => Kind::Unavailable,
            },
            Self::Login(error) => match error {
                LoginError::Address(_) => Kind::Usage,
                LoginError::Issuer { .. } | LoginError::Mismatch(_) | LoginError::Refused(_) => {
                    Kind::Refused
                }
                LoginError::Listen(_) | LoginError::Timeout(_) => Kind::Unavailable,
            },
            Self::Program { .. } | Self::TokenFile { .. } => Kind::Unavailable,
            Self::Spiffe(error) => match error {
                SpiffeError::Address => Kind::Usage,
                SpiffeError::Refused { .. } => Kind::Refused,
                SpiffeError::Malformed(_) | SpiffeError::Unavailable(_) => Kind::Unavailable,
            },
            Self::Service(error) => error.kind(),
        }
    }
}

/// The first token there is, in this order: the flag, `SIGSTORE_ID_TOKEN`, GitHub Actions, the
/// platform's token file, the SPIFFE agent, the other CI services, Google Cloud. A source that is
/// there and fails is an error: another identity than the intended one would sign.
pub async fn find_token(
    request: &TokenRequest,
    now: Timestamp,
) -> Result<IdentityToken, TokenError> {
    if let Some(flag) = &request.flag {
        return parse(Origin::Flag, &literal_or_file(flag)?, now);
    }
    if let Some(text) = &request.sigstore_id_token {
        return parse(Origin::Variable, text, now);
    }
    if let (Some(url), Some(bearer)) = (&request.actions_url, &request.actions_token) {
        let text = ask_github(url, bearer, request.proxies.clone(), request.deadline).await?;
        return parse(Origin::GithubActions, &text, now);
    }
    let mut tried = vec![
        (Origin::Flag, "not given"),
        (Origin::Variable, "not set"),
        (Origin::GithubActions, missing_in_actions(request)),
    ];
    // A run on GitHub that may not ask is not signed for by the machine it runs on.
    if request.ci != Some(Origin::GithubActions) {
        match ambient::find(request, now).await? {
            Ok(token) => return Ok(token),
            Err(missing) => tried.extend(missing),
        }
    }
    Err(TokenError::None {
        ci: request.ci,
        tried,
    })
}

pub(crate) fn parse(
    origin: Origin,
    text: &str,
    now: Timestamp,
) -> Result<IdentityToken, TokenError> {
    IdentityToken::parse(text, now).map_err(|why| TokenError::NotAToken { origin, why })
}

const fn missing_in_actions(request: &TokenRequest) -> &'static str {
    if matches!(request.ci, Some(Origin::GithubActions)) {
        "the job may not ask for one; it needs `permissions: id-token: write`"
    } else {
        "this is no run there: ACTIONS_ID_TOKEN_REQUEST_URL and …_TOKEN are not set"
    }
}

/// What looks like a token is one; anything else names a file.
fn literal_or_file(value: &str) -> Result<String, TokenError> {
    if has_form(value.trim()) {
        return Ok(value.to_owned());
    }
    if value.len() > MAX_PATH {
        return Err(TokenError::NotAToken {
            origin: Origin::Flag,
            why: NotAToken::TooLarge,
        });
    }
    read_file(Origin::Flag, Path::new(value))
}

/// A file that holds a token.
pub(crate) fn read_file(origin: Origin, path: &Path) -> Result<String, TokenError> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_TOKEN as u64 + 1).read_to_end(&mut text))
        .map_err(|source| match origin {
            Origin::Flag => TokenError::File { source },
            origin => TokenError::TokenFile { origin, source },
        })?;
    if text.len() > MAX_TOKEN {
        let why = NotAToken::TooLarge;
        return Err(TokenError::NotAToken { origin, why });
    }
    let why = NotAToken::Form("not text");
    String::from_utf8(text).map_err(|_| TokenError::NotAToken { origin, why })
}

/// GitHub's OpenID Connect reference: a request with the audience added, answered by `value`.
async fn ask_github(
    url: &str,
    bearer: &str,
    proxies: Proxies,
    deadline: Duration,
) -> Result<String, TokenError> {
    let mut url: Url = url.parse().map_err(|_| TokenError::Address)?;
    if !is_safe(&url) {
        return Err(TokenError::Address);
    }
    url.query_pairs_mut().append_pair("audience", AUDIENCE);
    let service = Service::new("the token service", url.clone());
    let http = Http::new(proxies);
    let mut authorization =
        HeaderValue::from_str(&format!("Bearer {bearer}")).map_err(|_| TokenError::Address)?;
    authorization.set_sensitive(true);
    let ask = Ask {
        method: Method::GET,
        url,
        headers: vec![
            (ACCEPT, HeaderValue::from_static("application/json")),
            (AUTHORIZATION, authorization),
        ],
        body: Vec::new(),
        limit: MAX_TOKEN,
    };
    let until = Instant::now() + deadline;
    let answer = http.until(until, &|_, _| ()).send(&service, ask).await;
    let answer = answer.map_err(TokenError::Service)?;
    if !answer.status.is_success() {
        return Err(TokenError::Service(service.refused(&answer, bearer)));
    }
    serde_json::from_slice::<Value>(&answer.body)
        .ok()
        .and_then(|value| value.get("value")?.as_str().map(str::to_owned))
        .ok_or_else(|| TokenError::Service(service.malformed("there is no `value` in it")))
}
