//! Waiting until the deploy is live, and reading back what runs.

use palisade_types::Timestamp;
use palisade_ui::escape;

use super::observe::is_live;
use super::release::{Next, Release, State};
use super::wire::{self, Deploy, Progress, Service};
use super::{NAMED_BY, Outcome};
use crate::failure::{Failure, Kind, Phase};
use crate::machine::Reply;
use crate::receipt::{ReadBack, Receipt, compare};

impl Release {
    pub(super) fn poll(&mut self, reply: &Reply, now: Timestamp) -> Result<Next, Failure> {
        let deploy = wire::read_deploy(reply, Phase::Poll).map_err(unverifiable)?;
        self.is_what_was_asked(&deploy, reply, Phase::Poll)?;
        self.status(&deploy, now);
        let status = escape(deploy.status.as_deref().unwrap_or("null"));
        let ended = |kind| {
            let detail = format!("deploy {} is `{status}`", deploy.id);
            Err(Failure::new(kind, Phase::Poll, detail))
        };
        match wire::progress(deploy.status.as_deref()) {
            Progress::Live => Ok(Next::Go(State::ReadLive)),
            // A status we do not know may be a new step on the way; it is never the end of it.
            Progress::Pending | Progress::Unknown => self.after(State::Poll, now),
            Progress::Failed => ended(Kind::Failed),
            Progress::Canceled => ended(Kind::Canceled),
            Progress::Superseded => ended(Kind::Superseded),
        }
    }

    /// Says a status once, when it changes.
    pub(super) fn status(&mut self, deploy: &Deploy, now: Timestamp) {
        let status = escape(deploy.status.as_deref().unwrap_or("null"));
        if self.last_status.as_ref() == Some(&status) {
            return;
        }
        let odd = wire::progress(deploy.status.as_deref()) == Progress::Unknown;
        let odd = if odd {
            ", which is no documented status"
        } else {
            ""
        };
        self.tell(now, format!("deploy {} is `{status}`{odd}", deploy.id));
        self.last_status = Some(status);
    }

    pub(super) fn read_live(&mut self, reply: &Reply, now: Timestamp) -> Result<Next, Failure> {
        let deploys = wire::read_deploys(reply, Phase::ReadBack).map_err(unverifiable)?;
        let failure = |kind, detail: String| Failure::new(kind, Phase::ReadBack, detail);
        let is_ours = |deploy: &&Deploy| self.record.deploy.as_ref() == Some(&deploy.id);
        let Some(ours) = deploys.iter().find(is_ours) else {
            let detail = "our deploy is not listed".to_owned();
            return Err(failure(Kind::Unverifiable, detail));
        };
        match deploys.iter().find(|deploy| is_live(deploy)) {
            Some(live) if live.id == ours.id => {
                self.live = Some(live.clone());
                Ok(Next::Go(State::ReadService))
            }
            // The list lags behind what the deploy itself said.
            _ if !has_ended(ours) => self.after(State::ReadLive, now),
            Some(live) => {
                let detail = format!("deploy {} is live instead", escape(&live.id));
                Err(failure(Kind::Superseded, detail))
            }
            None => {
                let detail = "no deploy of the service is listed as live".to_owned();
                Err(failure(Kind::Unverifiable, detail))
            }
        }
    }

    pub(super) fn read_service(&mut self, reply: &Reply, now: Timestamp) -> Result<Next, Failure> {
        let service = wire::read_service(reply, Phase::ReadBack).map_err(unverifiable)?;
        let read_back = self.read_back(&service)?;
        compare(self.ticket(), NAMED_BY, &read_back)?;
        self.tell(now, format!("read back: `{}` is live", read_back.digest));
        self.read_backs.push(read_back);
        if self.read_backs.len() < self.render.soak.get() as usize {
            return self.after(State::ReadLive, now);
        }
        let ticket = self
            .ticket
            .take()
            .expect("the ticket is taken by the last step alone");
        Receipt::conclude(ticket, NAMED_BY, &self.read_backs)
            .map(|receipt| Next::end(Outcome::Live(receipt)))
    }

    fn read_back(&self, service: &Service) -> Result<ReadBack, Failure> {
        let failure = |kind, detail: String| Failure::new(kind, Phase::ReadBack, detail);
        if service.is_suspended() {
            let detail = "it was suspended while this image was deployed".to_owned();
            return Err(failure(Kind::Suspended, detail));
        }
        let live = self
            .live
            .as_ref()
            .expect("the live deploy is read before the service");
        let sha = live.image.as_ref().and_then(|image| image.sha.as_deref());
        let digest = sha.and_then(|sha| sha.parse().ok()).ok_or_else(|| {
            let got = sha.map_or_else(|| "nothing".to_owned(), |sha| format!("`{}`", escape(sha)));
            failure(
                Kind::Unverifiable,
                format!("its digest for {} is {got}", live.id),
            )
        })?;
        let path = service.image_path.as_deref().unwrap_or_default();
        let configured = path.parse().map_err(|_| {
            let reconfigured = Kind::Reconfigured {
                expected: self.image.to_string(),
                observed: escape(path),
            };
            failure(reconfigured, "it names no digest".to_owned())
        })?;
        Ok(ReadBack {
            deploy: live.id.clone(),
            digest,
            configured,
        })
    }
}

/// After the deploy began, "not found" is not an answer about the image any more.
fn unverifiable(failure: Failure) -> Failure {
    match failure.kind {
        Kind::Gone | Kind::NotFound | Kind::Rejected => Failure {
            kind: Kind::Unverifiable,
            ..failure
        },
        _ => failure,
    }
}

fn has_ended(deploy: &Deploy) -> bool {
    let progress = wire::progress(deploy.status.as_deref());
    !matches!(progress, Progress::Pending | Progress::Unknown)
}
