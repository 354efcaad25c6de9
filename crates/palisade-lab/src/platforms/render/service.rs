//! A service of the stand-in, its deploys, and how they move on from one look to the next.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::fault::Fault;

/// Writes to one service per minute: setting the image and deploying share them.
const WRITES: u32 = 10;
/// How long they last.
const WINDOW: Duration = Duration::from_mins(1);
/// How many looks a deploy stays queued with the fault `queued-long`.
const QUEUED_LOOKS: u32 = 12;

#[derive(Debug)]
pub(super) struct Service {
    pub(super) id: String,
    pub(super) owner: String,
    pub(super) image: String,
    pub(super) credential: Option<String>,
    pub(super) auto_deploy: bool,
    pub(super) suspended: bool,
    pub(super) runtime: &'static str,
    created: Timestamp,
    updated: Timestamp,
    deploys: Vec<Deploy>,
    window: Option<(Instant, u32)>,
}

#[derive(Clone, Debug)]
struct Deploy {
    id: String,
    image: String,
    sha: Option<String>,
    status: &'static str,
    trigger: &'static str,
    created: Timestamp,
    updated: Timestamp,
    looks: u32,
}

/// What the rate limiter says: how many writes remain, and the seconds until it forgets.
pub(super) struct Budget {
    pub(super) allowed: bool,
    pub(super) limit: u32,
    pub(super) remaining: u32,
    pub(super) reset: u64,
}

impl Service {
    /// A service that already serves this image.
    pub(super) fn new(id: &str, owner: &str, image: &str, deploy: String) -> Service {
        let now = Timestamp::now();
        let mut service = Service {
            id: id.to_owned(),
            owner: owner.to_owned(),
            image: normalise(image),
            credential: None,
            auto_deploy: false,
            suspended: false,
            runtime: "image",
            created: now,
            updated: now,
            deploys: Vec::new(),
            window: None,
        };
        service.deploy(deploy, &normalise(image), "api");
        let first = service.deploys.last_mut().expect("just made");
        first.status = "live";
        service
    }

    /// A credential that is not named is taken away.
    pub(super) fn set_image(&mut self, image: &str, credential: Option<String>) {
        self.image = normalise(image);
        self.credential = credential;
        self.updated = Timestamp::now();
    }

    pub(super) fn deploy(&mut self, id: String, image: &str, trigger: &'static str) {
        let now = Timestamp::now();
        self.deploys.push(Deploy {
            id,
            image: image.to_owned(),
            sha: Some(resolved(image)),
            status: "created",
            trigger,
            created: now,
            updated: now,
            looks: 0,
        });
    }

    /// Takes one write out of the budget.
    pub(super) fn take_write(&mut self) -> Budget {
        let now = Instant::now();
        let (since, taken) = match self.window {
            Some((since, taken)) if now.duration_since(since) < WINDOW => (since, taken),
            _ => (now, 0),
        };
        let allowed = taken < WRITES;
        let taken = if allowed { taken + 1 } else { taken };
        self.window = Some((since, taken));
        let reset = WINDOW.saturating_sub(now.duration_since(since)).as_secs();
        Budget {
            allowed,
            limit: WRITES,
            remaining: WRITES - taken,
            reset,
        }
    }

    /// Moves the deploy under way one step on.
    pub(super) fn look(&mut self, faults: &BTreeSet<Fault>) {
        let Some(index) = self.deploys.iter().rposition(Deploy::is_under_way) else {
            return;
        };
        let deploy = &mut self.deploys[index];
        deploy.looks += 1;
        let looks = deploy.looks;
        let on = |fault| faults.contains(&fault);
        let status = match looks {
            _ if on(Fault::UnknownStatus) => "warming_up",
            1..=QUEUED_LOOKS if on(Fault::QueuedLong) => "queued",
            1 => "update_in_progress",
            _ if on(Fault::BuildFailed) => "build_failed",
            _ if on(Fault::Canceled) => "canceled",
            _ if on(Fault::Deactivated) => "deactivated",
            _ => "live",
        };
        deploy.status = status;
        deploy.updated = Timestamp::now();
        match status {
            "live" => self.went_live(index, faults),
            "deactivated" => {
                let image = with_digest(&self.image, &format!("sha256:{}", "d".repeat(64)));
                let other = format!("{}-other", self.deploys[index].id);
                self.deploy(other, &image, "manual");
                let last = self.deploys.len() - 1;
                self.deploys[last].status = "live";
                self.went_live(last, &BTreeSet::new());
            }
            _ => {}
        }
    }

    /// One deploy serves; the one before does not any more.
    fn went_live(&mut self, index: usize, faults: &BTreeSet<Fault>) {
        for (other, deploy) in self.deploys.iter_mut().enumerate() {
            if other != index && deploy.status == "live" {
                deploy.status = "deactivated";
            }
        }
        if faults.contains(&Fault::ServesAnotherDigest) {
            self.deploys[index].sha = Some(format!("sha256:{}", "a".repeat(64)));
        }
        if faults.contains(&Fault::NoDigest) {
            self.deploys[index].sha = None;
        }
        if faults.contains(&Fault::Reconfigured) {
            self.image = with_digest(&self.image, &format!("sha256:{}", "b".repeat(64)));
        }
    }

