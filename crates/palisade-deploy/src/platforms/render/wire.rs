//! Render's documents, as far as we use them. Unknown fields are passed over, nulls tolerated: the
//! recorded API answers `commit: null` and `finishedAt: null` against its own schema.

use palisade_types::json::parse_strict;
use palisade_types::{PinnedRef, Timestamp};
use palisade_ui::escape;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::{Failure, Kind, Phase};
use crate::machine::{Method, Reply, Request};

/// The most of the platform's own words we repeat, in characters.
const MAX_WORDS: usize = 300;
/// How many deploys one list request asks for: the newest ones.
const LISTED: u32 = 20;

/// A service (`Service` in Render's schema).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Service {
    pub(super) owner_id: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) image_path: Option<String>,
    #[serde(default)]
    pub(super) auto_deploy: Option<String>,
    #[serde(default)]
    pub(super) auto_deploy_trigger: Option<String>,
    #[serde(default)]
    pub(super) suspended: Option<String>,
    #[serde(default)]
    registry_credential: Option<RegistryCredential>,
    #[serde(default, rename = "serviceDetails")]
    details: Option<Details>,
}

#[derive(Clone, Debug, Deserialize)]
struct RegistryCredential {
    id: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Details {
    #[serde(default)]
    runtime: Option<String>,
    #[serde(default)]
    env: Option<String>,
}

impl Service {
    /// `image`, `docker`, `node`, …; `env` is the older name of the field.
    pub(super) fn runtime(&self) -> Option<&str> {
        let details = self.details.as_ref()?;
        details.runtime.as_deref().or(details.env.as_deref())
    }

    /// The id of the credential Render pulls a private image with.
    pub(super) fn registry_credential(&self) -> Option<&str> {
        Some(self.registry_credential.as_ref()?.id.as_str())
    }

    /// Whether Render deploys this service by itself.
    pub(super) fn deploys_itself(&self) -> bool {
        match self.auto_deploy_trigger.as_deref() {
            Some(trigger) => trigger != "off",
            None => self.auto_deploy.as_deref() != Some("no"),
        }
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.suspended.as_deref() == Some("suspended")
    }
}

/// A deploy (`Deploy` in Render's schema).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deploy {
    pub(super) id: String,
    #[serde(default)]
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) trigger: Option<String>,
    #[serde(default)]
    pub(super) image: Option<Image>,
    #[serde(default)]
    created_at: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Image {
    #[serde(default, rename = "ref")]
    pub(super) reference: Option<String>,
    #[serde(default)]
    pub(super) sha: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    deploy: Deploy,
}

impl Deploy {
    pub(super) fn created_at(&self) -> Option<Timestamp> {
        self.created_at.as_deref()?.parse().ok()
    }

    pub(super) fn reference(&self) -> Option<&str> {
        self.image.as_ref()?.reference.as_deref()
    }

    /// Whether it was asked to deploy exactly this image.
    pub(super) fn is_of(&self, image: &PinnedRef) -> bool {
        self.reference().and_then(|text| text.parse().ok()).as_ref() == Some(image)
    }
}

/// What a status means. Only `live` is success: `deactivated` says that something else took over,
/// though the vendor's own command line counts it as success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Canceled,
    Failed,
    Live,
    Pending,
    Superseded,
    Unknown,
}

pub(super) fn progress(status: Option<&str>) -> Progress {
    match status {
        Some("live") => Progress::Live,
        Some(
            "created"
            | "queued"
            | "build_in_progress"
            | "update_in_progress"
            | "pre_deploy_in_progress",
        ) => Progress::Pending,
        Some("build_failed" | "update_failed" | "pre_deploy_failed") => Progress::Failed,
        Some("canceled") => Progress::Canceled,
        Some("deactivated") => Progress::Superseded,
        _ => Progress::Unknown,
    }
}

pub(super) fn get_service(service: &str) -> Request {
    Request::get(format!("/services/{service}"))
}

pub(super) fn list_deploys(service: &str) -> Request {
    Request::get(format!("/services/{service}/deploys?limit={LISTED}"))
}

pub(super) fn get_deploy(service: &str, deploy: &str) -> Request {
    Request::get(format!("/services/{service}/deploys/{deploy}"))
}

/// `UpdateServiceRequest`: `ownerId` and `imagePath` are both required. What is left out of `image`
/// may be reset, so that a private image keeps its credential by having it named again.
pub(super) fn set_image(
    service: &str,
    owner: &str,
    credential: Option<&str>,
    image: &PinnedRef,
) -> Request {
    let mut to = json!({"ownerId": owner, "imagePath": image.to_string()});
    if let Some(credential) = credential {
        to["registryCredentialId"] = json!(credential);
    }
    let path = format!("/services/{service}");
    Request::write(Method::Patch, path, json!({ "image": to }))
}

