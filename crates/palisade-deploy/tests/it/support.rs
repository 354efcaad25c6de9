//! Images, decisions, a stand-in with a client, and a clock that tests turn.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use palisade_attest::predicates::vsa;
use palisade_attest::{ResourceDescriptor, Statement};
use palisade_deploy::driver::{Clock, drive};
use palisade_deploy::http::{ApiKey, Endpoint, Http};
use palisade_deploy::platforms::render::{Outcome, Release, Render};
use palisade_deploy::{DeployTicket, Expectation, Failure, PolicyBound, Receipt, Record};
use palisade_lab::platforms::render::{self as lab, Recorded, State};
use palisade_trust::{ExpectedSigner, Verified};
use palisade_types::{
    Descriptor, Digest, FrozenSubject, Leaf, PinnedRef, SignedDuration, SignerIdentity, Timestamp,
};
use serde_json::{Value, json};

pub(crate) const KEY: &str = "rnd_a_secret_of_the_test";
pub(crate) const SERVICE: &str = "srv-cu2k4j3qf0us73fbv7u0";
pub(crate) const OWNER: &str = "tea-cspvinogph6c73ft00h0";
pub(crate) const REPOSITORY: &str = "ghcr.io/acme/app";
pub(crate) const POLICY: &str = "acme/prod";
pub(crate) const VERIFIER: &str = "https://acme.example/gate";

pub(crate) fn now() -> Timestamp {
    "2026-11-24T08:00:00Z".parse().unwrap()
}

pub(crate) fn digest(of: &str) -> Digest {
    Digest::sha256_of(of.as_bytes())
}

pub(crate) fn image() -> PinnedRef {
    format!("{REPOSITORY}@{}", digest("index")).parse().unwrap()
}

pub(crate) fn subject() -> FrozenSubject {
    let leaf = |architecture: &str| Leaf {
        platform: format!("linux/{architecture}").parse().unwrap(),
        manifest: digest(&format!("manifest {architecture}")),
        config: digest(&format!("config {architecture}")),
        layers: vec![digest("base"), digest(architecture)],
    };
    let media_type = "application/vnd.oci.image.index.v1+json";
    FrozenSubject {
        image: image(),
        resolved_from: None,
        descriptor: Descriptor {
            digest: digest("index"),
            ..Descriptor::of(media_type, b"index")
        },
        index: Some(digest("index")),
        leaves: vec![leaf("amd64"), leaf("arm64")],
        ignored: Vec::new(),
    }
}

pub(crate) fn gate() -> SignerIdentity {
    SignerIdentity {
        san: "https://github.com/acme/ci/.github/workflows/gate.yml@refs/heads/main".to_owned(),
        issuer: "https://token.actions.githubusercontent.com".to_owned(),
    }
}

pub(crate) fn expectation() -> Expectation {
    Expectation {
        gate: ExpectedSigner::exact("gate", gate()),
        verifier_id: VERIFIER.to_owned(),
        environment: "prod".to_owned(),
        policy: POLICY.to_owned(),
        policy_bound: PolicyBound::Both(digest("policy"), 3),
        max_age: SignedDuration::from_hours(1),
        allow_lab: false,
    }
}

/// The predicate of a decision that releases [`image`] at [`now`].
pub(crate) fn predicate() -> Value {
    json!({
        "verifier": {"id": VERIFIER},
        "timeVerified": now().to_string(),
        "resourceUri": format!("oci://{}?env=prod", image()),
        "policy": {"uri": "https://acme.example/policy", "digest": {"sha256": digest("policy").hex()}},
        "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_2"],
        "https://palisade.dev/vsa/decision/v1": {
            "decision": digest("decision"),
            "environment": "prod",
            "policy": POLICY,
            "policy-version": 3,
            "relaxations": [],
            "image": digest("index"),
        },
    })
}

