//! Services that are down, slow, cut off or far too talkative.

use std::time::{Duration, Instant};

use palisade_lab::{Fault, Lab};

use crate::support::{Answer, Http, lab, push_image};

/// One request to each service, by the first part of its faults' names.
async fn call(lab: &Lab, service: &str) -> reqwest::Result<Answer> {
    let http = Http::new(lab);
    let (method, path) = match service {
        "fulcio" => ("POST", "/api/v2/signingCert"),
        "oidc" => ("GET", "/.well-known/openid-configuration"),
        "registry" => ("GET", "/v2/a/manifests/t"),
        "rekor" => ("GET", "/api/v1/log"),
        "tsa" => ("POST", "/api/v1/timestamp"),
        "tuf" => ("GET", "/tuf/timestamp.json"),
        other => panic!("{other} is no service"),
    };
    http.try_send(method, path, &[], "").await
}

/// Faults whose name is a service and this trouble.
fn faults(trouble: &str) -> Vec<(Fault, &'static str)> {
    let parts = Fault::ALL.iter().filter_map(|fault| {
        let (service, rest) = fault.name().split_once('-')?;
        (rest == trouble).then_some((*fault, service))
    });
    parts.collect()
}

#[tokio::test]
async fn an_unavailable_service_answers_503_and_the_others_work() {
    let lab = lab().await;
    push_image(&Http::new(&lab), "a", "t", "layer").await;
    assert_eq!(faults("503").len(), 6);
    for (fault, service) in faults("503") {
        lab.set_faults(&[fault]);
        assert_eq!(call(&lab, service).await.unwrap().status, 503, "{service}");
        let other = if service == "tuf" { "oidc" } else { "tuf" };
        assert_eq!(call(&lab, other).await.unwrap().status, 200);
    }
    lab.set_faults(&[Fault::Registry500]);
    assert_eq!(call(&lab, "registry").await.unwrap().status, 500);
}

#[tokio::test]
async fn a_busy_service_says_when_to_come_back() {
    let lab = lab().await;
    assert_eq!(faults("429").len(), 5);
    for (fault, service) in faults("429") {
        lab.set_faults(&[fault]);
        let answer = call(&lab, service).await.unwrap();
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (429, "1"),
            "{service}"
        );
    }
}

#[tokio::test]
async fn a_cut_answer_announces_more_than_it_sends() {
    let lab = lab().await;
    push_image(&Http::new(&lab), "a", "t", "layer").await;
    assert_eq!(faults("cut").len(), 6);
    for (fault, service) in faults("cut") {
        lab.set_faults(&[fault]);
        assert!(call(&lab, service).await.is_err(), "{service}");
        lab.set_faults(&[]);
        assert!(call(&lab, service).await.is_ok(), "{service}");
    }
}

#[tokio::test]
async fn a_huge_answer_has_ten_megabytes() {
    let lab = lab().await;
    assert_eq!(faults("huge").len(), 6);
    for (fault, service) in faults("huge") {
        lab.set_faults(&[fault]);
        assert!(
            call(&lab, service).await.unwrap().body.len() >= 10_000_000,
            "{service}"
        );
    }
}

#[tokio::test]
async fn a_slow_service_waits() {
    let lab = lab().await;
    assert_eq!(faults("slow").len(), 6);
    lab.set_faults(&[Fault::TufSlow]);
    let start = Instant::now();
    assert_eq!(call(&lab, "tuf").await.unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_secs(3));
    let start = Instant::now();
    assert_eq!(call(&lab, "oidc").await.unwrap().status, 200);
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_mislabelled_answer_is_html() {
    let lab = lab().await;
    assert_eq!(faults("content-type").len(), 4);
    for (fault, service) in faults("content-type") {
        lab.set_faults(&[fault]);
        assert_eq!(
            call(&lab, service).await.unwrap().header("content-type"),
            "text/html"
        );
    }
}

#[tokio::test]
async fn an_outage_of_two_requests_is_over_at_the_third() {
    let lab = lab().await;
    lab.set_faults_text("tuf-503*2").unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(call(&lab, "tuf").await.unwrap().status);
    }
    assert_eq!(seen, [503, 503, 200]);
}
