//! Writing: the image, then the deploy; and finding out what a write did whose answer was lost.

use palisade_types::Timestamp;

use super::release::{Next, Release, State};
use super::wire::{self, Deploy, Service};
use crate::failure::{Failure, Kind, Phase};
use crate::machine::Reply;
use crate::record::Mutated;

/// How often the list is asked for a deploy whose answer was lost.
const MAX_SEARCHES: u32 = 6;

impl Release {
    pub(super) fn image_set(&mut self, reply: &Reply, now: Timestamp) -> Result<Next, Failure> {
        if (500..=599).contains(&reply.status) {
            return self.lost(&format!("HTTP {}", reply.status), now);
        }
        wire::accepted(reply, Phase::Apply)?;
        self.record.mutated = Mutated::Yes;
        self.tell(now, format!("the service is set to `{}`", self.image));
        Ok(Next::Go(State::Create))
    }

    pub(super) fn check_image(&mut self, reply: &Reply, now: Timestamp) -> Result<Next, Failure> {
        let service = wire::read_service(reply, Phase::Apply)?;
        if !self.is_set_to_image(&service) {
            let detail = "setting the image was not answered, and it does not show";
            return Err(Failure::new(Kind::Unavailable, Phase::Apply, detail));
        }
        self.record.mutated = Mutated::Yes;
        self.tell(
            now,
            format!("the service is set to `{}` after all", self.image),
        );
        Ok(Next::Go(State::Create))
    }

    fn is_set_to_image(&self, service: &Service) -> bool {
        let path = service.image_path.as_deref();
        path.and_then(|path| path.parse().ok()).as_ref() == Some(&self.image)
    }

    pub(super) fn created(&mut self, reply: &Reply, now: Timestamp) -> Result<Next, Failure> {
        if (500..=599).contains(&reply.status) {
            return self.lost(&format!("HTTP {}", reply.status), now);
        }
        wire::accepted(reply, Phase::Apply)?;
        self.record.mutated = Mutated::Yes;
        // 202: accepted, with neither body nor id.
        if reply.status == 202 || reply.body.is_empty() {
            self.tell(now, "the deploy is accepted without an id; looking for it");
            return Ok(Next::Go(State::Find {
                lost: false,
                searches: 1,
            }));
        }
        let deploy = wire::read_deploy(reply, Phase::Apply)?;
        self.is_what_was_asked(&deploy, reply, Phase::Apply)?;
        Ok(self.follow(&deploy, now))
    }

    /// An answer about another image, or about another deploy than the one we follow, says nothing
    /// about ours. That the image is not named is no contradiction: what runs is read back.
    pub(super) fn is_what_was_asked(
        &self,
        deploy: &Deploy,
        reply: &Reply,
        phase: Phase,
    ) -> Result<(), Failure> {
        if let Some(asked) = self.record.deploy.as_ref().filter(|id| **id != deploy.id) {
            let detail = format!("asked for deploy {asked}, it answers {}", deploy.id);
            return Err(wire::protocol(reply, phase, &detail));
        }
        match deploy.reference() {
            Some(other) if !deploy.is_of(&self.image) => {
                let detail = format!("asked for `{}`, it deploys `{other}`", self.image);
                Err(wire::protocol(reply, phase, &detail))
            }
            _ => Ok(()),
        }
    }

    fn follow(&mut self, deploy: &Deploy, now: Timestamp) -> Next {
        self.record.mutated = Mutated::Yes;
        self.record.deploy = Some(deploy.id.clone());
        self.status(deploy, now);
        Next::After(State::Poll)
    }

    /// Ours is the deploy of our image that was not there before, no older than those that were.
    /// Times are compared with Render's own, so that our clock does not matter.
    pub(super) fn find(
        &mut self,
        reply: &Reply,
        lost: bool,
        searches: u32,
        now: Timestamp,
    ) -> Result<Next, Failure> {
        let deploys = wire::read_deploys(reply, Phase::Apply)?;
        let ours = |deploy: &&Deploy| {
            deploy.is_of(&self.image)
                && !self.known.contains(&deploy.id)
                && deploy.created_at() >= self.newest_known
                && wire::is_id(&deploy.id)
        };
        let by_api = |deploy: &&Deploy| ours(deploy) && deploy.trigger.as_deref() == Some("api");
        let found = deploys
            .iter()
            .find(by_api)
            .or_else(|| deploys.iter().find(ours))
            .cloned();
        if let Some(deploy) = found {
            return Ok(self.follow(&deploy, now));
        }
        if lost && searches >= MAX_SEARCHES {
            let detail = "the deploy was not answered, and it does not show in the list";
            return Err(Failure::new(Kind::Unavailable, Phase::Apply, detail));
        }
        self.after(
            State::Find {
                lost,
                searches: searches + 1,
            },
            now,
        )
    }
}
