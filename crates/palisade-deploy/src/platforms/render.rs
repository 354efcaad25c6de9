//! Render: set the service's image, deploy it, wait until it is live, read back what runs.
//!
//! The service is set to the image before the deploy, since the documentation does not say whether
//! a deploy's `imageUrl` stays. Success is what the platform reports afterwards, never what it
//! answers to a write.

mod wire;

use std::num::NonZeroU32;
use std::str::FromStr;

use palisade_types::{Digest, PinnedRef, SignedDuration, Timestamp};
use palisade_ui::escape;

use crate::failure::{Failure, Kind, Phase};
use crate::machine::{Event, Machine, Reply, Request, Step};
use crate::receipt::{ReadBack, Receipt, compare};
use crate::record::{Entry, Mutated, Record, Serving};
use crate::ticket::{Approval, DeployTicket, IdentityKind};
use wire::{Deploy, Progress, Service};

/// Where Render's API is.
pub const API: &str = "https://api.render.com/v1";

/// The members of an image by which Render names what runs. Whether an index or a platform's
/// manifest stands in `image.sha` is not documented, so either counts, and the receipt says which.
const NAMED_BY: &[IdentityKind] = &[IdentityKind::Index, IdentityKind::Manifest];
/// How often the list is asked for a deploy whose answer was lost.
const MAX_SEARCHES: u32 = 6;

/// The id of a service, which can stand in a path as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceId(String);

/// Why a text is no service id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the id of a service; it looks like `srv-cu2k4j3qf0us73fbv7u0`")]
pub struct ParseServiceIdError(String);

impl FromStr for ServiceId {
    type Err = ParseServiceIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if wire::is_id(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseServiceIdError(escape(text)))
        }
    }
}

impl std::fmt::Display for ServiceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A service on Render, and how patiently to deploy to it.
#[derive(Clone, Debug)]
pub struct Render {
    /// The service.
    pub service: ServiceId,
    /// When to give up, counted from the start.
    pub timeout: SignedDuration,
    /// How long to wait between two looks.
    pub poll_interval: SignedDuration,
    /// How many reads in a row have to show the approved image.
    pub soak: NonZeroU32,
}

/// How a release ends.
#[derive(Debug)]
pub enum Outcome {
    /// The approved image serves; read back.
    Live(Receipt),
    /// It does not, or nobody knows.
    NotLive(Failure),
    /// Nothing was written: this is what would have been.
    Planned(Plan),
}

/// Exactly what a release would write.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The image.
    pub image: String,
    /// The service.
    pub service: ServiceId,
    /// The writes, in order.
    pub requests: Vec<Request>,
}

impl Plan {
    /// The digest of the plan, by which it can be named.
    pub fn digest(&self) -> Digest {
        let plan = (&self.image, &self.service.0, &self.requests);
        let bytes = serde_json::to_vec(&plan).expect("a plan holds only JSON values");
        Digest::sha256_of(&bytes)
    }
}

impl Render {
    /// Begins to release the ticket's image.
    pub fn release(self, ticket: DeployTicket) -> Release {
        Release::new(self, ticket, false)
    }

    /// Begins to find out what releasing would write. It ends in [`Outcome::Planned`].
    pub fn plan(self, ticket: DeployTicket) -> Release {
        Release::new(self, ticket, true)
    }
}

/// A release under way. Each state is the request it has sent, or will send after a pause.
#[derive(Debug)]
pub struct Release {
    render: Render,
    ticket: Option<DeployTicket>,
    image: PinnedRef,
    approval: Approval,
    plan_only: bool,
    state: State,
    deadline: Timestamp,
    record: Record,
    owner: String,
    needs_set_image: bool,
    known: Vec<String>,
    newest_known: Option<Timestamp>,
    last_status: Option<String>,
    live: Option<Deploy>,
    read_backs: Vec<ReadBack>,
}

#[derive(Clone, Debug)]
enum State {
    /// What is the service set to?
    Service,
    /// Which deploys are there?
    Deploys,
    /// Set the service's image.
    SetImage,
    /// The answer was lost: was it set?
    CheckImage,
    /// Deploy.
    Create,
    /// The answer named no deploy, or was lost: which one is ours?
    Find { lost: bool, searches: u32 },
    /// How far is it?
    Poll,
    /// Which deploy is live, with which digest?
    ReadLive,
    /// What is the service set to now?
    ReadService,
    /// It failed: what serves now?
    Serving(Box<Failure>),
}

/// What follows an answer.
enum Next {
    Go(State),
    After(State),
    End(Box<Outcome>),
}

impl Next {
    fn end(outcome: Outcome) -> Self {
        Self::End(Box::new(outcome))
    }
}

impl Machine for Release {
    type End = Outcome;

