//! The machine against answers no stand-in gives: parts of the image as digests, and chaos.

use palisade_deploy::Mutated;
use palisade_deploy::machine::{Event, Machine as _, Reply, Step};
use palisade_deploy::platforms::render::{Outcome, Release};
use palisade_types::{SignedDuration, Timestamp};
use palisade_ui::Exit;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{OWNER, digest, image, now, render, ticket_at};

const OURS: &str = "dep-ours";

fn reply(status: u16, body: &Value) -> Event {
    let headers = [].into();
    Event::Reply(Reply {
        status,
        headers,
        body: body.to_string().into_bytes(),
    })
}

fn service(path: &str) -> Value {
    json!({"ownerId": OWNER, "imagePath": path, "serviceDetails": {"runtime": "image"}})
}

fn deploy(id: &str, status: &str, sha: &str) -> Value {
    json!({
        "id": id, "status": status, "commit": null, "trigger": "api",
        "image": {"ref": image().to_string(), "sha": sha},
        "createdAt": "2026-11-24T08:00:01Z",
    })
}

fn list(deploys: &[Value]) -> Value {
    deploys
        .iter()
        .map(|deploy| json!({"deploy": deploy, "cursor": "c"}))
        .collect()
}

/// Answers each request of a release that goes well, with `sha` as the digest that runs.
fn play(sha: &str, configured: &str) -> Outcome {
    let mut release = render().release(ticket_at(now()));
    let mut event = Event::Start;
    let mut created = false;
    for _ in 0..100 {
        event = match release.step(event, now()) {
            Step::Done(outcome) => return outcome,
            Step::Sleep(_) => Event::Woke,
            Step::Send(request) => {
                let (method, path) = (request.method.name(), request.path.as_str());
                match (method, path.contains("/deploys")) {
                    ("GET" | "PATCH", false) => reply(200, &service(configured)),
                    ("POST", true) => {
                        created = true;
                        reply(201, &deploy(OURS, "created", sha))
                    }
                    ("GET", true) if path.ends_with(OURS) => reply(200, &deploy(OURS, "live", sha)),
                    ("GET", true) if created => reply(200, &list(&[deploy(OURS, "live", sha)])),
                    _ => reply(200, &list(&[])),
                }
            }
        };
    }
    panic!("the release does not end");
}

fn code(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Live(_) => "live",
        Outcome::NotLive(failure) => failure.kind.code(),
        Outcome::Planned(_) => "planned",
    }
}

#[test]
fn the_index_and_a_platform_s_manifest_name_the_image_and_no_other_part_does() {
    let configured = image().to_string();
    for (of, wanted) in [
        ("index", "live"),
        ("manifest amd64", "live"),
        ("config amd64", "digest-mismatch"),
        ("base", "digest-mismatch"),
        ("other", "digest-mismatch"),
    ] {
        let outcome = play(&digest(of).to_string(), &configured);
        assert_eq!(code(&outcome), wanted, "{of}");
    }
    for none in ["", "sha256:", "latest"] {
        assert_eq!(code(&play(none, &configured)), "unverifiable", "{none}");
    }
}

#[test]
fn a_configuration_that_names_no_digest_is_not_the_approved_one() {
    let running = digest("index").to_string();
    let tag = format!("{}:latest", image().repository());
    assert_eq!(code(&play(&running, &tag)), "reconfigured");
    // A tag beside the digest decides nothing.
    let both = format!("{}:1@{}", image().repository(), digest("index"));
    assert_eq!(code(&play(&running, &both)), "live");
}

/// Every kind of answer an adversary could give to anything.
fn answers() -> Vec<Event> {
    let good = digest("index").to_string();
    let bad = digest("other").to_string();
    let right = image().to_string();
    let statuses = [
        "created",
        "live",
        "deactivated",
        "build_failed",
        "canceled",
        "odd",
    ];
    let mut answers = vec![
        Event::Lost("cut".to_owned()),
        Event::Reply(Reply {
            status: 202,
            ..Reply::default()
        }),
        Event::Reply(Reply {
            status: 200,
            body: b"{".to_vec(),
            ..Reply::default()
        }),
        reply(200, &service(&right)),
        reply(200, &service("ghcr.io/acme/app:1")),
        reply(200, &list(&[])),
    ];
    answers.extend([400, 401, 404, 409, 429, 500].map(|status| reply(status, &json!({}))));
    for status in statuses {
        for (id, sha) in [
            (OURS, &good),
            (OURS, &bad),
            ("dep-theirs", &good),
            ("dep-theirs", &bad),
        ] {
            answers.push(reply(200, &deploy(id, status, sha)));
            answers.push(reply(201, &list(&[deploy(id, status, sha)])));
        }
    }
    answers
}

