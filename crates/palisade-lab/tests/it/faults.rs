//! Switching faults and reading the request log, from inside and from another process.

use palisade_lab::{Fault, UnknownFault};
use serde_json::json;

use crate::support::{Http, lab};

#[tokio::test]
async fn faults_are_switched_by_name_and_an_unknown_name_changes_nothing() {
    let lab = lab().await;
    let http = Http::new(&lab);
    lab.set_faults_text("tuf-503,sct-none").unwrap();
    assert_eq!(
        http.get("/lab/faults").await.json(),
        json!(["sct-none", "tuf-503"])
    );
    let unknown = UnknownFault("no-such".to_owned());
    assert_eq!(lab.set_faults_text("tsa-503,no-such"), Err(unknown));
    assert_eq!(
        http.get("/lab/faults").await.json(),
        json!(["sct-none", "tuf-503"])
    );
    let answer = http.send("POST", "/lab/faults", &[], "no-such").await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (400, "the lab has no fault `no-such`\n")
    );
    let answer = http.send("POST", "/lab/faults", &[], "none").await;
    assert_eq!(answer.json(), json!([]));
    assert_eq!(http.get("/tuf/timestamp.json").await.status, 200);
}

#[tokio::test]
async fn requests_are_kept_in_order_with_their_answers_and_control_is_not_one() {
    let lab = lab().await;
    let http = Http::new(&lab);
    http.get("/v2/").await;
    http.send("POST", "/token?a=b", &[("authorization", "x")], "")
        .await;
    http.get("/lab/faults").await;
    lab.set_faults(&[Fault::Tuf503]);
    http.get("/tuf/timestamp.json").await;
    let requests = lab.requests();
    let seen: Vec<(&str, &str, &str, u16, bool)> = requests
        .iter()
        .map(|r| {
            (
                r.method.as_str(),
                r.path.as_str(),
                r.query.as_str(),
                r.status,
                r.authorized,
            )
        })
        .collect();
    let expected = [
        ("GET", "/v2/", "", 200, false),
        ("POST", "/token", "a=b", 400, true),
        ("GET", "/tuf/timestamp.json", "", 503, false),
    ];
    assert_eq!(seen, expected);
    assert_eq!(
        http.get("/lab/requests")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        3
    );
    lab.clear_requests();
    assert!(lab.requests().is_empty());
}