    /// The digest that serves.
    pub(super) fn running(&self) -> Option<String> {
        self.deploys
            .iter()
            .rev()
            .find(|deploy| deploy.status == "live")?
            .sha
            .clone()
    }

    /// A deploy of this service by its id.
    pub(super) fn deploy_json(&self, id: &str) -> Option<Value> {
        self.deploys
            .iter()
            .find(|deploy| deploy.id == id)
            .map(Deploy::json)
    }

    /// The newest deploys first, as `[{deploy, cursor}]`.
    pub(super) fn deploys_json(&self, limit: usize) -> Value {
        let newest = self.deploys.iter().rev().take(limit);
        newest
            .map(|deploy| json!({"deploy": deploy.json(), "cursor": deploy.id}))
            .collect()
    }

    /// The service, in the shape of the vendor's recording.
    pub(super) fn json(&self, image: &str) -> Value {
        let id = &self.id;
        let yes_no = |yes| if yes { "yes" } else { "no" };
        let mut service = json!({
            "id": id,
            "autoDeploy": yes_no(self.auto_deploy),
            "autoDeployTrigger": if self.auto_deploy { "commit" } else { "off" },
            "createdAt": self.created.to_string(),
            "dashboardUrl": format!("https://dashboard.render.com/worker/{id}"),
            "imagePath": image,
            "name": format!("lab-{id}"),
            "notifyOnFail": "default",
            "ownerId": self.owner,
            "rootDir": "",
            "serviceDetails": {
                "buildPlan": "starter",
                "env": self.runtime,
                "envSpecificDetails": {
                    "dockerCommand": "", "dockerContext": "", "dockerfilePath": "",
                    "preDeployCommand": "",
                },
                "numInstances": 1,
                "plan": "starter",
                "region": "oregon",
                "runtime": self.runtime,
            },
            "slug": format!("lab-{id}"),
            "suspended": if self.suspended { "suspended" } else { "not_suspended" },
            "suspenders": if self.suspended { json!(["user"]) } else { json!([]) },
            "type": "background_worker",
            "updatedAt": self.updated.to_string(),
        });
        if let Some(id) = &self.credential {
            service["registryCredential"] = json!({"id": id, "name": "lab"});
        }
        service
    }
}

impl Deploy {
    fn is_under_way(&self) -> bool {
        !matches!(
            self.status,
            "live" | "deactivated" | "build_failed" | "canceled"
        )
    }

    fn json(&self) -> Value {
        let ended = (!self.is_under_way()).then(|| self.updated.to_string());
        json!({
            "id": self.id,
            "commit": null,
            "image": {"ref": self.image, "sha": self.sha, "registryCredential": ""},
            "status": self.status,
            "trigger": self.trigger,
            "createdAt": self.created.to_string(),
            "updatedAt": self.updated.to_string(),
            "finishedAt": ended,
        })
    }
}

/// Render writes short names out: `nginx` becomes `docker.io/library/nginx:latest`.
pub(super) fn normalise(image: &str) -> String {
    let first = image.split('/').next().unwrap_or_default();
    let has_host = image.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let image = match (has_host, image.contains('/')) {
        (true, _) => image.to_owned(),
        (false, true) => format!("docker.io/{image}"),
        (false, false) => format!("docker.io/library/{image}"),
    };
    let last = image.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) {
        image
    } else {
        format!("{image}:latest")
    }
}

/// Host, repository and name, without tag and digest.
pub(super) fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    let name = image.rfind('/').map_or(0, |slash| slash + 1);
    image[name..]
        .find(':')
        .map_or(image, |colon| &image[..name + colon])
}

fn with_digest(image: &str, digest: &str) -> String {
    format!("{}@{digest}", repository(image))
}

/// The digest a reference names. The stand-in pulls nothing: a tag gets a made-up one.
fn resolved(image: &str) -> String {
    match image.split_once('@') {
        Some((_, digest)) => digest.to_owned(),
        None => format!("sha256:{}", hex::encode(Sha256::digest(image))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_written_out_as_in_the_recording() {
        assert_eq!(normalise("nginx"), "docker.io/library/nginx:latest");
        assert_eq!(normalise("acme/app:1"), "docker.io/acme/app:1");
        assert_eq!(normalise("localhost:5000/app"), "localhost:5000/app:latest");
        assert_eq!(normalise("ghcr.io/a/b@sha256:00"), "ghcr.io/a/b@sha256:00");
    }

    #[test]
    fn the_repository_has_neither_tag_nor_digest() {
        assert_eq!(repository("localhost:5000/app"), "localhost:5000/app");
        assert_eq!(
            repository("localhost:5000/app:1@sha256:00"),
            "localhost:5000/app"
        );
    }

    #[test]
    fn ten_writes_a_minute_and_no_eleventh() {
        let mut service = Service::new("srv-a", "tea-a", "nginx", "dep-a".to_owned());
        let allowed = (0..11).filter(|_| service.take_write().allowed).count();
        assert_eq!(allowed, 10);
    }
}
