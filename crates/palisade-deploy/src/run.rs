//! The command: read the flags, redeem a decision, release, report.

use std::path::Path;

use palisade_oci::Client;
use palisade_trust::{ClaimPattern, ExpectedSigner, SignerClaim, TrustRoot};
use palisade_types::{Digest, FrozenSubject, PinnedRef, SignerIdentity};
use palisade_ui::files::{self, ReadError};
use palisade_ui::{Context, Environment, Exit, Format, escape};

use crate::args::{Args, DecisionArgs, PlatformArgs, RenderArgs};
use crate::driver::drive;
use crate::error::Error;
use crate::http::{ApiKey, Endpoint, Http, SystemClock};
use crate::platforms::render::{self, Outcome, Render};
use crate::receipt_file::ReceiptFile;
use crate::record::Entry;
use crate::report::{Document, Target, print};
use crate::summaries::{self, Candidate, Found};
use crate::ticket::{DeployTicket, Expectation};

/// The variable with Render's API key.
const RENDER_API_KEY: &str = "RENDER_API_KEY";
/// The variable with another address of Render's API.
const RENDER_HOST: &str = "RENDER_HOST";
/// The issuer of GitHub Actions' identity tokens.
const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";

/// Releases an image on a platform.
pub fn run(args: Args, context: &Context) -> Result<Exit, Error> {
    let PlatformArgs::Render(args) = args.platform;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Client(error.to_string()))?;
    runtime.block_on(deploy_on_render(&args, context))
}

async fn deploy_on_render(args: &RenderArgs, context: &Context) -> Result<Exit, Error> {
    let clock = SystemClock::starting_at(context.now);
    // Everything that can be wrong on the command line is looked at before anything is sent.
    let image = parse_image(&args.image)?;
    let render = Render {
        service: args.service.parse().map_err(Error::Service)?,
        timeout: args.pace.timeout,
        poll_interval: args.pace.poll_interval,
        soak: args.pace.soak,
    };
    let http = render_api(args, &context.environment)?;
    let loaded = args.decision.trust.load(false, context).await?;
    let line = loaded.facts().line(context.now);
    context
        .printer
        .note(&format!("trust root: {}", escape(&line)));
    let target = Target {
        trust_root: Some(loaded.facts()),
        platform: "render",
        api: http.endpoint().to_string(),
        service: render.service.to_string(),
        image,
    };
    let receipt = args.output.receipt.as_deref().map(reserve).transpose()?;
    let ticket = redeem(args, &loaded.root, &target, context).await?;

    let mut release = if args.pace.dry_run {
        render.plan(ticket)
    } else {
        render.release(ticket)
    };
    let tell = |entry: &Entry| context.printer.note(&entry.event);
    let outcome = drive(&mut release, &http, &clock, tell).await;
    for warning in &release.record().warnings {
        context.printer.warn(warning);
    }
    let document = Document::ended(&target, &outcome, release.approval(), release.record());
    match args.output.format {
        Format::Json => context.printer.json(&document),
        Format::Text => print(context.printer, &target, &outcome, release.record()),
    }
    match outcome {
        Outcome::Live(_) => {
            if let (Some(file), Some(path)) = (receipt, &args.output.receipt) {
                keep(file, path, &target, &document)?;
            }
            Ok(Exit::Ok)
        }
        Outcome::NotLive(failure) => Err(Error::NotLive(Box::new(failure))),
        Outcome::Planned(_) => Ok(Exit::Ok),
    }
}

/// A tag is refused: what it names may be something else by the time it is deployed.
fn parse_image(text: &str) -> Result<PinnedRef, Error> {
    text.parse().map_err(|source| Error::NotPinned {
        image: escape(text),
        source,
    })
}

fn render_api(args: &RenderArgs, environment: &Environment) -> Result<Http, Error> {
    let address = args.render_host.as_deref();
    let address = address
        .or_else(|| environment.get(RENDER_HOST))
        .unwrap_or(render::API);
    let endpoint = Endpoint::parse(address, "/v1").map_err(|source| Error::Address {
        address: escape(address),
        source,
    })?;
    let key = environment.get(RENDER_API_KEY).ok_or(Error::NoKey {
        variable: RENDER_API_KEY,
    })?;
    let key = ApiKey::parse(key).map_err(|source| Error::BadKey {
        variable: RENDER_API_KEY,
        source,
    })?;
    Http::new(endpoint, key).map_err(Error::Client)
}

fn reserve(path: &Path) -> Result<ReceiptFile, Error> {
    ReceiptFile::reserve(path).map_err(file_error("write", path))
}

/// Writes the receipt. What comes after this step may need it, so its lack is no success; the image
/// runs all the same, so it is no wrong command line either.
fn keep(file: ReceiptFile, path: &Path, target: &Target, document: &Document) -> Result<(), Error> {
    file.write(document).map_err(|source| Error::ReceiptLost {
        image: target.image.to_string(),
        path: path.to_owned(),
        source,
    })
}

/// Reads every byte the image consists of, and finds a decision that releases them.
async fn redeem(
    args: &RenderArgs,
    root: &TrustRoot,
    target: &Target,
    context: &Context,
) -> Result<DeployTicket, Error> {
    let (args, format) = (&args.decision, args.output.format);
    let expectation = expectation(args);
    let from_file = args.vsa.as_deref().map(bundles_in).transpose()?;
    let client = registry(args, &context.environment);
    let unreadable = |source| Error::Registry {
        image: target.image.to_string(),
        source,
    };
    let subject: FrozenSubject = client.freeze(&target.image).await.map_err(unreadable)?;
    let found = match from_file {
        Some(bundles) => Found {
            bundles,
            unreadable: Vec::new(),
        },
        None => summaries::attached(&client, &subject)
            .await
            .map_err(unreadable)?,
    };
    let redeemed = summaries::redeem_any(&found.bundles, &subject, root, &expectation, context.now);
    redeemed.map_err(|candidates| {
        let error = not_redeemed(target, candidates, found.unreadable);
        if format == Format::Json {
            context
                .printer
                .json(&Document::not_redeemed(target, &error));
        }
        error
    })
}

