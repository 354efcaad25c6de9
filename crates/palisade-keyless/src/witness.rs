//! What vouches for a signature: timestamp authorities and logs, as many as are needed, the next
//! operator's when one is out.

use std::time::Duration;

use palisade_attest::Bundle;
use palisade_trust::{Rejection, TrustRoot, verify_timestamp};
use palisade_types::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::config::{LogVersion, Pool, Services};
use crate::content::{Content, Hash};
use crate::error::{Error, Kind};
use crate::http::{Caller, Http, Service};
use crate::proxy::Proxies;
use crate::rekor::{self, Entry, Proposal, Verifier};
use crate::signer::Progress;
use crate::tsa;

/// How far the services' clocks may be ahead of ours, for evidence they made this minute.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// The time of this run: what `main` took once, and what has passed since.
pub(crate) struct Clock {
    now: Timestamp,
    pub(crate) start: Instant,
}

impl Clock {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            now,
            start: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.start.elapsed()).unwrap_or(SignedDuration::MAX);
        self.now.checked_add(passed).unwrap_or(Timestamp::MAX)
    }
}

/// The services that vouch, and how to ask them.
pub(crate) struct Witnesses<'a> {
    pub(crate) root: &'a TrustRoot,
    logs: Pool<(Service, LogVersion)>,
    tsas: Pool<Service>,
    pub(crate) http: Http,
    pub(crate) deadline: Duration,
    pub(crate) progress: Box<dyn Fn(&Progress) + Send + Sync + 'a>,
}

/// A signature, and what made it.
pub(crate) struct Made<'a> {
    pub(crate) content: &'a Content<'a>,
    pub(crate) signature: &'a [u8],
    /// The digest that a log enters, and what made it.
    pub(crate) digest: &'a [u8],
    pub(crate) hash: Hash,
    pub(crate) verifier: &'a Verifier,
}

/// What the services said about a signature.
pub(crate) struct Testimony {
    pub(crate) timestamps: Vec<Vec<u8>>,
    pub(crate) entries: Vec<Entry>,
}

impl<'a> Witnesses<'a> {
    pub(crate) fn new(services: Services, root: &'a TrustRoot, deadline: Duration) -> Self {
        Self {
            root,
            logs: services
                .logs
                .map(|log| (Service::new("Rekor", log.url), log.version)),
            tsas: services
                .tsas
                .map(|url| Service::new("the timestamp authority", url)),
            http: Http::new(Proxies::none()),
            deadline,
            progress: Box::new(|_| ()),
        }
    }

    pub(crate) fn told(&self, step: &Progress) {
        (self.progress)(step);
    }

    /// Asks one service of the pool after the other until enough have answered. An outage is
    /// passed over while others are left; a refusal, and evidence that does not hold, are not.
    pub(crate) async fn gather<S, T>(
        &self,
        pool: &Pool<S>,
        clock: &Clock,
        ask: impl AsyncFn(Caller<'_>, &S) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let until = clock.start + self.deadline;
        let waiting = |service: &Service, why: &str| {
            let (service, why) = (service.to_string(), why.to_owned());
            self.told(&Progress::Waiting { service, why });
        };
        let (mut answers, mut outages) = (Vec::new(), Vec::new());
        for (position, service) in pool.candidates.iter().enumerate() {
            if answers.len() == pool.wanted {
                break;
            }
            let left = pool.candidates.len() - position;
            // A service that is down must leave time for those after it.
            let now = Instant::now();
            let share = until.saturating_duration_since(now) / u32::try_from(left).unwrap_or(1);
            match ask(self.http.until(now + share, &waiting), service).await {
                Ok(answer) => answers.push(answer),
                Err(error) if error.kind() == Kind::Unavailable => {
                    let needed = pool.wanted - answers.len();
                    if left > needed {
                        self.told(&Progress::PassedOver(error.to_string()));
                    }
                    outages.push(error);
                    if left <= needed {
                        break;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        if answers.len() == pool.wanted {
            return Ok(answers);
        }
        Err(match outages.pop() {
            Some(only) if outages.is_empty() => only,
            last => Error::Outage {
                wanted: pool.wanted,
                of: pool.candidates.len(),
                outages: outages.into_iter().chain(last).collect(),
            },
        })
    }

    /// Timestamps, then log entries. `None` when a log has lost its answer and a new signature is
    /// the way on.
    pub(crate) async fn testify(
        &self,
        made: &Made<'_>,
        clock: &Clock,
    ) -> Result<Option<Testimony>, Error> {
        let timestamps = self
            .gather(&self.tsas, clock, async |caller, service| {
                self.timestamp(caller, service, made.signature, clock).await
            })
            .await?;
        let envelope = made.content.envelope(made.signature);
        let proposal = Proposal {
            digest: made.digest,
            hash: made.hash,
            signature: made.signature,
            verifier: made.verifier,
            envelope: envelope.as_deref(),
        };
        let entries = self
            .gather(&self.logs, clock, async |caller, (service, version)| {
                rekor::enter(caller, service, *version, &proposal).await
            })
            .await?;
        let entries: Option<Vec<Entry>> = entries.into_iter().collect();
        let Some(entries) = entries else {
            return Ok(None);
        };
        for entry in &entries {
            self.told(&Progress::Logged(entry.index));
        }
        Ok(Some(Testimony {
            timestamps,
            entries,
        }))
    }

    async fn timestamp(
        &self,
        caller: Caller<'_>,
        service: &Service,
        signature: &[u8],
        clock: &Clock,
    ) -> Result<Vec<u8>, Error> {
        let reply = tsa::timestamp(caller, service, signature).await?;
        let time =
            verify_timestamp(&reply, signature, self.root, clock.now()).map_err(|rejection| {
                Error::Timestamp {
                    service: service.to_string(),
                    rejection,
                }
            })?;
        self.told(&Progress::Timestamp(time));
        Ok(reply)
    }

    /// What to say when a log has lost answer after answer.
    pub(crate) fn lost(&self, times: usize) -> Error {
        let logs: Vec<String> = self
            .logs
            .candidates
            .iter()
            .map(|(service, _)| service.to_string())
            .collect();
        Error::Unavailable {
            service: logs.join(" or "),
            why: format!("it lost {times} answers in a row"),
        }
    }

    /// Whether a log of this version may be asked.
    pub(crate) fn may_ask(&self, version: LogVersion) -> bool {
        self.logs.candidates.iter().any(|(_, own)| *own == version)
    }

    pub(crate) fn has_logs(&self) -> bool {
        self.logs.wanted > 0
    }
}

/// Reads the finished bundle and has it verified exactly as a stranger would.
pub(crate) fn verified(
    bytes: &[u8],
    clock: &Clock,
    verify: impl FnOnce(&Bundle, Timestamp) -> Result<(), Rejection>,
) -> Result<Bundle, Error> {
    let bundle = Bundle::parse(bytes).map_err(|error| Error::Malformed {
        service: "a service".to_owned(),
        why: format!("the bundle made of it: {error}"),
    })?;
    // What was signed a moment ago carries the services' time, which may be ahead of ours.
    let now = clock
        .now()
        .checked_add(CLOCK_SKEW)
        .unwrap_or(Timestamp::MAX);
    verify(&bundle, now).map_err(Error::Evidence)?;
    Ok(bundle)
}
