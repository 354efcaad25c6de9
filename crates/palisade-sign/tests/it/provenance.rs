//! Provenance: what the CI service says, whole or not at all, and enough for the gate's checks.

use palisade_attest::Bundle;
use palisade_attest::predicates::provenance::Provenance;
use palisade_lab::SigningConfigKind;
use palisade_policy::{Evidence, Policy, evaluate};
use palisade_trust::{ExpectedSigner, verify_statement};
use palisade_types::{
    Descriptor, Finding, FrozenSubject, Leaf, PinnedRef, SignerIdentity, Timestamp, Verdict,
};
use serde_json::{Value, json};

use super::{Run, World, run, workflow};

const COMMIT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// What GitHub sets for the run whose token the lab mints.
fn github() -> Vec<(&'static str, &'static str)> {
    vec![
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "acme/app"),
        ("GITHUB_REPOSITORY_ID", "1"),
        ("GITHUB_REPOSITORY_OWNER_ID", "2"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_SHA", COMMIT),
        (
            "GITHUB_WORKFLOW_REF",
            "acme/app/.github/workflows/release.yml@refs/heads/main",
        ),
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_RUN_ID", "777"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("RUNNER_ENVIRONMENT", "github-hosted"),
    ]
}

fn gitlab() -> Vec<(&'static str, &'static str)> {
    vec![
        ("GITLAB_CI", "true"),
        ("CI_PROJECT_URL", "https://gitlab.example/acme/app"),
        ("CI_PROJECT_ID", "20"),
        ("CI_COMMIT_SHA", COMMIT),
        ("CI_COMMIT_BRANCH", "main"),
        ("CI_PIPELINE_SOURCE", "push"),
        ("CI_PIPELINE_ID", "574"),
        ("CI_JOB_ID", "302"),
        ("CI_JOB_NAME", "image"),
        ("CI_JOB_URL", "https://gitlab.example/acme/app/-/jobs/302"),
        ("CI_JOB_STARTED_AT", "2026-11-24T08:00:00Z"),
        ("CI_RUNNER_ID", "7"),
    ]
}

/// Whatever the environment is, printing asks nobody anything: the image has its digest.
async fn print(environment: &[(&str, &str)]) -> Run {
    let image = format!("localhost:1/acme/app@sha256:{}", "b".repeat(64));
    let args = ["provenance", &image, "--print"].map(str::to_owned);
    run(&args, environment, "").await
}

async fn predicate(environment: &[(&str, &str)]) -> Value {
    let run = print(environment).await;
    assert_eq!(run.code, 0, "{run:?}");
    let statement: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v1");
    assert_eq!(
        statement["subject"][0]["digest"]["sha256"],
        json!("b".repeat(64))
    );
    statement["predicate"].clone()
}

/// The environment of the lab's run, its identifiers being those of the lab's token.
fn of_lab(token: &str) -> Vec<(String, String)> {
    let token = palisade_keyless::IdentityToken::parse(token, Timestamp::now()).unwrap();
    let claim = |name: &str| token.claim(name).unwrap();
    let mut all: Vec<(String, String)> = github()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    all[3].1 = claim("repository_id");
    all[4].1 = claim("repository_owner_id");
    all
}

/// Signs as the lab's workflow, with these variables changed.
async fn sign(world: &World, changed: &[(&str, &str)]) -> (Run, Option<Bundle>) {
    let token = world.lab.github_token(&workflow().0);
    let mut environment = of_lab(&token);
    environment.push(("SIGSTORE_ID_TOKEN".to_owned(), token.clone()));
    for (name, value) in changed {
        let place = environment.iter_mut().find(|(other, _)| other == name);
        (*value).clone_into(&mut place.unwrap().1);
    }
    let out = world.file("bundle.json");
    let mut args = vec![
        "provenance".to_owned(),
        world.image.clone(),
        format!("--bundle={}", out.display()),
    ];
    args.extend(world.lab_flags(SigningConfigKind::V2));
    let environment: Vec<(&str, &str)> = environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let run = run(&args, &environment, &token).await;
    let bundle = std::fs::read(&out).ok();
    (run, bundle.map(|bytes| Bundle::parse(&bytes).unwrap()))
}

