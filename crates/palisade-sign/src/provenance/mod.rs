//! `palisade sign provenance`: what the CI service says about this build, as SLSA provenance v1.
//!
//! Everything comes from the environment of the job, and what is not there is not invented: each
//! missing variable is named. Where the identity token says the same things, the two must agree,
//! since the token is what the certificate will be made of.

mod github;
mod gitlab;
mod reader;

use palisade_attest::predicates::Predicate;
use palisade_attest::predicates::provenance::{Provenance, TYPE};
use palisade_attest::{ResourceDescriptor, Statement};
use palisade_keyless::IdentityToken;
use palisade_oci::LegacyTag;
use palisade_types::{Digest, Timestamp};
use palisade_ui::{Context, escape};
use serde_json::{Value, json};

use crate::args::ProvenanceArgs;
use crate::error::Error;
use crate::output::{Answer, Line};
use crate::publish::{Publisher, parse_image};
use crate::session::Setup;

/// A build, as its environment and its token describe it.
struct Build {
    kind: &'static str,
    external: Value,
    internal: Value,
    /// The source: `git+https://…@refs/…`, and the commit.
    source: String,
    commit: String,
    builder: String,
    invocation: String,
    started: Option<String>,
}

/// A claim of the token, and the value that the environment has for it.
struct Twin {
    claim: &'static str,
    variable: &'static str,
    value: String,
}

pub(crate) async fn run(args: &ProvenanceArgs, context: &Context) -> Result<(), Error> {
    let image = parse_image(&args.image)?;
    // Before anything is asked: a job that lacks a variable lacks it whatever the services say.
    let draft = Draft::read(context)?;
    let publisher = Publisher::new(&args.registry, context)?;
    if args.print {
        let digest = match image.digest() {
            Some(digest) => digest.clone(),
            None => publisher.resolve(&image).await?.image.digest().clone(),
        };
        let name = image.repository().to_string();
        let statement = draft.statement(name, &digest, None, context)?;
        let json = serde_json::from_slice::<Value>(&statement.to_json())
            .expect("what was just written is JSON");
        context.printer.json(&json);
        return Ok(());
    }
    let setup = Setup::read(&args.signing, context).await?;
    publisher.check(&setup, LegacyTag::Attestations)?;
    let session = setup.session(&args.signing, context).await?;
    let target = publisher.resolve(&image).await?;
    let name = target.image.repository().to_string();
    let statement = draft.statement(name, target.image.digest(), session.token(), context)?;
    let signed = session.statement(&statement).await?;
    let attached = publisher.publish(&target, &signed).await?;
    let mut answer = Answer::new(args.signing.format, &setup.about, context.printer);
    answer.add(Line::about_image(
        &target.image,
        attached,
        &signed,
        &args.registry,
    ));
    answer.finish();
    Ok(())
}

/// What the environment says, before a token is asked for.
enum Draft {
    Github(github::Run),
    Gitlab(gitlab::Job),
}

impl Draft {
    fn read(context: &Context) -> Result<Self, Error> {
        let environment = &context.environment;
        if environment.get("GITHUB_ACTIONS") == Some("true") {
            github::Run::read(environment).map(Self::Github)
        } else if environment.get("GITLAB_CI") == Some("true") {
            gitlab::Job::read(environment).map(Self::Gitlab)
        } else {
            Err(Error::NoBuild)
        }
    }

    fn statement(
        &self,
        name: String,
        digest: &Digest,
        token: Option<&IdentityToken>,
        context: &Context,
    ) -> Result<Statement, Error> {
        let (twins, workload) = match self {
            Self::Github(run) => (run.twins(), "job_workflow_ref"),
            Self::Gitlab(job) => (job.twins(), "ci_config_ref_uri"),
        };
        if let Some(token) = token {
            if token.claim(workload).is_none() {
                let who = escape(&token.claims().subject);
                context.printer.warn(&format!(
                    "the token is of `{who}` and not of this job: what its environment says is \
                     signed as it stands"
                ));
            }
            agree(token, &twins)?;
        }
        let build = match self {
            Self::Github(run) => run.build(token),
            Self::Gitlab(job) => job.build(),
        };
        let predicate = build.predicate(context.now);
        Provenance::read(TYPE, &predicate).map_err(|source| Error::Provenance { source })?;
        let subject = ResourceDescriptor::new(Some(name), digest);
        Ok(Statement::new(vec![subject], TYPE, predicate))
    }
}

/// A variable that says something else than the token was set by someone in the job.
fn agree(token: &IdentityToken, twins: &[Twin]) -> Result<(), Error> {
    for twin in twins {
        if let Some(claimed) = token.claim(twin.claim)
            && claimed != twin.value
        {
            return Err(Error::Contradiction {
                variable: twin.variable,
                value: escape(&twin.value),
                claim: twin.claim,
                claimed: escape(&claimed),
            });
        }
    }
    Ok(())
}

impl Build {
    /// SLSA 1.1, *Provenance*, v1. The build was over when this ran, so that is `finishedOn`; no
    /// other time is made up.
    fn predicate(self, now: Timestamp) -> Value {
        let mut metadata = json!({
            "invocationId": self.invocation,
            "finishedOn": format!("{now:.0}"),
        });
        if let Some(started) = self.started {
            metadata["startedOn"] = started.into();
        }
        json!({
            "buildDefinition": {
                "buildType": self.kind,
                "externalParameters": self.external,
                "internalParameters": self.internal,
                "resolvedDependencies": [
                    {"uri": self.source, "digest": {"gitCommit": self.commit}},
                ],
            },
            "runDetails": {"builder": {"id": self.builder}, "metadata": metadata},
        })
    }
}