    fn step(&mut self, event: Event, now: Timestamp) -> Step<Outcome> {
        let next = match event {
            Event::Start => {
                self.deadline = now
                    .checked_add(self.render.timeout)
                    .unwrap_or(Timestamp::MAX);
                return Step::Send(self.request());
            }
            Event::Woke => return Step::Send(self.request()),
            Event::Reply(reply) => self.reply(&reply, now),
            Event::Lost(why) => self.lost(&why, now),
        };
        match next.unwrap_or_else(|failure| self.fail(failure, now)) {
            Next::Go(state) => {
                self.state = state;
                Step::Send(self.request())
            }
            Next::After(state) => {
                self.state = state;
                Step::Sleep(self.render.poll_interval)
            }
            Next::End(outcome) => Step::Done(*outcome),
        }
    }

    fn deadline(&self) -> Timestamp {
        self.deadline
    }

    fn timeline(&self) -> &[Entry] {
        &self.record.timeline
    }
}

impl Release {
    fn new(render: Render, ticket: DeployTicket, plan_only: bool) -> Self {
        Self {
            render,
            image: ticket.image().clone(),
            approval: ticket.approval().clone(),
            ticket: Some(ticket),
            plan_only,
            state: State::Service,
            deadline: Timestamp::MAX,
            record: Record::default(),
            owner: String::new(),
            needs_set_image: true,
            known: Vec::new(),
            newest_known: None,
            last_status: None,
            live: None,
            read_backs: Vec::new(),
        }
    }

    /// What happened beside the end: timeline, warnings, what served before.
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// Who allowed it.
    pub const fn approval(&self) -> &Approval {
        &self.approval
    }

    fn ticket(&self) -> &DeployTicket {
        self.ticket
            .as_ref()
            .expect("the ticket is taken by the last step alone")
    }

    /// The request of the state.
    fn request(&self) -> Request {
        let service = &self.render.service.0;
        match &self.state {
            State::Service | State::CheckImage | State::ReadService => wire::get_service(service),
            State::Deploys | State::Find { .. } | State::ReadLive | State::Serving(_) => {
                wire::list_deploys(service)
            }
            State::SetImage => wire::set_image(service, &self.owner, &self.image),
            State::Create => wire::create_deploy(service, &self.image),
            State::Poll => {
                let deploy = self.record.deploy.as_deref().unwrap_or_default();
                wire::get_deploy(service, deploy)
            }
        }
    }

    fn reply(&mut self, reply: &Reply, now: Timestamp) -> Result<Next, Failure> {
        match self.state.clone() {
            State::Service => self.observe_service(reply, now),
            State::Deploys => self.observe_deploys(reply, now),
            State::SetImage => self.image_set(reply, now),
            State::CheckImage => self.check_image(reply, now),
            State::Create => self.created(reply, now),
            State::Find { lost, searches } => self.find(reply, lost, searches, now),
            State::Poll => self.poll(reply, now),
            State::ReadLive => self.read_live(reply),
            State::ReadService => self.read_service(reply, now),
            State::Serving(failure) => Ok(Next::end(Outcome::NotLive(Failure {
                serving: wire::read_deploys(reply, Phase::ReadBack)
                    .ok()
                    .and_then(|deploys| serving(&deploys)),
                ..*failure
            }))),
        }
    }

    /// No answer. A read has been repeated by the driver; a write may have happened, is never
    /// repeated, and has to be looked for.
    fn lost(&mut self, why: &str, now: Timestamp) -> Result<Next, Failure> {
        match self.state.clone() {
            State::SetImage => {
                self.record.mutated = Mutated::Unknown;
                self.tell(
                    now,
                    format!("no answer to setting the image ({why}); looking"),
                );
                Ok(Next::Go(State::CheckImage))
            }
            State::Create => {
                self.record.mutated = Mutated::Unknown;
                self.tell(
                    now,
                    format!("no answer to the deploy ({why}); looking for it"),
                );
                Ok(Next::Go(State::Find {
                    lost: true,
                    searches: 1,
                }))
            }
            State::Serving(failure) => Ok(Next::end(Outcome::NotLive(*failure))),
            _ => Err(Failure::new(Kind::Unavailable, self.phase(), why)),
        }
    }

    fn observe_service(&mut self, reply: &Reply, now: Timestamp) -> Result<Next, Failure> {
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
        let repository = current.parse::<palisade_types::ImageRef>().ok();
        if repository.is_none_or(|image| image.repository() != self.image.repository()) {
            let mismatch = Kind::RepositoryMismatch {
                expected: self.image.repository().to_string(),
                observed: escape(current),
            };
            return Err(failure(mismatch, "nothing was changed".to_owned()));
        }
        Ok(escape(current))
    }

