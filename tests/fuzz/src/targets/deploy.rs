//! The other side of the gate: decisions, and what a platform answers.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use palisade_attest::predicates::vsa;
use palisade_attest::{ResourceDescriptor, Statement};
use palisade_deploy::http::{ApiKey, Endpoint};
use palisade_deploy::machine::{Event, Machine as _, Reply, Step};
use palisade_deploy::platforms::render::{Outcome, Render, ServiceId};
use palisade_deploy::{DeployTicket, Expectation, PolicyBound, retry};
use palisade_trust::{ExpectedSigner, Verified};
use palisade_types::{
    Descriptor, Digest, FrozenSubject, Leaf, PinnedRef, SignedDuration, SignerIdentity, Timestamp,
};
use serde_json::{Value, json};

use super::{changes, text, texts};
use crate::Target;
use crate::damage::damage;

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "endpoint",
        parser: "deploy::http::{Endpoint, ApiKey}, ServiceId, Retry-After",
        holds: "no key goes over plain http to another machine; what prints reads the same; no key prints",
        run: endpoint,
        seeds: || {
            texts(&[
                "https://api.render.com/v1",
                "http://localhost:8080/",
                "http://127.0.0.1/v1?x",
                "http://evil.example",
                "https://user:pw@api.example/",
                "srv-cu2k4j3qf0us73fbv7u0",
                "Wed, 21 Oct 2026 07:28:00 GMT",
                "120",
                "-9223372036854775808",
                "99999999999999999999",
            ])
        },
    },
    Target {
        name: "render",
        parser: "deploy::platforms::render: answers of the API",
        holds: "it ends; it is live only when the platform named a digest of the image; every request stays at the service",
        run: render,
        seeds: render_seeds,
    },
    Target {
        name: "ticket",
        parser: "deploy::DeployTicket::redeem: a signed decision with damaged fields",
        holds: "a ticket is for this image, passed, by this verifier, for this environment and policy, and ends in time",
        run: ticket,
        seeds: changes,
    },
];

const OWNER: &str = "tea-cspvinogph6c73ft00h0";
const SERVICE: &str = "srv-cu2k4j3qf0us73fbv7u0";
const OURS: &str = "dep-ours";

fn now() -> Timestamp {
    "2026-11-24T08:00:00Z".parse().expect("a time")
}

fn digest(of: &str) -> Digest {
    Digest::sha256_of(of.as_bytes())
}

fn image() -> PinnedRef {
    let text = format!("ghcr.io/acme/app@{}", digest("index"));
    text.parse().expect("a reference")
}

fn subject() -> FrozenSubject {
    FrozenSubject {
        image: image(),
        resolved_from: None,
        descriptor: Descriptor {
            digest: digest("index"),
            ..Descriptor::of("application/vnd.oci.image.index.v1+json", b"index")
        },
        index: Some(digest("index")),
        leaves: vec![Leaf {
            platform: "linux/amd64".parse().expect("a platform"),
            manifest: digest("manifest"),
            config: digest("config"),
            layers: vec![digest("base")],
        }],
        ignored: Vec::new(),
    }
}

fn gate() -> SignerIdentity {
    SignerIdentity {
        san: "https://github.com/acme/ci/.github/workflows/gate.yml@refs/heads/main".to_owned(),
        issuer: "https://token.actions.githubusercontent.com".to_owned(),
    }
}

fn expectation() -> Expectation {
    Expectation {
        gate: ExpectedSigner::exact("gate", gate()),
        verifier_id: "https://acme.example/gate".to_owned(),
        environment: "prod".to_owned(),
        policy: "acme/prod".to_owned(),
        policy_bound: PolicyBound::Both(digest("policy"), 3),
        max_age: SignedDuration::from_hours(1),
        allow_lab: false,
    }
}

fn predicate() -> Value {
    json!({
        "verifier": {"id": "https://acme.example/gate"},
        "timeVerified": now().to_string(),
        "resourceUri": format!("oci://{}?env=prod", image()),
        "policy": {"uri": "https://acme.example/policy", "digest": {"sha256": digest("policy").hex()}},
        "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_2"],
        "https://palisade.dev/vsa/decision/v1": {
            "decision": digest("decision"), "environment": "prod", "policy": "acme/prod",
            "policy-version": 3, "relaxations": [], "image": digest("index"),
        },
    })
}

fn statement() -> Statement {
    let about = ResourceDescriptor::new(None, &digest("index"));
    Statement::new(vec![about], vsa::TYPE, predicate())
}

/// A ticket for a decision whose signature is taken for verified.
fn redeem(statement: Statement) -> Option<DeployTicket> {
    let signed = Verified::assertion(statement, "gate", gate(), now(), digest("bundle"));
    DeployTicket::redeem(&image(), &subject(), &signed, &expectation(), now()).ok()
}

fn ticket(data: &[u8]) {
    let mut value: Value = serde_json::from_slice(&statement().to_json()).expect("a statement");
    damage(&mut value, &mut Unstructured::new(data));
    let Ok(statement) = Statement::parse(value.to_string().as_bytes()) else {
        return;
    };
    let Some(ticket) = redeem(statement) else {
        return;
    };
    assert_eq!(*ticket.image(), image());
    let hex = value["subject"].to_string();
    assert!(
        hex.contains(digest("index").hex()),
        "it is about another image"
    );
    let predicate = &value["predicate"];
    assert_eq!(value["predicateType"], vsa::TYPE);
    assert_eq!(predicate["verificationResult"], "PASSED");
    assert_eq!(predicate["verifier"]["id"], "https://acme.example/gate");
    let decision = &predicate["https://palisade.dev/vsa/decision/v1"];
    assert_eq!(decision["environment"], "prod");
    assert_eq!(decision["policy"], "acme/prod");
    assert!(decision["policy-version"].as_u64() >= Some(3));
    assert_eq!(decision["relaxations"], json!([]));
    assert_eq!(
        predicate["policy"]["digest"]["sha256"],
        digest("policy").hex()
    );
    let approval = ticket.approval();
    assert!(approval.expires_at > now());
    assert!(
        approval.expires_at <= now() + SignedDuration::from_hours(1) + SignedDuration::from_mins(1)
    );
}

