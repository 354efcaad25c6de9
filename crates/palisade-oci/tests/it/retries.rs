//! What is tried again, for how long, and what never is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::response::Response;
use palisade_oci::Error;
use palisade_types::{Digest, Timestamp};

use crate::registry::{Registry, client, reply};

/// This answer for the first `times` requests.
fn first(registry: &Registry, times: u64, answer: impl Fn() -> Response + Send + Sync + 'static) {
    let count = AtomicU64::new(0);
    registry.on(move |_| (count.fetch_add(1, Ordering::Relaxed) < times).then(&answer));
}

#[tokio::test]
async fn a_server_that_recovers_is_waited_for() {
    for status in [408, 429, 500, 502, 503, 504] {
        let registry = Registry::start().await;
        let image = registry.put_image("v1", ("linux", "amd64"));
        first(&registry, 2, move || reply(status, &[], "later"));
        client()
            .manifest(&registry.pin(&image.digest))
            .await
            .unwrap();
        assert_eq!(registry.log().len(), 3, "{status}");
    }
}

#[tokio::test]
async fn retry_after_is_honoured_in_seconds() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    first(&registry, 1, || reply(429, &[("retry-after", "1")], ""));
    let started = Instant::now();
    client()
        .manifest(&registry.pin(&image.digest))
        .await
        .unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_told_at_once() {
    let registry = Registry::start().await;
    let later = Timestamp::now().as_second() + 3_600;
    let date = Timestamp::from_second(later).unwrap();
    let header = jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&date)
        .unwrap();
    registry.on(move |_| Some(reply(429, &[("retry-after", &header)], "slow down")));
    let started = Instant::now();
    let error = client()
        .manifest(&registry.pin(&Digest::sha256_of(b"x")))
        .await
        .unwrap_err();
    let Error::RateLimited {
        until: Some(until), ..
    } = error
    else {
        panic!("{error}")
    };
    assert!((until.as_second() - later).abs() <= 2);
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(registry.log().len(), 1);
}

#[tokio::test]
async fn refusals_are_not_repeated() {
    for status in [400, 403, 404, 405, 413] {
        let registry = Registry::start().await;
        registry.on(move |_| Some(reply(status, &[], "no")));
        let error = client()
            .manifest(&registry.pin(&Digest::sha256_of(b"x")))
            .await
            .unwrap_err();
        assert_eq!(registry.log().len(), 1, "{status}: {error}");
        assert_eq!(error.is_answer(), status == 404, "{status}: {error}");
    }
}

#[tokio::test]
async fn a_403_about_too_many_requests_is_a_429() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#;
    first(&registry, 1, move || reply(403, &[], body));
    client()
        .manifest(&registry.pin(&image.digest))
        .await
        .unwrap();
}

#[tokio::test]
async fn attempts_are_bounded() {
    let registry = Registry::start().await;
    registry.on(|_| Some(reply(503, &[("retry-after", "0")], "down")));
    let error = client()
        .manifest(&registry.pin(&Digest::sha256_of(b"x")))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(
        registry.log().len(),
        palisade_oci::limits::ATTEMPTS as usize
    );
}
