//! The one loop that does IO for every adapter: sends, retries what may be retried, waits.

use std::future::Future;

use palisade_types::{SignedDuration, Timestamp};

use crate::machine::{Event, Machine, Method, Reply, Request, Step};
use crate::record::Entry;
use crate::retry;

/// Sends one request to one platform's API.
pub trait Transport {
    /// The whole answer; else why there is none, which for a write means that it may have happened.
    fn send(&self, request: &Request) -> impl Future<Output = Result<Reply, String>>;
}

/// Time, as the driver sees it.
pub trait Clock {
    /// The time now.
    fn now(&self) -> Timestamp;
    /// Returns when this much time has passed.
    fn sleep(&self, wait: SignedDuration) -> impl Future<Output = ()>;
}

/// Runs a machine to its end, and tells each new entry of its timeline as it appears.
pub async fn drive<M: Machine>(
    machine: &mut M,
    transport: &impl Transport,
    clock: &impl Clock,
    mut tell: impl FnMut(&Entry),
) -> M::End {
    let mut event = Event::Start;
    let mut told = 0;
    loop {
        let step = machine.step(event, clock.now());
        machine.timeline()[told..].iter().for_each(&mut tell);
        told = machine.timeline().len();
        event = match step {
            Step::Done(end) => return end,
            Step::Send(request) => {
                let until = last_moment(machine, &request);
                deliver(&request, until, transport, clock, &mut tell).await
            }
            Step::Sleep(wait) => {
                clock.sleep(wait).await;
                Event::Woke
            }
        };
    }
}

/// After this, the request is not sent again.
fn last_moment<M: Machine>(machine: &M, request: &Request) -> Timestamp {
    match request.method {
        Method::Get => machine.deadline(),
        Method::Patch | Method::Post => machine.deadline().min(machine.writes_until()),
    }
}

async fn deliver(
    request: &Request,
    until: Timestamp,
    transport: &impl Transport,
    clock: &impl Clock,
    tell: &mut impl FnMut(&Entry),
) -> Event {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let answer = transport.send(request).await;
        let now = clock.now();
        let as_seen = answer.as_ref().map_err(String::as_str);
        let Some(wait) = retry::pause(request, as_seen, attempt, now, until) else {
            return as_event(answer);
        };
        let why = match &answer {
            Ok(reply) if reply.status == 429 => "rate limited".to_owned(),
            Ok(reply) => format!("HTTP {}", reply.status),
            Err(why) => why.clone(),
        };
        tell(&Entry::new(
            now,
            format!(
                "{why}; {} is sent again in {} s",
                request.method.name(),
                wait.as_secs()
            ),
        ));
        clock.sleep(wait).await;
        // Pauses can last longer than was asked for.
        if request.method != Method::Get && clock.now() > until {
            return as_event(answer);
        }
    }
}

fn as_event(answer: Result<Reply, String>) -> Event {
    match answer {
        Ok(reply) => Event::Reply(reply),
        Err(why) => Event::Lost(why),
    }
}