/// What a stand-in answers to one request.
#[derive(Arbitrary, Debug)]
enum Answer<'a> {
    Deploy {
        live: bool,
        ours: bool,
        right: bool,
    },
    Deploys {
        live: bool,
        ours: bool,
        right: bool,
        empty: bool,
    },
    Lost,
    Raw {
        status: u16,
        body: &'a str,
    },
    Service {
        right: bool,
    },
}

fn reply(status: u16, body: &str) -> Event {
    Event::Reply(Reply {
        status,
        headers: BTreeMap::new(),
        body: body.as_bytes().to_vec(),
    })
}

fn deployed(live: bool, ours: bool, right: bool) -> Value {
    let sha = digest(if right { "index" } else { "other" });
    json!({
        "id": if ours { OURS } else { "dep-theirs" },
        "status": if live { "live" } else { "update_in_progress" },
        "commit": null, "trigger": "api",
        "image": {"ref": image().to_string(), "sha": sha},
        "createdAt": "2026-11-24T08:00:01Z",
    })
}

fn event(answer: &Answer<'_>, told: &mut bool) -> Event {
    match *answer {
        Answer::Deploy { live, ours, right } => {
            *told |= live && right;
            reply(
                if live { 200 } else { 201 },
                &deployed(live, ours, right).to_string(),
            )
        }
        Answer::Deploys {
            live,
            ours,
            right,
            empty,
        } => {
            *told |= live && right && !empty;
            let item = json!({"deploy": deployed(live, ours, right), "cursor": "c"});
            let items = if empty { json!([]) } else { json!([item]) };
            reply(200, &items.to_string())
        }
        Answer::Lost => Event::Lost("cut".to_owned()),
        Answer::Raw { status, body } => {
            *told |= body.contains(digest("index").hex());
            reply(status, body)
        }
        Answer::Service { right } => {
            let path = if right {
                image().to_string()
            } else {
                "ghcr.io/acme/app:1".to_owned()
            };
            reply(200, &json!({"ownerId": OWNER, "imagePath": path, "serviceDetails": {"runtime": "image"}}).to_string())
        }
    }
}

fn render(data: &[u8]) {
    let render = Render {
        service: SERVICE.parse().expect("a service"),
        timeout: SignedDuration::from_mins(15),
        poll_interval: SignedDuration::from_secs(5),
        soak: 1.try_into().expect("not zero"),
    };
    let ticket = redeem(statement()).expect("a good decision");
    let mut release = render.release(ticket);
    let mut input = Unstructured::new(data);
    let (mut time, mut next, mut told) = (now(), Event::Start, false);
    for _ in 0..500 {
        next = match release.step(next, time) {
            Step::Done(outcome) => {
                if let Outcome::Live(_) = outcome {
                    assert!(told, "live, and nobody named the digest");
                }
                return;
            }
            Step::Sleep(wait) => {
                assert!(wait > SignedDuration::ZERO && wait <= SignedDuration::from_hours(1));
                time = time.checked_add(wait).expect("within a day");
                Event::Woke
            }
            Step::Send(request) => {
                assert!(
                    request.path.starts_with(&format!("/services/{SERVICE}")),
                    "{}",
                    request.path
                );
                assert!(!request.path.contains(".."), "{}", request.path);
                time = time
                    .checked_add(SignedDuration::from_secs(1))
                    .expect("within a day");
                match Answer::arbitrary(&mut input) {
                    Ok(answer) if !input.is_empty() => event(&answer, &mut told),
                    _ => reply(404, "{}"),
                }
            }
        };
    }
    panic!("the release does not end");
}

/// Inputs that answer a whole release: enough bytes for each of its requests.
fn render_seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = (0..32u8)
        .map(|seed| {
            (0..120u8)
                .map(|at| at.wrapping_mul(seed | 1).wrapping_add(seed))
                .collect()
        })
        .collect();
    seeds.extend(texts(&["", "{\"id\":\"dep-ours\"}"]));
    seeds
}

fn endpoint(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(endpoint) = Endpoint::parse(text, "/v1") {
        let printed = endpoint.to_string();
        assert_eq!(Endpoint::parse(&printed, "/v1").as_ref(), Ok(&endpoint));
        let url: url::Url = printed.parse().expect("an address");
        let loopback = url
            .host_str()
            .is_some_and(|host| host == "localhost" || host == "[::1]" || host.starts_with("127."));
        assert!(url.scheme() == "https" || loopback, "{printed}");
        assert!(url.path().ends_with("/v1") && url.query().is_none() && url.username().is_empty());
    }
    if let Ok(key) = ApiKey::parse(text) {
        assert_eq!(format!("{key:?}"), "****");
    }
    if let Ok(service) = text.parse::<ServiceId>() {
        let printed = format!("{service:?}");
        assert!(!printed.contains(['/', '?', '#', '%']), "{printed}");
    }
    for name in ["retry-after", "ratelimit-reset"] {
        let headers = BTreeMap::from([(name.to_owned(), text.to_owned())]);
        let reply = Reply {
            status: 429,
            headers,
            body: Vec::new(),
        };
        let _asked = retry::asked_for(&reply, now());
    }
}
