//! How long and how often one logical request is tried.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::{Duration, Instant};

use palisade_types::Timestamp;

use crate::error::Error;
use crate::limits;

/// The longest pause before the second attempt; it doubles from there.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// What is left of one logical request's time and attempts.
#[derive(Debug)]
pub(crate) struct Budget {
    end: Instant,
    attempts: u32,
}

/// Why an attempt has to be repeated.
#[derive(Debug)]
pub(crate) struct Setback {
    /// What went wrong, for the message when it was the last attempt.
    pub(crate) why: String,
    /// Whether the server said "too many requests", and when to come back.
    pub(crate) limited: bool,
    pub(crate) retry_after: Option<Duration>,
}

impl Setback {
    pub(crate) fn broken(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            limited: false,
            retry_after: None,
        }
    }
}

impl Budget {
    pub(crate) fn new(time: Duration) -> Self {
        Self {
            end: Instant::now() + time,
            attempts: 0,
        }
    }

    /// The time left.
    pub(crate) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Waits before the next attempt, or says why there is none. Full jitter, so that many
    /// clients that failed together do not come back together.
    pub(crate) async fn pause(&mut self, what: &str, setback: Setback) -> Result<(), Error> {
        self.attempts += 1;
        let ceiling = FIRST_PAUSE * 2_u32.pow(self.attempts.min(6) - 1);
        let wait = setback.retry_after.unwrap_or_else(|| jitter(ceiling));
        if self.attempts >= limits::ATTEMPTS || wait >= self.left() {
            return Err(give_up(what, setback));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

pub(crate) fn give_up(what: &str, setback: Setback) -> Error {
    let what = what.to_owned();
    if setback.limited {
        let wait = setback.retry_after.and_then(|wait| wait.try_into().ok());
        let until = wait.and_then(|wait: palisade_types::SignedDuration| {
            Timestamp::now().checked_add(wait).ok()
        });
        return Error::RateLimited { what, until };
    }
    Error::Unreachable {
        what,
        why: setback.why,
    }
}

/// A random duration up to this one.
pub(crate) fn jitter(ceiling: Duration) -> Duration {
    // The standard library's hasher keys are random; timing needs no better source.
    let random = RandomState::new().hash_one(Instant::now()) >> 32;
    let millis = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(millis.saturating_mul(random) >> 32)
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds or a date.
pub(crate) fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(header).ok()?.timestamp();
    Some(date.duration_since(now).try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_reads_seconds_and_dates_and_nothing_else() {
        let now = Timestamp::from_second(1_700_000_000).expect("in range");
        assert_eq!(retry_after("7", now), Some(Duration::from_secs(7)));
        let date = "Tue, 14 Nov 2023 22:13:30 GMT";
        assert_eq!(retry_after(date, now), Some(Duration::from_secs(10)));
        assert_eq!(
            retry_after("Tue, 14 Nov 2000 22:13:30 GMT", now),
            Some(Duration::ZERO)
        );
        for bad in ["", "-1", "soon", "1.5"] {
            assert_eq!(retry_after(bad, now), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn a_wait_beyond_the_deadline_fails_at_once_and_says_until_when() {
        let started = Instant::now();
        let setback = Setback {
            why: "429".to_owned(),
            limited: true,
            retry_after: Some(Duration::from_hours(1)),
        };
        let mut budget = Budget::new(Duration::from_secs(5));
        let error = budget.pause("x", setback).await.expect_err("too long");
        assert!(matches!(error, Error::RateLimited { until: Some(_), .. }));
        assert!(started.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn jitter_stays_below_its_ceiling_and_varies() {
        let ceiling = Duration::from_secs(10);
        let drawn: Vec<_> = (0..50).map(|_| jitter(ceiling)).collect();
        assert!(drawn.iter().all(|d| *d < ceiling));
        assert!(drawn.iter().any(|d| *d != drawn[0]));
    }
}
