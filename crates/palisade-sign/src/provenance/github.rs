//! A GitHub Actions run, in GitHub's own build type.

use palisade_keyless::IdentityToken;
use palisade_ui::{Environment, escape};
use serde_json::json;

use super::reader::{Reader, check_commit, check_url, malformed};
use super::{Build, Twin};
use crate::error::Error;

/// The build type (actions/buildtypes, `workflow/v1`).
const BUILD_TYPE: &str = "https://actions.github.io/buildtypes/workflow/v1";
/// The events that the build type covers, by its own words: for others, a pull request above all,
/// its parameters do not say everything that went into the build.
const EVENTS: &[&str] = &["create", "push", "release", "workflow_dispatch"];

/// What GitHub sets for each run.
pub(super) struct Run {
    server: String,
    repository: String,
    repository_id: String,
    owner_id: String,
    reference: String,
    commit: String,
    workflow_ref: String,
    event: String,
    number: String,
    attempt: String,
    runner: String,
}

impl Run {
    pub(super) fn read(environment: &Environment) -> Result<Self, Error> {
        let mut reader = Reader::new(environment);
        let run = Self {
            server: reader.need("GITHUB_SERVER_URL"),
            repository: reader.need("GITHUB_REPOSITORY"),
            repository_id: reader.need("GITHUB_REPOSITORY_ID"),
            owner_id: reader.need("GITHUB_REPOSITORY_OWNER_ID"),
            reference: reader.need("GITHUB_REF"),
            commit: reader.need("GITHUB_SHA"),
            workflow_ref: reader.need("GITHUB_WORKFLOW_REF"),
            event: reader.need("GITHUB_EVENT_NAME"),
            number: reader.need("GITHUB_RUN_ID"),
            attempt: reader.need("GITHUB_RUN_ATTEMPT"),
            runner: reader.need("RUNNER_ENVIRONMENT"),
        };
        reader.finish("GitHub Actions")?;
        run.check()?;
        Ok(run)
    }

    fn check(&self) -> Result<(), Error> {
        if !EVENTS.contains(&self.event.as_str()) {
            return Err(Error::Event {
                event: escape(&self.event),
                covered: EVENTS.join(", "),
            });
        }
        check_url("GITHUB_SERVER_URL", &self.server)?;
        check_commit("GITHUB_SHA", &self.commit)?;
        let own = self
            .workflow_ref
            .strip_prefix(&format!("{}/", self.repository))
            .and_then(|rest| rest.split_once('@'));
        if own.is_none_or(|(path, _)| path.is_empty()) {
            let want = "`GITHUB_REPOSITORY/path@ref`";
            return Err(malformed("GITHUB_WORKFLOW_REF", &self.workflow_ref, want));
        }
        Ok(())
    }

    /// The workflow file and the reference it was read at.
    fn workflow(&self) -> (&str, &str) {
        self.workflow_ref[self.repository.len() + 1..]
            .split_once('@')
            .expect("checked when it was read")
    }

    /// GitHub's OpenID Connect reference, *Understanding the OIDC token*.
    pub(super) fn twins(&self) -> Vec<Twin> {
        [
            ("repository", "GITHUB_REPOSITORY", &self.repository),
            ("repository_id", "GITHUB_REPOSITORY_ID", &self.repository_id),
            (
                "repository_owner_id",
                "GITHUB_REPOSITORY_OWNER_ID",
                &self.owner_id,
            ),
            ("ref", "GITHUB_REF", &self.reference),
            ("sha", "GITHUB_SHA", &self.commit),
            ("workflow_ref", "GITHUB_WORKFLOW_REF", &self.workflow_ref),
            ("event_name", "GITHUB_EVENT_NAME", &self.event),
            ("run_id", "GITHUB_RUN_ID", &self.number),
            ("run_attempt", "GITHUB_RUN_ATTEMPT", &self.attempt),
            ("runner_environment", "RUNNER_ENVIRONMENT", &self.runner),
        ]
        .map(|(claim, variable, value)| Twin {
            claim,
            variable,
            value: value.clone(),
        })
        .into()
    }

    /// The builder is the workflow file that holds the job, which only the token names when the
    /// job stands in a reusable workflow. Without a token it is the workflow of the run.
    pub(super) fn build(&self, token: Option<&IdentityToken>) -> Build {
        let job = token.and_then(|token| token.claim("job_workflow_ref"));
        let builder = job.as_deref().unwrap_or(&self.workflow_ref);
        let (server, repository) = (self.server.trim_end_matches('/'), &self.repository);
        let (path, workflow_ref) = self.workflow();
        Build {
            kind: BUILD_TYPE,
            external: json!({"workflow": {
                "ref": workflow_ref,
                "repository": format!("{server}/{repository}"),
                "path": path,
            }}),
            internal: json!({"github": {
                "event_name": self.event,
                "repository_id": self.repository_id,
                "repository_owner_id": self.owner_id,
                "runner_environment": self.runner,
            }}),
            source: format!("git+{server}/{repository}@{}", self.reference),
            commit: self.commit.clone(),
            builder: format!("{server}/{builder}"),
            invocation: format!(
                "{server}/{repository}/actions/runs/{}/attempts/{}",
                self.number, self.attempt
            ),
            started: None,
        }
    }
}