/// `CreateDeployRequest`: nothing else may stand beside `imageUrl`.
pub(super) fn create_deploy(service: &str, image: &PinnedRef) -> Request {
    let body = json!({"imageUrl": image.to_string()});
    Request::write(Method::Post, format!("/services/{service}/deploys"), body)
}

pub(super) fn read_service(reply: &Reply, phase: Phase) -> Result<Service, Failure> {
    document(reply, phase, "service")
}

pub(super) fn read_deploy(reply: &Reply, phase: Phase) -> Result<Deploy, Failure> {
    let deploy: Deploy = document(reply, phase, "deploy")?;
    // It becomes part of a path.
    if !is_id(&deploy.id) {
        return Err(protocol(reply, phase, "the deploy's id is no id"));
    }
    Ok(deploy)
}

/// The newest deploys, newest first by the time Render gives them.
pub(super) fn read_deploys(reply: &Reply, phase: Phase) -> Result<Vec<Deploy>, Failure> {
    let listed: Vec<Listed> = document(reply, phase, "list of deploys")?;
    let mut deploys: Vec<Deploy> = listed.into_iter().map(|listed| listed.deploy).collect();
    deploys.sort_by_key(|deploy| std::cmp::Reverse(deploy.created_at()));
    Ok(deploys)
}

fn document<T: serde::de::DeserializeOwned>(
    reply: &Reply,
    phase: Phase,
    what: &str,
) -> Result<T, Failure> {
    accepted(reply, phase)?;
    let value = parse_strict(&reply.body)
        .map_err(|error| protocol(reply, phase, &format!("the {what} is {error}")))?;
    serde_json::from_value(value)
        .map_err(|error| protocol(reply, phase, &format!("the {what} has {error}")))
}

pub(super) fn protocol(reply: &Reply, phase: Phase, detail: &str) -> Failure {
    Failure::of_reply(Kind::Protocol, phase, escape(detail), reply)
}

/// Whether this text can stand in a path as it is.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// An answer in the 200s; else what its status means.
pub(super) fn accepted(reply: &Reply, phase: Phase) -> Result<(), Failure> {
    let kind = match reply.status {
        200..=299 => return Ok(()),
        401 => Kind::Auth,
        403 => Kind::Forbidden,
        404 => Kind::NotFound,
        409 => Kind::Conflict,
        410 => Kind::Gone,
        429 => Kind::RateLimited,
        400..=499 => Kind::Rejected,
        500..=599 => Kind::Unavailable,
        _ => Kind::Protocol,
    };
    Err(Failure::of_reply(kind, phase, words(reply), reply))
}

/// Render's error body is `{id, message}`.
fn words(reply: &Reply) -> String {
    let message = parse_strict(&reply.body).ok().and_then(|body| {
        let message = body.get("message").and_then(Value::as_str)?;
        Some(escape(&message.chars().take(MAX_WORDS).collect::<String>()))
    });
    message.unwrap_or_else(|| "without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_live_is_success_and_the_unknown_is_not() {
        assert_eq!(progress(Some("live")), Progress::Live);
        for other in [
            None,
            Some("Live"),
            Some("alive"),
            Some("deactivated"),
            Some("canceled"),
        ] {
            assert_ne!(progress(other), Progress::Live, "{other:?}");
        }
    }

    #[test]
    fn an_id_cannot_leave_its_place_in_a_path() {
        assert!(is_id("dep-cu2k4o3qf0us73fbv9eg"));
        for bad in ["", "a/b", "..", "a?b", "a%2fb", "a b", &"x".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
        }
    }

    #[test]
    fn an_older_or_newer_field_tells_whether_a_service_deploys_itself() {
        let service = |extra: Value| {
            let mut value = json!({"ownerId": "tea-x"});
            value
                .as_object_mut()
                .expect("an object")
                .extend(extra.as_object().expect("an object").clone());
            serde_json::from_value::<Service>(value)
                .expect("a service")
                .deploys_itself()
        };
        assert!(service(json!({})));
        assert!(service(json!({"autoDeploy": "yes"})));
        assert!(!service(json!({"autoDeploy": "no"})));
        assert!(!service(
            json!({"autoDeploy": "yes", "autoDeployTrigger": "off"})
        ));
        assert!(service(
            json!({"autoDeploy": "no", "autoDeployTrigger": "commit"})
        ));
    }
}
