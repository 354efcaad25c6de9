//! Requests against the vendor's schema, the stand-in against it too, and both against a recording.

use palisade_deploy::machine::{Event, Machine as _, Reply, Request, Step};
use palisade_lab::platforms::render::Fault;
use palisade_types::{PinnedRef, Timestamp};
use serde_json::{Value, json};

use crate::support::{KEY, SERVICE, release, render, stand_in, ticket_at};

const SCHEMA: &str = include_str!("../../../../fixtures/render/schema.json");
const CASES: &str = include_str!("../../../../fixtures/render/contract-cases.json");
const RECORDED: &str = include_str!("../../../../fixtures/render/recorded.json");

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Render's schema with its overlay `render-nullable`: recorded answers carry these nulls.
fn overlaid() -> Value {
    let mut schema = parse(SCHEMA);
    for deploy in [
        "/definitions/Deploy",
        "/definitions/DeployList/items/properties/deploy",
    ] {
        for field in ["commit", "startedAt", "finishedAt"] {
            let place = schema
                .pointer_mut(&format!("{deploy}/properties/{field}"))
                .unwrap();
            *place = json!({"anyOf": [place.clone(), {"type": "null"}]});
        }
    }
    schema
}

fn is_valid(schema: &Value, definition: &str, value: &Value) -> bool {
    let root = json!({
        "$schema": schema["$schema"],
        "definitions": schema["definitions"],
        "allOf": [{"$ref": format!("#/definitions/{definition}")}],
    });
    jsonschema::validator_for(&root).unwrap().is_valid(value)
}

fn recorded(method: &str, ending: &str) -> Value {
    let all = parse(RECORDED);
    let interactions = all["interactions"].as_array().unwrap().iter();
    let mut found = interactions.filter(|interaction| {
        interaction["method"] == method
            && interaction["url"]
                .as_str()
                .unwrap()
                .ends_with(&format!("/v1/services/{SERVICE}{ending}"))
    });
    found.next().unwrap().clone()
}

fn body(interaction: &Value, which: &str) -> Value {
    parse(interaction[which].as_str().unwrap())
}

#[test]
fn every_case_of_the_contract_comes_out_as_it_says() {
    let cases = parse(CASES)["cases"].as_array().unwrap().clone();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let schema = match case["overlay"].as_str() {
            Some("render-nullable") => overlaid(),
            None => parse(SCHEMA),
            Some(other) => panic!("unknown overlay {other}"),
        };
        let valid = is_valid(&schema, case["definition"].as_str().unwrap(), &case["body"]);
        assert_eq!(valid, case["expect"] == "accept", "{}", case["id"]);
    }
}

#[test]
fn the_overlay_is_still_needed() {
    let deploy = body(&recorded("POST", "/deploys"), "response");
    assert!(!is_valid(&parse(SCHEMA), "Deploy", &deploy));
    assert!(is_valid(&overlaid(), "Deploy", &deploy));
}

#[test]
fn every_write_of_every_release_is_valid_for_the_vendor() {
    let schema = parse(SCHEMA);
    let mut checked = 0;
    for fault in Fault::ALL.iter().filter(|fault| **fault != Fault::Slow) {
        let state = stand_in();
        state.set_faults(&[*fault]);
        for request in release(&state, render()).requests {
            let definition = match request.method.as_str() {
                "GET" => continue,
                "PATCH" => "UpdateServiceRequest",
                "POST" => "CreateDeployRequest",
                other => panic!("unexpected {other}"),
            };
            assert!(
                is_valid(&schema, definition, &request.body),
                "{fault:?}: {request:?}"
            );
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked}");
}

#[test]
fn what_the_stand_in_answers_is_valid_for_the_vendor() {
    let schema = overlaid();
    let state = stand_in();
    release(&state, render());
    let get = |path: String| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            use palisade_deploy::driver::Transport as _;
            let http = crate::support::client(&state, KEY).await;
            let reply = http.send(&Request::get(path)).await.unwrap();
            serde_json::from_slice::<Value>(&reply.body).unwrap()
        })
    };
    let deploys = get(format!("/services/{SERVICE}/deploys?limit=20"));
    assert_eq!(deploys.as_array().unwrap().len(), 2);
    assert!(is_valid(&schema, "DeployList", &deploys));
    assert!(is_valid(
        &schema,
        "Service",
        &get(format!("/services/{SERVICE}"))
    ));
    let id = deploys[0]["deploy"]["id"].as_str().unwrap();
    let deploy = get(format!("/services/{SERVICE}/deploys/{id}"));
    assert!(is_valid(&schema, "Deploy", &deploy));
}

