//! Nothing that is believed may lie after the time of the verification.
//!
//! The verifier below compares with the system clock; a decision is a function of `now`.

use palisade_types::Timestamp;
use x509_cert::Certificate;
use x509_cert::ext::pkix::SignedCertificateTimestampList;

use crate::reason::Reason;
use crate::rejection::{Rejection, invalid};

/// The earliest of the proven signing times, when none of them lies after `now`.
pub(crate) fn signed_at(times: &[Timestamp], now: Timestamp) -> Result<Timestamp, Rejection> {
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else {
        return Err(invalid(Reason::NoTime, "no trusted time is in the bundle"));
    };
    if *last > now {
        return Err(invalid(
            Reason::Future,
            format!("it was signed at {last}, after {now}"),
        ));
    }
    Ok(*first)
}

/// No certificate transparency log vouched for the certificate only after `now`.
pub(crate) fn scts(certificate: &Certificate, now: Timestamp) -> Result<(), Rejection> {
    for milliseconds in sct_times(certificate)? {
        let time = i64::try_from(milliseconds)
            .ok()
            .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok());
        if time.is_none_or(|time| time > now) {
            return Err(invalid(
                Reason::Future,
                format!("the certificate was logged after {now}"),
            ));
        }
    }
    Ok(())
}

fn sct_times(certificate: &Certificate) -> Result<Vec<u64>, Rejection> {
    let malformed = |error: String| invalid(Reason::Sct, error);
    let Some((_, list)) = certificate
        .tbs_certificate
        .get::<SignedCertificateTimestampList>()
        .map_err(|error| malformed(error.to_string()))?
    else {
        return Ok(Vec::new());
    };
    list.parse_timestamps()
        .map_err(|error| malformed(format!("{error:?}")))?
        .iter()
        .map(|serialized| {
            serialized
                .parse_timestamp()
                .map(|sct| sct.timestamp)
                .map_err(|error| malformed(format!("{error:?}")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn the_earliest_time_counts_and_the_latest_must_have_passed() {
        let times = [time(20), time(10)];
        assert_eq!(signed_at(&times, time(20)).expect("passed"), time(10));
        let late = signed_at(&times, time(19)).expect_err("a second early");
        assert_eq!(late.word(), "future");
        assert_eq!(
            signed_at(&[], time(20)).expect_err("none").word(),
            "no-time"
        );
    }

    /// The certificate of a recorded bundle.
    fn certificate() -> Certificate {
        let bundle = include_str!("../../../../fixtures/sigstore-faults/faults/v2-none.json");
        let bundle = sigstore_verify::types::Bundle::from_json(bundle).expect("a bundle");
        let der = bundle.signing_certificate().expect("a certificate");
        crate::checks::certificate::parse(der.as_bytes()).expect("a certificate")
    }

    #[test]
    fn a_certificate_that_was_logged_after_now_is_refused() {
        let certificate = certificate();
        let logged = sct_times(&certificate).expect("an SCT");
        let [milliseconds] = logged.as_slice() else {
            panic!("{logged:?}")
        };
        let logged = i64::try_from(*milliseconds).expect("in range");
        let at = |ms| Timestamp::from_millisecond(ms).expect("in range");
        assert!(scts(&certificate, at(logged)).is_ok());
        let early = scts(&certificate, at(logged - 1)).expect_err("a millisecond early");
        assert_eq!(early.word(), "future");
    }
}