/// "There is no decision" is an answer only when everything that is there could be read.
fn not_redeemed(
    target: &Target,
    candidates: Vec<Candidate>,
    unreadable: Vec<(Digest, String)>,
) -> Error {
    let image = target.image.to_string();
    if unreadable.is_empty() {
        Error::Refused { image, candidates }
    } else {
        Error::Unreadable {
            image,
            candidates,
            unreadable,
        }
    }
}

fn expectation(args: &DecisionArgs) -> Expectation {
    Expectation {
        gate: gate(args),
        verifier_id: args.verifier_id.clone(),
        environment: args.environment.clone(),
        policy: args.policy.clone(),
        policy_bound: args.policy_bound.bound(),
        max_age: args.max_age,
        allow_lab: args.trust.refresh.allow_lab,
    }
}

/// Who signs decisions. Anybody may call a public reusable workflow and gets a certificate with
/// its name, so the repository that runs it is demanded as well.
fn gate(args: &DecisionArgs) -> ExpectedSigner {
    let identity = SignerIdentity {
        san: args.certificate_identity.clone(),
        issuer: args.certificate_oidc_issuer.clone(),
    };
    let caller = args
        .certificate_github_workflow_repository
        .clone()
        .or_else(|| own_repository(&identity));
    let gate = ExpectedSigner::exact("gate", identity);
    match caller {
        Some(caller) => gate.demanding(SignerClaim::Repository, ClaimPattern::exact(caller)),
        None => gate,
    }
}

/// The repository that a GitHub workflow's identity names.
fn own_repository(identity: &SignerIdentity) -> Option<String> {
    let path = identity.san.strip_prefix("https://github.com/")?;
    let mut parts = path.splitn(3, '/');
    let named = format!("{}/{}", parts.next()?, parts.next()?);
    (identity.issuer == GITHUB_ISSUER).then_some(named)
}

fn bundles_in(path: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let bytes = read_file(path, summaries::MAX_FILE)?;
    summaries::in_file(&bytes).map_err(|source| Error::VsaFile {
        path: path.to_owned(),
        source,
    })
}

fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    files::read_bounded(path, limit).map_err(|error| match error {
        ReadError::Io { path, source } => file_error("read", &path)(source),
        ReadError::TooLarge { path, limit } => Error::TooLarge { path, limit },
    })
}

fn file_error(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { what, path, source }
}

/// A client with the credentials Docker and Podman keep; none has to be there.
fn registry(args: &DecisionArgs, environment: &Environment) -> Client {
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    Client::new(args.registry.options("deploy", variable))
}

#[cfg(test)]
mod tests {
    use palisade_ui::ExitWith as _;

    use super::*;

    fn target() -> Target {
        Target {
            trust_root: None,
            platform: "render",
            api: render::API.to_owned(),
            service: "srv-1".to_owned(),
            image: format!("ghcr.io/acme/app@sha256:{}", "0".repeat(64))
                .parse()
                .expect("an image"),
        }
    }

    #[test]
    fn no_decision_is_an_answer_only_when_everything_attached_could_be_read() {
        let target = target();
        let none = not_redeemed(&target, Vec::new(), Vec::new());
        assert_eq!(none.exit(), Exit::No);
        let attached = Digest::sha256_of(b"attached");
        let why = "other bytes than listed\u{1b}[2J".to_owned();
        let error = not_redeemed(&target, Vec::new(), vec![(attached.clone(), why)]);
        assert_eq!(error.exit(), Exit::Undecided);
        let said = error.to_string();
        assert!(
            said.contains(&attached.short()) && said.contains("other bytes"),
            "{said}"
        );
        assert!(!said.contains('\u{1b}'), "{said}");
        let document = |error: &Error| {
            serde_json::to_value(Document::not_redeemed(&target, error)).expect("JSON")
        };
        let (none, unknown) = (document(&none), document(&error));
        assert_eq!(
            (&none["outcome"], &none["exit"]),
            (&"refused".into(), &1.into())
        );
        assert_eq!(
            (&unknown["outcome"], &unknown["exit"]),
            (&"undecided".into(), &3.into())
        );
    }

    #[test]
    fn a_receipt_that_is_lost_after_the_fact_is_neither_success_nor_a_wrong_command_line() {
        let dir = tempfile::tempdir().expect("a folder");
        let target = target();
        let refused = not_redeemed(&target, Vec::new(), Vec::new());
        let document = Document::not_redeemed(&target, &refused);
        let folder = dir.path().join("receipts");
        std::fs::create_dir(&folder).expect("creates");
        let path = folder.join("receipt.json");

        let kept = reserve(&path).expect("reserves");
        keep(kept, &path, &target, &document).expect("there is room");
        assert!(path.exists());

        let lost = reserve(&path).expect("reserves");
        std::fs::remove_dir_all(&folder).expect("removes");
        let error = keep(lost, &path, &target, &document).expect_err("a twin");
        assert_eq!(error.exit(), Exit::Undecided);
        let said = error.to_string();
        assert!(
            said.contains("ghcr.io/acme/app@") && said.contains("runs"),
            "{said}"
        );
    }
}