#[test]
fn the_stand_in_says_what_the_recording_says() {
    let names = |value: &Value| {
        let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    let state = stand_in();
    release(&state, render());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let deploys = runtime.block_on(async {
        use palisade_deploy::driver::Transport as _;
        let http = crate::support::client(&state, KEY).await;
        let reply = http
            .send(&Request::get(format!("/services/{SERVICE}/deploys")))
            .await
            .unwrap();
        serde_json::from_slice::<Value>(&reply.body).unwrap()
    });
    let mut said = names(&deploys[0]["deploy"]);
    let mut wanted = names(&body(&recorded("POST", "/deploys"), "response"));
    said.dedup();
    wanted.dedup();
    assert_eq!(said, wanted);
}

/// Plays the vendor's recording back: a service, its image set, and a deploy.
#[test]
fn the_recording_is_understood() {
    let now: Timestamp = "2025-01-13T16:42:00Z".parse().unwrap();
    let mut release = render().release(ticket_at(now));
    let reply = |body: Value| {
        Event::Reply(Reply {
            status: 200,
            headers: [].into(),
            body: body.to_string().into_bytes(),
        })
    };
    let Step::Send(request) = release.step(Event::Start, now) else {
        panic!("no request")
    };
    assert_eq!(request, Request::get(format!("/services/{SERVICE}")));

    // The recorded service runs another repository; with ours in its place it is deployable.
    let mut service = body(&recorded("GET", ""), "response");
    let elsewhere = render()
        .release(ticket_at(now))
        .step(reply(service.clone()), now);
    assert!(matches!(elsewhere, Step::Done(_)));
    let image: PinnedRef = crate::support::image();
    service["imagePath"] = json!(format!("{}:latest", image.repository()));
    let Step::Send(request) = release.step(reply(service.clone()), now) else {
        panic!("no request")
    };
    assert_eq!(
        request.path,
        format!("/services/{SERVICE}/deploys?limit=20")
    );

    let deploy = body(&recorded("POST", "/deploys"), "response");
    let listed = json!([{"deploy": deploy, "cursor": "x"}]);
    let Step::Send(request) = release.step(reply(listed), now) else {
        panic!("no request")
    };
    let set = body(&recorded("PATCH", ""), "body");
    assert_eq!(
        request.body.clone().unwrap()["image"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        set["image"].as_object().unwrap().keys().collect::<Vec<_>>(),
    );
    let patched = body(&recorded("PATCH", ""), "response");
    let Step::Send(request) = release.step(reply(patched), now) else {
        panic!("no request")
    };
    assert_eq!(request.path, format!("/services/{SERVICE}/deploys"));

    // So does the recorded deploy, which is followed only with ours in its place.
    let mut deploy = deploy;
    assert!(deploy["image"]["ref"].is_string());
    deploy["image"]["ref"] = json!(image.to_string());
    let Step::Sleep(_) = release.step(reply(deploy), now) else {
        panic!("no pause")
    };
    let Step::Send(request) = release.step(Event::Woke, now) else {
        panic!("no request")
    };
    let id = "dep-cu2k4o3qf0us73fbv9eg";
    assert_eq!(
        request,
        Request::get(format!("/services/{SERVICE}/deploys/{id}"))
    );
}

#[test]
fn the_recorded_budget_is_shared_by_setting_and_deploying() {
    let remaining = |method: &str, ending: &str| {
        recorded(method, ending)["headers"]["Ratelimit-Remaining"][0].clone()
    };
    assert_eq!(remaining("PATCH", ""), "9");
    assert_eq!(remaining("POST", "/deploys"), "8");
}
