//! Tokens that a CI service, a cloud or the file system holds ready for the running job.

use std::process::Stdio;
use std::time::Duration;

use palisade_types::Timestamp;
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::{Instant, timeout};
use url::Url;

use crate::http::{Ask, Http, Service, is_safe, printable};
use crate::proxy::Proxies;
use crate::source::{AUDIENCE, Origin, TokenError, TokenRequest, parse, read_file};
use crate::spiffe;
use crate::token::{IdentityToken, MAX_TOKEN};

/// The longest complaint of a program that is kept, in bytes.
const MAX_COMPLAINT: u64 = 4 << 10;
/// The name that Google's metadata server has from everywhere inside.
pub(crate) const METADATA_HOST: &str = "metadata.google.internal";

/// The first that there is; else what is missing in each place.
pub(crate) async fn find(
    request: &TokenRequest,
    now: Timestamp,
) -> Result<Result<IdentityToken, Vec<(Origin, &'static str)>>, TokenError> {
    let deadline = request.deadline;
    if let Some(path) = &request.token_file
        && path.exists()
    {
        let text = read_file(Origin::TokenFile, path)?;
        return parse(Origin::TokenFile, &text, now).map(Ok);
    }
    if let Some(endpoint) = &request.spiffe_socket {
        let text = spiffe::fetch(endpoint, AUDIENCE, deadline).await?;
        return parse(Origin::Spiffe, &text, now).map(Ok);
    }
    let program = match request.ci {
        Some(Origin::Buildkite) => Some((
            Origin::Buildkite,
            "buildkite-agent",
            &["oidc", "request-token", "--audience", AUDIENCE][..],
        )),
        Some(Origin::CircleCi) => Some((
            Origin::CircleCi,
            "circleci",
            &[
                "run",
                "oidc",
                "get",
                "--root-issuer",
                "--claims",
                r#"{"aud":"sigstore"}"#,
            ][..],
        )),
        _ => None,
    };
    if let Some((origin, program, arguments)) = program {
        let text = run(origin, program, arguments, deadline).await?;
        return parse(origin, &text, now).map(Ok);
    }
    if let Some(host) = &request.metadata_host {
        let text = ask_metadata(host, deadline).await?;
        return parse(Origin::GoogleCloud, &text, now).map(Ok);
    }
    let gitlab = if request.ci == Some(Origin::Gitlab) {
        "the job has no token; it needs `id_tokens: SIGSTORE_ID_TOKEN: aud: sigstore`"
    } else {
        "this is no job there"
    };
    let mut missing = vec![
        (Origin::Gitlab, gitlab),
        (Origin::Buildkite, "this is no job there"),
        (Origin::CircleCi, "this is no job there"),
        (Origin::GoogleCloud, "this is no machine there"),
        (Origin::Spiffe, "SPIFFE_ENDPOINT_SOCKET is not set"),
    ];
    if request.token_file.is_some() {
        missing.push((Origin::TokenFile, "there is none"));
    }
    Ok(Err(missing))
}

/// Runs the CI service's own program. What it prints to stdout is a secret, and never shown.
async fn run(
    origin: Origin,
    program: &'static str,
    arguments: &[&str],
    deadline: Duration,
) -> Result<String, TokenError> {
    let failed = |why: String| TokenError::Program {
        origin,
        program,
        why,
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (mut stdout, mut stderr) = (
        stdout.expect("it is piped").take(MAX_TOKEN as u64 + 1),
        stderr.expect("it is piped").take(MAX_COMPLAINT),
    );
    let (mut token, mut complaint) = (Vec::new(), Vec::new());
    let work = async {
        tokio::try_join!(
            stdout.read_to_end(&mut token),
            stderr.read_to_end(&mut complaint)
        )?;
        // What is longer than we read would block the program for ever.
        drop((stdout, stderr));
        child.wait().await
    };
    let status = timeout(deadline, work)
        .await
        .map_err(|_| failed(format!("it did not end within {} s", deadline.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        let said = String::from_utf8_lossy(&complaint);
        return Err(failed(format!("{status}: {}", printable(said.trim()))));
    }
    String::from_utf8(token).map_err(|_| failed("what it printed is not text".to_owned()))
}

/// Google Cloud, *Verify the identity of instances*: one request to the machine's own server.
async fn ask_metadata(host: &str, deadline: Duration) -> Result<String, TokenError> {
    let path = "computeMetadata/v1/instance/service-accounts/default/identity";
    let mut url: Url = format!("http://{host}/{path}")
        .parse()
        .map_err(|_| TokenError::Metadata)?;
    // Plain HTTP, as that server speaks nothing else; so it must be that server.
    if url.host_str() != Some(METADATA_HOST) && !is_safe(&url) {
        return Err(TokenError::Metadata);
    }
    url.query_pairs_mut()
        .append_pair("audience", AUDIENCE)
        .append_pair("format", "full");
    let service = Service::new("Google's metadata server", url.clone());
    let http = Http::new(Proxies::none());
    let ask = Ask {
        method: Method::GET,
        url,
        headers: vec![(
            HeaderName::from_static("metadata-flavor"),
            HeaderValue::from_static("Google"),
        )],
        body: Vec::new(),
        limit: MAX_TOKEN,
    };
    let until = Instant::now() + deadline;
    let answer = http.until(until, &|_, _| ()).send(&service, ask).await;
    let answer = answer.map_err(TokenError::Service)?;
    if !answer.status.is_success() {
        return Err(TokenError::Service(service.refused(&answer, "")));
    }
    String::from_utf8(answer.body)
        .map_err(|_| TokenError::Service(service.malformed("it is not text")))
}