/// Runs a release on these answers; gives its end, if it comes to one, and the last two answers.
fn chaos(answers: &[Event], choices: &[usize]) -> (Option<Outcome>, Vec<Event>, Release) {
    let mut release = render().release(ticket_at(now()));
    let (mut event, mut at) = (Event::Start, now());
    let mut given = Vec::new();
    let mut choices = choices.iter();
    loop {
        event = match release.step(event, at) {
            Step::Done(outcome) => return (Some(outcome), given, release),
            Step::Sleep(wait) => {
                at += wait;
                Event::Woke
            }
            Step::Send(_) => {
                let Some(choice) = choices.next() else {
                    return (None, given, release);
                };
                let answer = answers[choice % answers.len()].clone();
                given.push(answer.clone());
                answer
            }
        };
    }
}

/// The positions of the answers of a release that goes well. The service is set to the image
/// already, so that there is no PATCH.
fn right_answers(answers: &[Event]) -> Vec<usize> {
    let good = digest("index").to_string();
    let right = reply(200, &service(&image().to_string()));
    let wanted = [
        right.clone(),
        reply(200, &list(&[])),
        reply(200, &deploy(OURS, "created", &good)),
        reply(200, &deploy(OURS, "live", &good)),
        reply(201, &list(&[deploy(OURS, "live", &good)])),
        right,
    ];
    let position = |wanted| answers.iter().position(|answer| answer == wanted).unwrap();
    wanted.iter().map(position).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_answers_make_it_live_but_the_approved_digest_and_image_read_back(
        changes in prop::collection::vec((0..7_usize, any::<usize>(), any::<bool>()), 0..4),
        more in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let answers = answers();
        let mut choices = right_answers(&answers);
        for (at, choice, replace) in changes {
            let at = at.min(choices.len() - 1);
            if replace { choices[at] = choice } else { choices.insert(at, choice) }
        }
        choices.extend(more);
        let (outcome, given, release) = chaos(&answers, &choices);
        if let Some(Outcome::Live(receipt)) = outcome {
            let good = digest("index").to_string();
            let live = list(&[deploy(&receipt.observed().deploy, "live", &good)]);
            prop_assert_eq!(Some(&receipt.observed().deploy), release.record().deploy.as_ref());
            let last = &given[given.len() - 2..];
            prop_assert_eq!(&last[0], &reply(201, &live));
            prop_assert_eq!(&last[1], &reply(200, &service(&image().to_string())));
        }
    }

    #[test]
    fn a_release_ends_by_its_deadline_and_writes_each_thing_once(
        choices in prop::collection::vec(0..1_000_usize, 400),
    ) {
        let answers = answers();
        let mut release = render().release(ticket_at(now()));
        let (mut event, mut at): (Event, Timestamp) = (Event::Start, now());
        let mut writes = Vec::new();
        let mut choices = choices.iter();
        let ended = loop {
            event = match release.step(event, at) {
                Step::Done(_) => break true,
                Step::Sleep(wait) => { at += wait; Event::Woke }
                Step::Send(request) => {
                    if request.body.is_some() { writes.push(request.method.name()); }
                    let Some(choice) = choices.next() else { break false };
                    answers[choice % answers.len()].clone()
                }
            };
        };
        prop_assert!(ended && at <= now() + SignedDuration::from_mins(15));
        let count = |method| writes.iter().filter(|name| **name == method).count();
        prop_assert!(count("PATCH") <= 1 && count("POST") <= 1);
    }
}

/// How a release ends whose list of deploys says this, after its deploy said that it is live.
fn ends_with(lists: &[Value]) -> (Option<Outcome>, Release) {
    let answers = answers();
    let right = right_answers(&answers);
    let mut given: Vec<Event> = right[..4].iter().map(|at| answers[*at].clone()).collect();
    given.extend(lists.iter().map(|list| reply(200, list)));
    given.push(answers[right[5]].clone());
    let choices: Vec<usize> = (0..given.len()).collect();
    let (outcome, _, release) = chaos(&given, &choices);
    (outcome, release)
}

#[test]
fn somebody_else_s_deploy_is_not_ours_even_with_the_approved_digest() {
    let good = digest("index").to_string();
    let theirs = deploy("dep-theirs", "live", &good);
    for (ours, wanted) in [
        (Some("deactivated"), "superseded"),
        (Some("build_failed"), "superseded"),
        (None, "unverifiable"),
    ] {
        let ours = ours.map(|status| deploy(OURS, status, &good));
        let listed: Vec<Value> = [theirs.clone()].into_iter().chain(ours).collect();
        let (outcome, _) = ends_with(&[list(&listed), list(std::slice::from_ref(&theirs))]);
        assert_eq!(code(&outcome.unwrap()), wanted);
    }
    // Two are live: the newer one serves.
    let mut newer = theirs;
    newer["createdAt"] = json!("2026-11-24T08:00:02Z");
    let listed = list(&[deploy(OURS, "live", &good), newer.clone()]);
    let (outcome, _) = ends_with(&[listed, list(&[newer])]);
    assert_eq!(code(&outcome.unwrap()), "superseded");
}