pub(crate) fn statement(predicate: Value) -> Statement {
    let about = ResourceDescriptor::new(None, &digest("index"));
    Statement::new(vec![about], vsa::TYPE, predicate)
}

pub(crate) fn verified(statement: Statement) -> Verified<Statement> {
    Verified::assertion(statement, "gate", gate(), now(), digest("bundle"))
}

pub(crate) fn ticket_at(at: Timestamp) -> DeployTicket {
    let mut decided = predicate();
    decided["timeVerified"] = json!(at.to_string());
    let signed = Verified::assertion(statement(decided), "gate", gate(), at, digest("bundle"));
    DeployTicket::redeem(&image(), &subject(), &signed, &expectation(), at).unwrap()
}

pub(crate) fn render() -> Render {
    Render {
        service: SERVICE.parse().unwrap(),
        timeout: SignedDuration::from_mins(15),
        poll_interval: SignedDuration::from_secs(5),
        soak: 1.try_into().unwrap(),
    }
}

/// A clock that stands still, except when somebody sleeps.
pub(crate) struct TestClock {
    now: Cell<Timestamp>,
    pub(crate) sleeps: RefCell<Vec<i64>>,
}

impl TestClock {
    /// It starts at the real time, since the stand-in tells times too.
    pub(crate) fn new() -> Self {
        Self {
            now: Cell::new(Timestamp::now()),
            sleeps: RefCell::default(),
        }
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.now.get()
    }

    async fn sleep(&self, wait: SignedDuration) {
        self.sleeps.borrow_mut().push(wait.as_secs());
        self.now.set(self.now.get() + wait);
    }
}

/// One release against a stand-in, over.
pub(crate) struct Run {
    pub(crate) outcome: Outcome,
    pub(crate) record: Record,
    pub(crate) requests: Vec<Recorded>,
    pub(crate) sleeps: Vec<i64>,
}

impl Run {
    pub(crate) fn live(&self) -> &Receipt {
        match &self.outcome {
            Outcome::Live(receipt) => receipt,
            other => panic!("not live: {other:?}"),
        }
    }

    pub(crate) fn failure(&self) -> &Failure {
        match &self.outcome {
            Outcome::NotLive(failure) => failure,
            other => panic!("no failure: {other:?}"),
        }
    }

    /// The writes, as `METHOD PATH`.
    pub(crate) fn writes(&self) -> Vec<String> {
        let writes = self
            .requests
            .iter()
            .filter(|request| request.method != "GET");
        writes
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }
}

/// A stand-in with one service that runs an older image.
pub(crate) fn stand_in() -> State {
    let state = State::new(KEY);
    let old = format!("{REPOSITORY}@{}", digest("old"));
    state.add_service(SERVICE, OWNER, &old);
    state
}

/// Releases [`image`] against this stand-in, with the time of the stand-in.
pub(crate) fn release(state: &State, render: Render) -> Run {
    run(state, |ticket| render.release(ticket))
}

pub(crate) fn run(state: &State, start: impl FnOnce(DeployTicket) -> Release) -> Run {
    run_within(state, Duration::from_secs(20), start)
}

pub(crate) fn run_within(
    state: &State,
    time: Duration,
    start: impl FnOnce(DeployTicket) -> Release,
) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let clock = TestClock::new();
        let http = client(state, KEY).await.within(time);
        let mut release = start(ticket_at(clock.now()));
        let outcome = drive(&mut release, &http, &clock, |_| ()).await;
        Run {
            outcome,
            record: release.record().clone(),
            requests: state.requests(),
            sleeps: clock.sleeps.into_inner(),
        }
    })
}

pub(crate) async fn client(state: &State, key: &str) -> Http {
    let address = lab::serve(state.clone()).await.unwrap();
    let endpoint = Endpoint::parse(&format!("http://{address}/v1"), "").unwrap();
    Http::new(endpoint, ApiKey::parse(key).unwrap()).unwrap()
}
