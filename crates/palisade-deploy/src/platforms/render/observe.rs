//! Looking before anything is written: is this the right service, and what does it run now?

use palisade_types::{ImageRef, PinnedRef, Timestamp};
use palisade_ui::escape;

use super::release::{Next, Release, State};
use super::wire::{self, Deploy, Progress, Service};
use super::{Outcome, Plan};
use crate::failure::{Failure, Kind, Phase};
use crate::machine::Reply;
use crate::record::Serving;

impl Release {
    pub(super) fn observe_service(
        &mut self,
        reply: &Reply,
        now: Timestamp,
    ) -> Result<Next, Failure> {
        let service = wire::read_service(reply, Phase::Observe)?;
        let current = self.deployable(&service)?;
        let name = service.name.as_deref().map(escape).unwrap_or_default();
        self.tell(
            now,
            format!(
                "service {} `{name}` is set to `{current}`",
                self.render.service
            ),
        );
        if service.deploys_itself() {
            self.record.warnings.push(
                "autodeploy is on: Render can deploy this service without a decision; set it to `off`"
                    .to_owned(),
            );
        }
        self.needs_set_image = current.parse::<PinnedRef>().ok().as_ref() != Some(&self.image);
        self.credential = service.registry_credential().map(str::to_owned);
        self.owner = service.owner_id;
        Ok(Next::Go(State::Deploys))
    }

    /// What has to hold of a service before anything is written; gives the image it is set to.
    fn deployable(&self, service: &Service) -> Result<String, Failure> {
        let failure = |kind, detail: String| Failure::new(kind, Phase::Observe, detail);
        let runtime = service.runtime().unwrap_or("unknown");
        let Some(current) = service.image_path.as_deref().filter(|_| runtime == "image") else {
            let detail = format!("its runtime is `{}`", escape(runtime));
            return Err(failure(Kind::NotAnImage, detail));
        };
        if service.is_suspended() {
            return Err(failure(Kind::Suspended, format!("{}", self.render.service)));
        }
        // Render refuses a deploy from another repository; asking first leaves nothing half done.
        let repository = current.parse::<ImageRef>().ok();
        if repository.is_none_or(|image| image.repository() != self.image.repository()) {
            let mismatch = Kind::RepositoryMismatch {
                expected: self.image.repository().to_string(),
                observed: escape(current),
            };
            return Err(failure(mismatch, "nothing was changed".to_owned()));
        }
        Ok(escape(current))
    }

    pub(super) fn observe_deploys(
        &mut self,
        reply: &Reply,
        now: Timestamp,
    ) -> Result<Next, Failure> {
        let deploys = wire::read_deploys(reply, Phase::Observe)?;
        self.known = deploys.iter().map(|deploy| deploy.id.clone()).collect();
        self.newest_known = deploys.first().and_then(Deploy::created_at);
        self.record.previous = serving(&deploys);
        match &self.record.previous {
            Some(Serving {
                deploy,
                digest: Some(digest),
                ..
            }) => {
                let line = format!("deploy {deploy} serves `{digest}` now");
                self.tell(now, line);
            }
            _ => self.record.warnings.push(
                "no live deploy with a digest is listed, so there is nothing to return to"
                    .to_owned(),
            ),
        }
        let busy = |deploy: &&Deploy| wire::progress(deploy.status.as_deref()) == Progress::Pending;
        if let Some(deploy) = deploys.iter().find(busy) {
            let warning = format!("deploy {} is under way on this service", escape(&deploy.id));
            self.record.warnings.push(warning);
        }
        if self.plan_only {
            return Ok(Next::end(Outcome::Planned(self.planned())));
        }
        let first = if self.needs_set_image {
            State::SetImage
        } else {
            State::Create
        };
        Ok(Next::Go(first))
    }

    fn planned(&self) -> Plan {
        let service = &self.render.service.0;
        let set = self.needs_set_image.then(|| self.set_image());
        Plan {
            image: self.image.to_string(),
            service: self.render.service.clone(),
            requests: set
                .into_iter()
                .chain([wire::create_deploy(service, &self.image)])
                .collect(),
        }
    }
}

pub(super) fn is_live(deploy: &Deploy) -> bool {
    wire::progress(deploy.status.as_deref()) == Progress::Live
}

/// The newest live deploy.
pub(super) fn serving(deploys: &[Deploy]) -> Option<Serving> {
    let live = deploys.iter().find(|deploy| is_live(deploy))?;
    let image = live.image.clone().unwrap_or_default();
    Some(Serving {
        deploy: escape(&live.id),
        image: image.reference.as_deref().map(escape),
        digest: image.sha.and_then(|sha| sha.parse().ok()),
    })
}
