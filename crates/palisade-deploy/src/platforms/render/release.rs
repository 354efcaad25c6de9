//! The state machine of one release: which request comes next, and how it ends.

use palisade_types::{PinnedRef, Timestamp};

use super::observe::serving;
use super::wire::{self, Deploy};
use super::{Outcome, Render};
use crate::failure::{Failure, Kind, Phase};
use crate::machine::{Event, Machine, Reply, Request, Step};
use crate::receipt::ReadBack;
use crate::record::{Entry, Mutated, Record};
use crate::ticket::{Approval, DeployTicket};

/// A release under way. Each state is the request it has sent, or will send after a pause.
#[derive(Debug)]
pub struct Release {
    pub(super) render: Render,
    pub(super) ticket: Option<DeployTicket>,
    pub(super) image: PinnedRef,
    pub(super) approval: Approval,
    pub(super) plan_only: bool,
    pub(super) state: State,
    pub(super) deadline: Timestamp,
    pub(super) record: Record,
    pub(super) owner: String,
    pub(super) credential: Option<String>,
    pub(super) needs_set_image: bool,
    pub(super) known: Vec<String>,
    pub(super) newest_known: Option<Timestamp>,
    pub(super) last_status: Option<String>,
    pub(super) live: Option<Deploy>,
    pub(super) read_backs: Vec<ReadBack>,
}

#[derive(Clone, Debug)]
pub(super) enum State {
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
pub(super) enum Next {
    Go(State),
    After(State),
    End(Box<Outcome>),
}

impl Next {
    pub(super) fn end(outcome: Outcome) -> Self {
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
            Event::Woke => return self.send(now),
            Event::Reply(reply) => self.reply(&reply, now),
            Event::Lost(why) => self.lost(&why, now),
        };
        match next.unwrap_or_else(|failure| self.fail(failure, now)) {
            Next::Go(state) => {
                self.state = state;
                self.send(now)
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

    fn writes_until(&self) -> Timestamp {
        self.approval.expires_at
    }

    fn timeline(&self) -> &[Entry] {
        &self.record.timeline
    }
}

impl Release {
    pub(super) fn new(render: Render, ticket: DeployTicket, plan_only: bool) -> Self {
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
            credential: None,
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

    pub(super) fn set_image(&self) -> Request {
        let credential = self.credential.as_deref();
        wire::set_image(&self.render.service.0, &self.owner, credential, &self.image)
    }

    pub(super) fn ticket(&self) -> &DeployTicket {
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
            State::SetImage => self.set_image(),
            State::Create => wire::create_deploy(service, &self.image),
            State::Poll => {
                let deploy = self.record.deploy.as_deref().unwrap_or_default();
                wire::get_deploy(service, deploy)
            }
        }
    }

    /// Sends the request of the state. A decision that is too old by now writes nothing more.
    fn send(&mut self, now: Timestamp) -> Step<Outcome> {
        let expires_at = self.approval.expires_at;
        let writes = matches!(self.state, State::SetImage | State::Create);
        if !writes || now <= expires_at {
            return Step::Send(self.request());
        }
        let done = match self.record.mutated {
            Mutated::No => "nothing was changed",
            Mutated::Unknown | Mutated::Yes => "nothing more was changed",
        };
        let detail = format!("it was good until {expires_at}; {done}");
        match self.fail(Failure::new(Kind::TicketExpired, Phase::Apply, detail), now) {
            Next::Go(state) | Next::After(state) => {
                self.state = state;
                Step::Send(self.request())
            }
            Next::End(outcome) => Step::Done(*outcome),
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
            State::ReadLive => self.read_live(reply, now),
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
    pub(super) fn lost(&mut self, why: &str, now: Timestamp) -> Result<Next, Failure> {
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

    /// Pauses before `state`, unless the time is up.
    pub(super) fn after(&self, state: State, now: Timestamp) -> Result<Next, Failure> {
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

    pub(super) fn tell(&mut self, now: Timestamp, event: impl Into<String>) {
        self.record.timeline.push(Entry::new(now, event));
    }
}