/// What the lab's policy finds when this is all that is known.
fn findings(world: &World, bundle: &Bundle, policy: &str) -> Vec<Finding> {
    let policy = Policy::parse("lab.toml", policy.as_bytes()).unwrap();
    let image: PinnedRef = world.image.parse().unwrap();
    let (identity, _) = workflow();
    let identity = SignerIdentity {
        san: identity.san(),
        issuer: palisade_lab::GithubIdentity::ISSUER.to_owned(),
    };
    let signer = ExpectedSigner::exact("release", identity);
    let now = Timestamp::now();
    let statement = verify_statement(bundle, &world.root(), &[signer], now).unwrap();
    let descriptor: Descriptor = serde_json::from_value(json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": image.digest(),
        "size": 1,
    }))
    .unwrap();
    let evidence = Evidence {
        subject: FrozenSubject {
            resolved_from: None,
            descriptor,
            index: None,
            leaves: vec![Leaf {
                platform: "linux/amd64".parse().unwrap(),
                manifest: image.digest().clone(),
                config: image.digest().clone(),
                layers: vec![],
            }],
            ignored: vec![],
            image,
        },
        statements: vec![statement],
        gaps: vec![],
        rejected: vec![],
        relaxations: vec![],
    };
    evaluate(&policy, &evidence, now).findings().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_believes_what_a_workflow_says_about_its_own_build() {
    const POLICY: &str = include_str!("../../../../policies/lab.toml");
    let world = World::new().await;
    let (run, bundle) = sign(&world, &[]).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!run.err.contains("warning"), "{run:?}");
    let bundle = bundle.unwrap();
    let verdicts = |policy: &str| -> Vec<(String, Verdict)> {
        findings(&world, &bundle, policy)
            .into_iter()
            .map(|finding| (finding.check.to_string(), finding.verdict))
            .filter(|(check, _)| check.starts_with("provenance"))
            .collect()
    };
    let held = verdicts(POLICY);
    assert_eq!(held.len(), 3, "{held:?}");
    assert!(
        held.iter().all(|(_, verdict)| *verdict == Verdict::Pass),
        "{held:?}"
    );
    // The twin: a policy that wants another branch's build.
    let other = POLICY.replace("release.yml@refs/heads/main", "release.yml@refs/heads/next");
    let held = verdicts(&other);
    assert!(
        held.iter().any(|(_, verdict)| *verdict != Verdict::Pass),
        "{held:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_contradicts_the_token_is_not_signed() {
    let world = World::new().await;
    for (name, value) in [
        ("GITHUB_SHA", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"),
        ("GITHUB_REF", "refs/heads/next"),
        ("GITHUB_REPOSITORY_ID", "99"),
        ("GITHUB_RUN_ID", "778"),
        ("RUNNER_ENVIRONMENT", "self-hosted"),
        ("GITHUB_EVENT_NAME", "release"),
    ] {
        let (run, bundle) = sign(&world, &[(name, value)]).await;
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.err.contains("sign::contradiction"), "{run:?}");
        assert!(run.err.contains(name), "{run:?}");
        assert!(bundle.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_s_token_signs_with_a_warning() {
    let world = World::new().await;
    let token = world.lab.email_token("dev@acme.test");
    let mut environment = github();
    environment.push(("SIGSTORE_ID_TOKEN", &token));
    let mut args = vec!["provenance".to_owned(), world.image.clone()];
    args.extend(world.lab_flags(SigningConfigKind::V2));
    let run = run(&args, &environment, &token).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.err.contains("not of this job"), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn github_s_build_type_is_filled_as_its_page_says() {
    let mut predicate = predicate(&github()).await;
    predicate["runDetails"]["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("finishedOn")
        .unwrap();
    let wanted = json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": {
                "path": ".github/workflows/release.yml",
                "ref": "refs/heads/main",
                "repository": "https://github.com/acme/app",
            }},
            "internalParameters": {"github": {
                "event_name": "push",
                "repository_id": "1",
                "repository_owner_id": "2",
                "runner_environment": "github-hosted",
            }},
            "resolvedDependencies": [{
                "uri": "git+https://github.com/acme/app@refs/heads/main",
                "digest": {"gitCommit": COMMIT},
            }],
        },
        "runDetails": {
            "builder": {
                "id": "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
            },
            "metadata": {
                "invocationId": "https://github.com/acme/app/actions/runs/777/attempts/1",
            },
        },
    });
    assert_eq!(predicate, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_job_names_its_source_runner_and_start() {
    use palisade_attest::predicates::Predicate;
    use palisade_attest::predicates::provenance::TYPE;
    let branch = Provenance::read(TYPE, &predicate(&gitlab()).await).unwrap();
    assert_eq!(
        branch.builder_id,
        "https://gitlab.example/acme/app/-/runners/7"
    );
    let source = branch.source.unwrap();
    assert_eq!(source.repository, "https://gitlab.example/acme/app");
    assert_eq!(source.reference.as_deref(), Some("refs/heads/main"));
    assert_eq!(source.commit.as_deref(), Some(COMMIT));
    assert_eq!(
        branch.started_on.unwrap().to_string(),
        "2026-11-24T08:00:00Z"
    );
    let mut tagged = gitlab();
    tagged[4] = ("CI_COMMIT_TAG", "v1");
    let tag = Provenance::read(TYPE, &predicate(&tagged).await).unwrap();
    let reference = tag.source.unwrap().reference;
    assert_eq!(reference.as_deref(), Some("refs/tags/v1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_and_never_invented() {
    for whole in [github(), gitlab()] {
        for position in 1..whole.len() {
            let mut environment = whole.clone();
            let (name, _) = environment.remove(position);
            let run = print(&environment).await;
            assert_eq!(run.code, 2, "{name}: {run:?}");
            assert!(run.err.contains("sign::missing"), "{name}: {run:?}");
            assert!(run.err.contains(name), "{name}: {run:?}");
            assert_eq!(run.out, "");
        }
    }
    let run = print(&[("GITHUB_ACTIONS", "true"), ("GITHUB_SHA", COMMIT)]).await;
    assert!(
        run.err.contains("GITHUB_REF") && run.err.contains("GITHUB_RUN_ID"),
        "{run:?}"
    );
    let run = print(&[("CI", "true")]).await;
    assert_eq!(run.code, 2);
    assert!(run.err.contains("sign::no_build"), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_pull_requests_and_odd_values_are_refused() {
    let changed = |name: &str, value: &'static str| {
        let mut environment = github();
        let place = environment.iter_mut().find(|(other, _)| *other == name);
        place.unwrap().1 = value;
        environment
    };
    for event in ["pull_request", "pull_request_target", "workflow_run"] {
        let run = print(&changed("GITHUB_EVENT_NAME", event)).await;
        assert_eq!(run.code, 2);
        assert!(run.err.contains("sign::event"), "{run:?}");
    }
    for (name, value) in [
        ("GITHUB_SHA", "main"),
        ("GITHUB_SHA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ("GITHUB_SERVER_URL", "ftp://github.com"),
        ("GITHUB_SERVER_URL", "https://user@github.com"),
        ("GITHUB_WORKFLOW_REF", "eve/app/x.yml@refs/heads/main"),
        ("GITHUB_WORKFLOW_REF", "acme/app/x.yml"),
    ] {
        let run = print(&changed(name, value)).await;
        assert_eq!(run.code, 2);
        assert!(run.err.contains("sign::variable"), "{run:?}");
    }
    // Its two halves name different references, which no reader would accept.
    let run = print(&changed("GITHUB_REF", "refs/heads/next")).await;
    assert_eq!(run.code, 2);
    assert!(run.err.contains("sign::provenance"), "{run:?}");
}
