//! Whom the lab's tokens speak for, and the claims that say so.

use serde_json::{Value, json};

use crate::encode::{oci_digest, random};

/// How long a token is good for. GitHub's last five minutes, Fulcio asks for no more.
const TOKEN_SECONDS: i64 = 600;

/// A workflow run on GitHub Actions, as its identity token describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GithubIdentity {
    /// `owner/name`.
    pub repository: String,
    /// Path of the workflow file, `.github/workflows/release.yml`.
    pub workflow: String,
    /// `refs/heads/main`.
    pub git_ref: String,
    /// The event that started the run, `push`.
    pub event: String,
    /// The commit, 40 hex digits.
    pub sha: String,
    /// The repository whose run calls the workflow, when it is another: a reusable workflow keeps
    /// its own name in the certificate, whoever calls it.
    pub called_from: Option<String>,
}

impl Default for GithubIdentity {
    fn default() -> GithubIdentity {
        GithubIdentity {
            repository: "acme/app".to_owned(),
            workflow: ".github/workflows/release.yml".to_owned(),
            git_ref: "refs/heads/main".to_owned(),
            event: "push".to_owned(),
            sha: "a".repeat(40),
            called_from: None,
        }
    }
}

impl GithubIdentity {
    /// The issuer of GitHub's tokens. The lab signs under this name with its own key, so that
    /// real identities can be tried; only the lab's root makes such a certificate acceptable.
    pub const ISSUER: &'static str = "https://token.actions.githubusercontent.com";

    /// The identity in the certificate, `https://github.com/REPO/WORKFLOW@REF`.
    pub fn san(&self) -> String {
        format!("https://github.com/{}", self.workflow_ref())
    }

    fn workflow_ref(&self) -> String {
        format!("{}/{}@{}", self.repository, self.workflow, self.git_ref)
    }

    /// The repository that runs, and its top-level workflow.
    fn caller(&self) -> (&str, String) {
        match &self.called_from {
            Some(caller) => {
                let workflow = format!("{caller}/.github/workflows/call.yml@{}", self.git_ref);
                (caller, workflow)
            }
            None => (&self.repository, self.workflow_ref()),
        }
    }

    /// The claims of GitHub's documentation, "OpenID Connect reference".
    pub(crate) fn claims(&self, audience: &str, now: i64) -> Value {
        let (repository, workflow_ref) = self.caller();
        let owner = repository.split('/').next().unwrap_or_default();
        let mut claims = json!({
            "iss": Self::ISSUER,
            "sub": format!("repo:{repository}:ref:{}", self.git_ref),
            "actor": "octocat",
            "actor_id": "583231",
            "base_ref": "",
            "event_name": self.event,
            "head_ref": "",
            "job_workflow_ref": self.workflow_ref(),
            "job_workflow_sha": self.sha,
            "ref": self.git_ref,
            "ref_type": if self.git_ref.starts_with("refs/tags/") { "tag" } else { "branch" },
            "repository": repository,
            "repository_id": number(repository),
            "repository_owner": owner,
            "repository_owner_id": number(owner),
            "repository_visibility": "public",
            "run_attempt": "1",
            "run_id": "777",
            "run_number": "7",
            "runner_environment": "github-hosted",
            "sha": self.sha,
            "workflow": self.workflow.rsplit('/').next().unwrap_or_default(),
            "workflow_ref": workflow_ref,
            "workflow_sha": self.sha,
        });
        add_times(&mut claims, audience, now);
        claims
    }
}

/// GitHub's numeric ids never change for a name; the lab's come from the name itself.
fn number(name: &str) -> String {
    let digest = oci_digest(name.as_bytes());
    let number = u32::from_str_radix(&digest[7..14], 16).expect("seven hex digits");
    number.to_string()
}

/// A person who signed in with an e-mail address. `sub` equals it because clients disagree which
/// of the two the proof of possession is about.
pub(crate) fn email_claims(issuer: &str, email: &str, audience: &str, now: i64) -> Value {
    let mut claims = json!({
        "iss": issuer, "sub": email, "email": email, "email_verified": true,
    });
    add_times(&mut claims, audience, now);
    claims
}

fn add_times(claims: &mut Value, audience: &str, now: i64) {
    claims["aud"] = audience.into();
    claims["iat"] = now.into();
    claims["nbf"] = (now - 5).into();
    claims["exp"] = (now + TOKEN_SECONDS).into();
    claims["jti"] = hex::encode(random::<16>()).into();
}
