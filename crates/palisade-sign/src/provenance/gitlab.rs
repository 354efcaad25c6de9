//! A GitLab CI job, in GitLab's own build type.

use palisade_types::Timestamp;
use palisade_ui::Environment;
use serde_json::json;

use super::reader::{Reader, check_commit, check_url, malformed};
use super::{Build, Twin};
use crate::error::Error;

/// The build type (GitLab's documentation, *SLSA provenance specification*). It wants every
/// variable of the job; those of the run stand there and no others, since a variable can be a
/// secret that nobody has marked as one. The runner's executor is not told to jobs.
const BUILD_TYPE: &str = "https://docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1";

/// What GitLab sets for each job.
pub(super) struct Job {
    project: String,
    project_id: String,
    commit: String,
    /// The full git reference.
    reference: String,
    event: String,
    pipeline_id: String,
    id: String,
    name: String,
    url: String,
    started: String,
    runner_id: String,
    runner: Option<String>,
    architecture: Option<String>,
}

impl Job {
    pub(super) fn read(environment: &Environment) -> Result<Self, Error> {
        let mut reader = Reader::new(environment);
        let job = Self {
            project: reader.need("CI_PROJECT_URL"),
            project_id: reader.need("CI_PROJECT_ID"),
            commit: reader.need("CI_COMMIT_SHA"),
            reference: reference(&mut reader),
            event: reader.need("CI_PIPELINE_SOURCE"),
            pipeline_id: reader.need("CI_PIPELINE_ID"),
            id: reader.need("CI_JOB_ID"),
            name: reader.need("CI_JOB_NAME"),
            url: reader.need("CI_JOB_URL"),
            started: reader.need("CI_JOB_STARTED_AT"),
            runner_id: reader.need("CI_RUNNER_ID"),
            runner: reader.get("CI_RUNNER_DESCRIPTION"),
            architecture: reader.get("CI_RUNNER_EXECUTABLE_ARCH"),
        };
        reader.finish("GitLab CI")?;
        check_url("CI_PROJECT_URL", &job.project)?;
        check_url("CI_JOB_URL", &job.url)?;
        check_commit("CI_COMMIT_SHA", &job.commit)?;
        if job.started.parse::<Timestamp>().is_err() {
            return Err(malformed("CI_JOB_STARTED_AT", &job.started, "a time"));
        }
        Ok(job)
    }

    /// GitLab's *ID token authentication*, token payload.
    pub(super) fn twins(&self) -> Vec<Twin> {
        [
            ("project_id", "CI_PROJECT_ID", &self.project_id),
            ("sha", "CI_COMMIT_SHA", &self.commit),
            (
                "ref_path",
                "CI_COMMIT_BRANCH or CI_COMMIT_TAG",
                &self.reference,
            ),
            ("pipeline_source", "CI_PIPELINE_SOURCE", &self.event),
            ("pipeline_id", "CI_PIPELINE_ID", &self.pipeline_id),
            ("job_id", "CI_JOB_ID", &self.id),
            ("runner_id", "CI_RUNNER_ID", &self.runner_id),
        ]
        .map(|(claim, variable, value)| Twin {
            claim,
            variable,
            value: value.clone(),
        })
        .into()
    }

    pub(super) fn build(&self) -> Build {
        let mut internal = json!({"job": self.id});
        for (name, value) in [("name", &self.runner), ("architecture", &self.architecture)] {
            if let Some(value) = value {
                internal[name] = value.as_str().into();
            }
        }
        Build {
            kind: BUILD_TYPE,
            external: json!({
                "source": self.project,
                "entryPoint": self.name,
                "variables": {
                    "CI_PIPELINE_ID": self.pipeline_id,
                    "CI_PIPELINE_SOURCE": self.event,
                    "CI_PROJECT_ID": self.project_id,
                },
            }),
            internal,
            source: format!("git+{}@{}", self.project, self.reference),
            commit: self.commit.clone(),
            builder: format!("{}/-/runners/{}", self.project, self.runner_id),
            invocation: self.url.clone(),
            started: Some(self.started.clone()),
        }
    }
}

/// GitLab sets exactly one of the two, and neither in a merge request's pipeline, whose commit is
/// on no branch of the project.
fn reference(reader: &mut Reader<'_>) -> String {
    match (reader.get("CI_COMMIT_TAG"), reader.get("CI_COMMIT_BRANCH")) {
        (Some(tag), _) => format!("refs/tags/{tag}"),
        (None, Some(branch)) => format!("refs/heads/{branch}"),
        (None, None) => {
            reader.lacks("CI_COMMIT_BRANCH or CI_COMMIT_TAG");
            String::new()
        }
    }
}