#[test]
fn a_service_that_is_suspended_meanwhile_serves_nothing() {
    let answers = answers();
    let right = right_answers(&answers);
    let mut given: Vec<Event> = right.iter().map(|at| answers[*at].clone()).collect();
    let mut suspended = service(&image().to_string());
    suspended["suspended"] = json!("suspended");
    *given.last_mut().unwrap() = reply(200, &suspended);
    // What serves is asked once more, for the report.
    given.push(given[4].clone());
    let choices: Vec<usize> = (0..given.len()).collect();
    assert_eq!(code(&chaos(&given, &choices).0.unwrap()), "suspended");
}

#[test]
fn a_list_that_lags_behind_is_read_again() {
    let good = digest("index").to_string();
    let old = deploy("dep-old", "live", &digest("old").to_string());
    let lagging = list(&[deploy(OURS, "update_in_progress", &good), old]);
    let (outcome, _) = ends_with(&[lagging.clone(), list(&[deploy(OURS, "live", &good)])]);
    assert_eq!(code(&outcome.unwrap()), "live");
    // However often it says so, it is not live before it says so.
    let (outcome, release) = ends_with(&vec![lagging; 300]);
    assert_eq!(code(&outcome.unwrap()), "timeout", "{:?}", release.record());
}

#[test]
fn chaos_reaches_a_live_end_when_the_answers_are_right() {
    let answers = answers();
    let right = right_answers(&answers);
    let (outcome, _, release) = chaos(&answers, &right);
    assert_eq!(code(&outcome.unwrap()), "live", "{:?}", release.record());
    let (outcome, _, _) = chaos(&answers, &right[..right.len() - 1]);
    assert!(outcome.is_none());
}

#[test]
fn a_ticket_that_ends_between_two_writes_deploys_nothing() {
    for (seconds, wanted) in [(3600, "POST"), (3601, "GET")] {
        let mut release = render().release(ticket_at(now()));
        let configured = service("ghcr.io/acme/app:1");
        let serving = list(&[deploy("dep-old", "live", &digest("old").to_string())]);
        release.step(Event::Start, now());
        release.step(reply(200, &configured), now());
        release.step(reply(200, &serving), now());
        // The image is set; its answer comes late.
        let later = now() + SignedDuration::from_secs(seconds);
        let Step::Send(next) = release.step(reply(200, &configured), later) else {
            panic!("what comes next is a request")
        };
        assert_eq!(next.method.name(), wanted);
        if wanted == "GET" {
            let Step::Done(outcome) = release.step(reply(200, &serving), later) else {
                panic!("it is over")
            };
            assert_eq!(code(&outcome), "ticket-expired");
            let Outcome::NotLive(failure) = outcome else {
                panic!("not live")
            };
            assert!(failure.detail.contains("nothing more"), "{failure}");
            assert_eq!((failure.mutated, failure.exit()), (Mutated::Yes, Exit::No));
        }
    }
}

/// How a release ends whose deploy is answered with this, and the question how far it is with that.
fn ends_after(created: &Value, polled: &Value) -> (&'static str, Mutated) {
    let good = digest("index").to_string();
    let right = reply(200, &service(&image().to_string()));
    let live = reply(200, &list(&[deploy(OURS, "live", &good)]));
    let given = [
        right.clone(),
        reply(200, &list(&[])),
        reply(201, created),
        reply(200, polled),
        live,
        right,
    ];
    // Whatever goes wrong, what serves is asked for once more.
    let mut release = render().release(ticket_at(now()));
    let mut event = Event::Start;
    let mut given = given.into_iter();
    loop {
        event = match release.step(event, now()) {
            Step::Done(outcome) => return (code(&outcome), release.record().mutated),
            Step::Sleep(_) => Event::Woke,
            Step::Send(_) => given.next().unwrap(),
        };
    }
}

#[test]
fn an_answer_about_another_deploy_or_image_says_nothing_about_ours() {
    let good = digest("index").to_string();
    let (created, live) = (deploy(OURS, "created", &good), deploy(OURS, "live", &good));
    let other_id = deploy("dep-theirs", "live", &good);
    let of = |deploy: &Value, image: Value| {
        let mut other = deploy.clone();
        other["image"] = image;
        other
    };
    let other_image = json!({"ref": format!("ghcr.io/acme/app@{}", digest("other"))});
    assert_eq!(ends_after(&created, &live), ("live", Mutated::Yes));
    let unnamed = (of(&created, json!(null)), of(&live, json!(null)));
    assert_eq!(ends_after(&unnamed.0, &unnamed.1), ("live", Mutated::Yes));
    for (created, polled) in [
        (&created, &other_id),
        (&created, &of(&live, other_image.clone())),
        (&of(&created, other_image), &live),
    ] {
        assert_eq!(ends_after(created, polled), ("protocol", Mutated::Yes));
    }
}
