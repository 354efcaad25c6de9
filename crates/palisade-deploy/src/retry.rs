//! When a request is sent again, and after how long: rate limits, and reads that got no answer.

use jiff::fmt::rfc2822;
use palisade_types::{SignedDuration, Timestamp};

use crate::machine::{Method, Reply, Request};

/// How often a read is sent before its failure counts.
const MAX_ATTEMPTS: u32 = 5;
/// The pause after the first failed read; it doubles each time.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// The pause when a platform limits us and does not say for how long.
const UNSAID_PAUSE: SignedDuration = SignedDuration::from_secs(15);
/// The longest pause a platform may ask for; longer ones end in "rate limited".
const MAX_PAUSE: SignedDuration = SignedDuration::from_hours(1);
/// Below this, `Ratelimit-Reset` counts seconds; from here on it is a time since 1970. Vendors
/// document one and send the other.
const EPOCH_FROM: i64 = 1_000_000_000;

/// How long to wait before sending this request again; `None` when its answer, or the lack of
/// one, has to be taken as it is.
///
/// 429 says that the request was not carried out (RFC 6585, section 4), so that even a write may
/// be sent again. Any other write without a clear answer may have happened: it is never repeated.
pub fn pause(
    request: &Request,
    answer: Result<&Reply, &str>,
    attempt: u32,
    now: Timestamp,
    deadline: Timestamp,
) -> Option<SignedDuration> {
    let wait = match answer {
        Ok(reply) if reply.status == 429 => asked_for(reply, now).unwrap_or(UNSAID_PAUSE),
        _ if request.method != Method::Get || attempt >= MAX_ATTEMPTS => return None,
        Ok(reply) if matches!(reply.status, 408 | 500..=599) => {
            asked_for(reply, now).unwrap_or_else(|| backoff(attempt))
        }
        Ok(_) => return None,
        Err(_) => backoff(attempt),
    };
    let wait = wait.max(FIRST_PAUSE);
    let until = now.checked_add(wait).ok()?;
    (wait <= MAX_PAUSE && until <= deadline).then_some(wait)
}

fn backoff(attempt: u32) -> SignedDuration {
    FIRST_PAUSE * 2_i32.pow(attempt.saturating_sub(1).min(MAX_ATTEMPTS))
}

/// What the reply asks us to wait: `Retry-After` (RFC 9110, section 10.2.3) before
/// `Ratelimit-Reset`.
pub fn asked_for(reply: &Reply, now: Timestamp) -> Option<SignedDuration> {
    let retry_after = reply.header("retry-after").and_then(|text| {
        number(text, now).or_else(|| {
            let date = rfc2822::DateTimeParser::new()
                .parse_timestamp(text.trim())
                .ok()?;
            Some(date.duration_since(now))
        })
    });
    retry_after.or_else(|| number(reply.header("ratelimit-reset")?, now))
}

fn number(text: &str, now: Timestamp) -> Option<SignedDuration> {
    let number: i64 = text.trim().parse().ok().filter(|number| *number >= 0)?;
    if number < EPOCH_FROM {
        Some(SignedDuration::from_secs(number))
    } else {
        Some(Timestamp::from_second(number).ok()?.duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn now() -> Timestamp {
        "2026-11-24T08:00:00Z".parse().expect("a time")
    }

    fn later(seconds: i64) -> Timestamp {
        now() + SignedDuration::from_secs(seconds)
    }

    fn reply(status: u16, headers: &[(&str, &str)]) -> Reply {
        let headers = headers
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        Reply {
            status,
            headers: headers.collect(),
            body: Vec::new(),
        }
    }

    fn asked(name: &str, value: &str) -> Option<i64> {
        asked_for(&reply(429, &[(name, value)]), now()).map(|wait| wait.as_secs())
    }

    fn seconds(request: &Request, answer: Result<&Reply, &str>, attempt: u32) -> Option<i64> {
        pause(request, answer, attempt, now(), later(900)).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_reset_is_seconds_when_small_and_a_time_when_large() {
        assert_eq!(asked("ratelimit-reset", "54"), Some(54));
        let epoch = later(54).as_second().to_string();
        assert_eq!(asked("ratelimit-reset", &epoch), Some(54));
        assert_eq!(asked("retry-after", "7"), Some(7));
        assert_eq!(
            asked("retry-after", "Tue, 24 Nov 2026 08:00:09 GMT"),
            Some(9)
        );
        for nonsense in ["", "-5", "soon", "99999999999999999999"] {
            assert_eq!(asked("ratelimit-reset", nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_read_is_repeated_and_a_write_is_not() {
        let write = Request::write(Method::Post, "/x", json!({}));
        let read = Request::get("/x");
        for answer in [Err("cut"), Ok(&reply(503, &[]))] {
            assert_eq!(seconds(&read, answer, 1), Some(1));
            assert_eq!(seconds(&read, answer, 3), Some(4));
            assert_eq!(seconds(&read, answer, 5), None);
            assert_eq!(seconds(&write, answer, 1), None);
        }
        assert_eq!(seconds(&read, Ok(&reply(404, &[])), 1), None);
    }

    #[test]
    fn a_rate_limit_is_waited_out_for_writes_too_but_not_beyond_the_deadline() {
        let write = Request::write(Method::Post, "/x", json!({}));
        let limited = |reset| reply(429, &[("ratelimit-reset", reset)]);
        assert_eq!(seconds(&write, Ok(&limited("54")), 1), Some(54));
        assert_eq!(seconds(&write, Ok(&limited("900")), 1), Some(900));
        assert_eq!(seconds(&write, Ok(&limited("901")), 1), None);
        assert_eq!(seconds(&write, Ok(&limited("0")), 1), Some(1));
    }
}
