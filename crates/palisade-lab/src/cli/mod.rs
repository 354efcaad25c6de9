//! The command line: start a lab, run a program against one, steer one that runs.

mod client;
mod error;
mod serve;

use std::ffi::OsString;
use std::path::PathBuf;

use palisade_ui::{Context, Exit};

use crate::{Config, Fault, Profile};
use client::Client;
pub use error::Error;

/// Run a signing infrastructure and a registry on this machine, to try things
///
/// One process on the loopback plays OIDC provider, Fulcio, Rekor v1 and v2, timestamp authority,
/// TUF repository, OCI registry and Render. Real clients can sign and verify against it without a
/// network. Nothing it signs is worth anything: its certificates say "palisade LAB - NOT TRUSTED".
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  palisade lab up --dir lab          start, write lab/trusted_root.json and more, print variables
  palisade lab run -- make release   start, run a program that finds the lab, stop
  palisade lab token --github acme/app --workflow .github/workflows/release.yml
  palisade lab fault sct-none        issue certificates without SCT from now on
  palisade lab fault none            behave again
  palisade lab up --registry-profile ghcr --fault registry-429-referrers,registry-reset*2
                                     what does your client do with such a registry?";

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Switch faults on, and all others off
    #[command(after_help = faults_help())]
    Fault(FaultArgs),
    /// Print the requests the lab has seen
    Log(Address),
    /// Start a lab, run a program against it, and end with the program's exit code
    Run(RunArgs),
    /// Print an identity token, on a terminal with a line end after it and else without
    Token(TokenArgs),
    /// Start a lab and keep it running until interrupted
    #[command(after_help = profiles_help())]
    Up(UpArgs),
}

/// Where the running lab is.
#[derive(clap::Args, Debug)]
struct Address {
    /// The lab's address; without it, the one in PALISADE_LAB
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

#[derive(clap::Args, Debug)]
struct FaultArgs {
    /// Names separated by commas, each with *N for "the next N times only"; or `none`
    #[arg(value_name = "SET", required = true, value_delimiter = ',')]
    faults: Vec<String>,
    #[command(flatten)]
    address: Address,
}

#[derive(clap::Args, Debug)]
struct TokenArgs {
    /// Speak for a person
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["github", "workflow", "git_ref", "event"])]
    email: Option<String>,
    /// Speak for a workflow of this repository
    #[arg(long, value_name = "OWNER/NAME")]
    github: Option<String>,
    /// The workflow file
    #[arg(long, value_name = "PATH")]
    workflow: Option<String>,
    /// The git reference the workflow runs on
    #[arg(long = "ref", value_name = "REF")]
    git_ref: Option<String>,
    /// The event that started the workflow
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    #[command(flatten)]
    address: Address,
}

#[derive(clap::Args, Debug)]
struct UpArgs {
    /// The port on 127.0.0.1; 0 is any free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// Keep keys and log entries in this folder, so that bundles outlive the process
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Write trust root, signing configs and public keys to this folder
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// How the registry behaves.
#[derive(clap::Args, Debug)]
struct RegistryArgs {
    /// Answer 404 for the referrers API, as some registries do
    #[arg(long)]
    no_referrers: bool,
    /// Let only this user use the registry; the password protects nothing
    #[arg(long, value_name = "USER:PASSWORD", value_parser = login)]
    registry_login: Option<(String, String)>,
    /// Let the password buy a token, as most hosted registries do
    #[arg(long, requires = "registry_login")]
    registry_tokens: bool,
    /// Behave like this product's registry
    #[arg(long, value_name = "NAME", default_value = "lab", value_parser = profile)]
    registry_profile: &'static Profile,
    /// Misbehave from the start: names separated by commas, see `palisade lab fault --help`
    #[arg(long, value_name = "SET", value_delimiter = ',')]
    fault: Vec<String>,
}

fn profile(name: &str) -> Result<&'static Profile, String> {
    let known = Profile::ALL.iter().map(|profile| profile.name);
    let names = || known.collect::<Vec<_>>().join(", ");
    name.parse()
        .map_err(|error| format!("{error}; one of: {}", names()))
}

impl RegistryArgs {
    fn config(self) -> Config {
        Config {
            referrers_api: !self.no_referrers,
            registry_auth: self.registry_login,
            token_auth: self.registry_tokens,
            profile: self.registry_profile,
            faults: self.fault.join(","),
            ..Config::default()
        }
    }
}

fn login(text: &str) -> Result<(String, String), &'static str> {
    let login = text
        .split_once(':')
        .ok_or("it has the form USER:PASSWORD")?;
    Ok((login.0.to_owned(), login.1.to_owned()))
}

#[derive(clap::Args, Debug)]
struct RunArgs {
    #[command(flatten)]
    registry: RegistryArgs,
    /// The program and its arguments
    #[arg(value_name = "CMD", required = true, last = true)]
    command: Vec<OsString>,
}

/// How a command ended: in our own words, or with the code of the program that `run` started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The program's exit code; 128 + N when signal N ended it.
    Program(u8),
    /// One of palisade's own.
    Ours(Exit),
}

/// Runs one `palisade lab` command.
pub fn run(args: Args, context: &Context) -> Result<Ended, Error> {
    let runtime = tokio::runtime::Runtime::new().map_err(Error::Runtime)?;
    runtime.block_on(async {
        match args.command {
            Command::Fault(args) => {
                let client = Client::new(&args.address, context)?;
                let body = client
                    .send("POST", "/lab/faults", &args.faults.join(","))
                    .await?;
                context.printer.note(&format!("faults: {}", body.trim()));
            }
            Command::Log(address) => {
                let body = Client::new(&address, context)?
                    .send("GET", "/lab/requests", "")
                    .await?;
                print_log(&body, context);
            }
            Command::Run(args) => return serve::run(args, context).await,
            Command::Token(args) => {
                let client = Client::new(&args.address, context)?;
                let token = client.send("GET", &args.path(), "").await?;
                context.printer.value(&token);
            }
            Command::Up(args) => serve::up(args, context).await?,
        }
        Ok(Ended::Ours(Exit::Ok))
    })
}

impl TokenArgs {
    fn path(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let parts = [
            ("email", &self.email),
            ("repository", &self.github),
            ("workflow", &self.workflow),
            ("ref", &self.git_ref),
            ("event", &self.event),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        format!("/lab/token?{}", query.finish())
    }
}

/// One request a line: status, method, path and query.
fn print_log(body: &str, context: &Context) {
    let requests: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    for request in requests.as_array().into_iter().flatten() {
        let text = |name: &str| request[name].as_str().unwrap_or_default();
        let query = if text("query").is_empty() { "" } else { "?" };
        let line = format!(
            "{} {} {}{query}{}",
            request["status"],
            text("method"),
            text("path"),
            text("query")
        );
        context.printer.answer(&palisade_ui::escape(&line));
    }
}

fn faults_help() -> String {
    let lines = Fault::ALL
        .iter()
        .map(|fault| format!("\n  {:36}{}", fault.name(), fault.about()));
    format!("Faults:{}", lines.collect::<String>())
}

fn profiles_help() -> String {
    let lines = Profile::ALL
        .iter()
        .map(|profile| format!("\n  {:14}{}", profile.name, profile.about));
    format!("Registry profiles:{}", lines.collect::<String>())
}