    fn observe_deploys(&mut self, reply: &Reply, now: Timestamp) -> Result<Next, Failure> {
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
        let expires_at = self.ticket().approval().expires_at;
        if now > expires_at {
            let detail = format!("it was good until {expires_at}; nothing was changed");
            return Err(Failure::new(Kind::TicketExpired, Phase::Apply, detail));
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
        let set = self
            .needs_set_image
            .then(|| wire::set_image(service, &self.owner, &self.image));
        Plan {
            image: self.image.to_string(),
            service: self.render.service.clone(),
            requests: set
                .into_iter()
                .chain([wire::create_deploy(service, &self.image)])
                .collect(),
        }
    }

    fn image_set(&mut self, reply: &Reply, now: Timestamp) -> Result<Next, Failure> {
        if (500..=599).contains(&reply.status) {
            return self.lost(&format!("HTTP {}", reply.status), now);
        }
        wire::accepted(reply, Phase::Apply)?;
        self.record.mutated = Mutated::Yes;
        self.tell(now, format!("the service is set to `{}`", self.image));
        Ok(Next::Go(State::Create))
    }

    fn check_image(&mut self, reply: &Reply, now: Timestamp) -> Result<Next, Failure> {
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

    fn created(&mut self, reply: &Reply, now: Timestamp) -> Result<Next, Failure> {
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
        Ok(self.follow(&deploy, now))
    }

    fn follow(&mut self, deploy: &Deploy, now: Timestamp) -> Next {
        self.record.mutated = Mutated::Yes;
        self.record.deploy = Some(deploy.id.clone());
        self.status(deploy, now);
        Next::After(State::Poll)
    }

    /// Ours is the deploy of our image that was not there before, no older than those that were.
    /// Times are compared with Render's own, so that our clock does not matter.
    fn find(
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

    fn poll(&mut self, reply: &Reply, now: Timestamp) -> Result<Next, Failure> {
        let deploy = wire::read_deploy(reply, Phase::Poll).map_err(unverifiable)?;
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
    fn status(&mut self, deploy: &Deploy, now: Timestamp) {
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

    fn read_live(&mut self, reply: &Reply) -> Result<Next, Failure> {
        let deploys = wire::read_deploys(reply, Phase::ReadBack).map_err(unverifiable)?;
        let failure = |kind, detail: String| Failure::new(kind, Phase::ReadBack, detail);
        let Some(live) = deploys.iter().find(|deploy| is_live(deploy)) else {
            let detail = "no deploy of the service is listed as live".to_owned();
            return Err(failure(Kind::Unverifiable, detail));
        };
        if self.record.deploy.as_ref() != Some(&live.id) {
            let detail = format!("deploy {} is live instead", escape(&live.id));
            return Err(failure(Kind::Superseded, detail));
        }
        self.live = Some(live.clone());
        Ok(Next::Go(State::ReadService))
    }

    fn read_service(&mut self, reply: &Reply, now: Timestamp) -> Result<Next, Failure> {
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

    /// Pauses before `state`, unless the time is up.
    fn after(&self, state: State, now: Timestamp) -> Result<Next, Failure> {
        let wakes = now
            .checked_add(self.render.poll_interval)
            .unwrap_or(Timestamp::MAX);
        if wakes <= self.deadline {
            return Ok(Next::After(state));
        }
        let status = self.last_status.as_deref().unwrap_or("not listed");
        let detail = format!("after {:#} its status is `{status}`", self.render.timeout);
        Err(Failure::new(Kind::Timeout, self.phase(), detail))
    }

    const fn phase(&self) -> Phase {
        match self.state {
            State::Service | State::Deploys => Phase::Observe,
            State::SetImage | State::CheckImage | State::Create | State::Find { .. } => {
                Phase::Apply
            }
            State::Poll => Phase::Poll,
            State::ReadLive | State::ReadService | State::Serving(_) => Phase::ReadBack,
        }
    }

    /// Once something was written, a failure also says what serves now.
    fn fail(&mut self, failure: Failure, now: Timestamp) -> Next {
        self.tell(now, failure.to_string());
        let failure = Failure {
            mutated: self.record.mutated,
            ..failure
        };
        if failure.mutated == Mutated::No {
            return Next::end(Outcome::NotLive(failure));
        }
        Next::Go(State::Serving(Box::new(failure)))
    }

    fn tell(&mut self, now: Timestamp, event: impl Into<String>) {
        self.record.timeline.push(Entry::new(now, event));
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

fn is_live(deploy: &Deploy) -> bool {
    wire::progress(deploy.status.as_deref()) == Progress::Live
}

/// The newest live deploy.
fn serving(deploys: &[Deploy]) -> Option<Serving> {
    let live = deploys.iter().find(|deploy| is_live(deploy))?;
    let image = live.image.clone().unwrap_or_default();
    Some(Serving {
        deploy: escape(&live.id),
        image: image.reference.as_deref().map(escape),
        digest: image.sha.and_then(|sha| sha.parse().ok()),
    })
}
