//! Releases against a stand-in that tells the truth, and against each of its lies.

use std::time::Duration;

use palisade_deploy::platforms::render::{Outcome, Render};
use palisade_deploy::{IdentityKind, Mutated, Strength};
use palisade_lab::platforms::render::Fault;
use palisade_types::{SignedDuration, Timestamp};
use palisade_ui::Exit;
use serde_json::json;

use crate::support::{
    KEY, OWNER, REPOSITORY, Run, SERVICE, digest, image, release, render, run, run_within,
    stand_in, ticket_at,
};

fn with(fault: Fault) -> Run {
    let state = stand_in();
    state.set_faults(&[fault]);
    release(&state, render())
}

fn set() -> String {
    format!("PATCH /v1/services/{SERVICE}")
}

fn deploy() -> String {
    format!("POST /v1/services/{SERVICE}/deploys")
}

/// What a failed run is about: its kind, its exit code, whether anything was changed.
fn facts(run: &Run) -> (&'static str, Exit, Mutated) {
    let failure = run.failure();
    assert_eq!(failure.mutated, run.record.mutated);
    (failure.kind.code(), failure.exit(), failure.mutated)
}

#[test]
fn the_approved_image_is_set_deployed_and_read_back() {
    let state = stand_in();
    let run = release(&state, render());
    let receipt = run.live();
    assert_eq!(*receipt.image(), image());
    assert_eq!(state.image(SERVICE), Some(image().to_string()));
    assert_eq!(state.running(SERVICE), Some(digest("index").to_string()));
    let observed = receipt.observed();
    assert_eq!(observed.digest, digest("index"));
    assert_eq!(
        (observed.names, observed.strength),
        (IdentityKind::Index, Strength::Resolved)
    );
    assert_eq!(
        (observed.reads, &observed.configured),
        (1, &image().to_string())
    );
    assert_eq!(Some(&observed.deploy), run.record.deploy.as_ref());
    assert_eq!(run.record.mutated, Mutated::Yes);

    assert_eq!(run.writes(), [set(), deploy()]);
    let bodies: Vec<_> = run
        .requests
        .iter()
        .filter(|r| r.method != "GET")
        .map(|r| &r.body)
        .collect();
    let path = image().to_string();
    assert_eq!(
        *bodies[0],
        json!({"image": {"ownerId": OWNER, "imagePath": path}})
    );
    assert_eq!(*bodies[1], json!({"imageUrl": path}));

    let previous = run.record.previous.as_ref().unwrap();
    assert_eq!(previous.digest, Some(digest("old")));
    assert_eq!(run.record.warnings, [""; 0]);
}

#[test]
fn every_request_carries_the_key_and_nothing_we_keep_does() {
    let run = release(&stand_in(), render());
    assert!(run.requests.iter().all(|request| request.authorized));
    let kept = format!("{:?} {:?}", run.outcome, run.record);
    assert!(!kept.contains(KEY));
}

#[test]
fn a_service_that_is_set_to_the_image_already_is_only_deployed() {
    let state = stand_in();
    state.add_service(SERVICE, OWNER, &image().to_string());
    let run = release(&state, render());
    // The deploy that was there before is of the same image, and is not taken for ours.
    assert_eq!(run.writes(), [deploy()]);
    assert_ne!(
        run.live().observed().deploy,
        run.record.previous.clone().unwrap().deploy
    );
}

#[test]
fn a_private_image_keeps_the_credential_it_is_pulled_with() {
    let state = stand_in();
    state.set_credential(SERVICE, "rgc-cspvinogph6c73ft00h0");
    let run = release(&state, render());
    assert_eq!(run.live().observed().digest, digest("index"));
    assert_eq!(
        state.credential(SERVICE).as_deref(),
        Some("rgc-cspvinogph6c73ft00h0")
    );
}

// Invariant 9: done means read back.
#[test]
fn a_platform_that_says_success_and_serves_another_digest_ends_non_zero() {
    let run = with(Fault::ServesAnotherDigest);
    assert_eq!(facts(&run), ("digest-mismatch", Exit::No, Mutated::Yes));
    let (expected, observed) = run.failure().kind.difference().unwrap();
    assert_eq!(expected, digest("index").to_string());
    assert_eq!(observed, format!("sha256:{}", "a".repeat(64)));
    assert_eq!(
        run.failure()
            .serving
            .as_ref()
            .unwrap()
            .digest
            .as_ref()
            .unwrap()
            .to_string(),
        observed
    );
}

#[test]
fn a_service_that_was_set_to_another_image_meanwhile_ends_non_zero() {
    let run = with(Fault::Reconfigured);
    assert_eq!(facts(&run), ("reconfigured", Exit::No, Mutated::Yes));
}

#[test]
fn a_platform_that_does_not_say_what_runs_is_not_believed() {
    let run = with(Fault::NoDigest);
    assert_eq!(facts(&run), ("unverifiable", Exit::Undecided, Mutated::Yes));
}

#[test]
fn a_deploy_accepted_without_a_body_is_found_and_followed() {
    let run = with(Fault::AcceptedWithoutBody);
    assert_eq!(run.writes(), [set(), deploy()]);
    assert_eq!(run.live().observed().digest, digest("index"));
}

#[test]
fn of_two_deploys_of_one_image_the_newer_is_ours() {
    let state = stand_in();
    state.add_service(SERVICE, OWNER, &image().to_string());
    state.set_faults(&[Fault::AcceptedWithoutBody]);
    let run = release(&state, render());
    assert_ne!(
        run.live().observed().deploy,
        run.record.previous.clone().unwrap().deploy
    );
}

#[test]
fn a_long_queue_is_waited_for_but_not_longer_than_allowed() {
    let run = with(Fault::QueuedLong);
    assert!(run.sleeps.len() >= 12, "{:?}", run.sleeps);
    assert_eq!(run.live().observed().digest, digest("index"));

    let state = stand_in();
    state.set_faults(&[Fault::QueuedLong]);
    let short = Render {
        timeout: SignedDuration::from_secs(30),
        ..render()
    };
    let run = release(&state, short);
    assert_eq!(facts(&run), ("timeout", Exit::Undecided, Mutated::Yes));
    assert!(
        run.failure().detail.contains("`queued`"),
        "{}",
        run.failure()
    );
}

#[test]
fn a_status_nobody_documented_is_neither_success_nor_the_end() {
    let run = with(Fault::UnknownStatus);
    assert_eq!(facts(&run), ("timeout", Exit::Undecided, Mutated::Yes));
    assert!(
        run.failure().detail.contains("`warming_up`"),
        "{}",
        run.failure()
    );
}

#[test]
fn deactivated_is_superseded_not_success() {
    let run = with(Fault::Deactivated);
    assert_eq!(facts(&run), ("superseded", Exit::No, Mutated::Yes));
    let serving = run.failure().serving.clone().unwrap();
    assert_eq!(
        serving.digest.unwrap().to_string(),
        format!("sha256:{}", "d".repeat(64))
    );
}

#[test]
fn a_failed_or_cancelled_deploy_is_a_no_that_says_what_serves() {
    for (fault, kind) in [
        (Fault::BuildFailed, "failed"),
        (Fault::Canceled, "canceled"),
    ] {
        let run = with(fault);
        assert_eq!(facts(&run), (kind, Exit::No, Mutated::Yes));
        assert_eq!(
            run.failure().serving.clone().unwrap().digest,
            Some(digest("old"))
        );
    }
}

#[test]
fn a_rate_limit_is_waited_out_in_either_spelling() {
    for fault in [Fault::LimitedSeconds, Fault::LimitedEpoch] {
        let run = with(fault);
        assert_eq!(run.writes(), [set(), set(), deploy()], "{fault:?}");
        assert!(
            (1..=3).contains(&run.sleeps[0]),
            "{fault:?}: {:?}",
            run.sleeps
        );
        assert_eq!(run.live().observed().digest, digest("index"));
    }
}

#[test]
fn a_rate_limit_longer_than_the_time_left_is_an_end() {
    let state = stand_in();
    state.set_faults(&[Fault::LimitedSeconds]);
    let hasty = Render {
        timeout: SignedDuration::from_secs(1),
        ..render()
    };
    let run = release(&state, hasty);
    assert_eq!(facts(&run), ("rate-limited", Exit::Undecided, Mutated::No));
    assert_eq!(run.failure().http, Some(429));
    assert_eq!(run.writes(), [set()]);
}

#[test]
fn a_write_whose_answer_is_lost_is_looked_for_and_never_repeated() {
    for fault in [
        Fault::DropAfterPatch,
        Fault::DropAfterPost,
        Fault::BrokenPost,
    ] {
        let run = with(fault);
        assert_eq!(run.writes(), [set(), deploy()], "{fault:?}");
        assert_eq!(run.live().observed().digest, digest("index"));
        assert_eq!(run.record.mutated, Mutated::Yes);
    }
}

#[test]
fn a_write_that_left_no_trace_leaves_the_state_unknown() {
    let run = with(Fault::LostPost);
    assert_eq!(
        facts(&run),
        ("unavailable", Exit::Undecided, Mutated::Unknown)
    );
    assert_eq!(run.writes(), [set(), deploy()]);
    let run = with(Fault::LostPatch);
    assert_eq!(
        facts(&run),
        ("unavailable", Exit::Undecided, Mutated::Unknown)
    );
    assert_eq!(run.writes(), [set()]);
}

#[test]
fn an_older_deploy_of_the_same_image_is_not_taken_for_the_one_that_was_lost() {
    let state = stand_in();
    state.add_service(SERVICE, OWNER, &image().to_string());
    state.set_faults(&[Fault::LostPost]);
    let run = release(&state, render());
    let wanted = ("unavailable", Exit::Undecided, Mutated::Unknown);
    assert_eq!(facts(&run), wanted);
}

#[test]
fn a_refused_key_changes_nothing() {
    let run = with(Fault::RefusedKey);
    assert_eq!(facts(&run), ("auth", Exit::Undecided, Mutated::No));
    assert_eq!(run.writes(), [""; 0]);
    let run = with(Fault::ForbiddenKey);
    assert_eq!(facts(&run), ("forbidden", Exit::Undecided, Mutated::No));
    assert_eq!(run.writes(), [set()]);
}

#[test]
fn a_busy_platform_is_no_answer_and_what_was_changed_is_said() {
    let run = with(Fault::Conflict);
    assert_eq!(facts(&run), ("conflict", Exit::Undecided, Mutated::Yes));
    assert_eq!(
        run.failure().serving.clone().unwrap().digest,
        Some(digest("old"))
    );
}

#[test]
fn a_service_that_is_gone_or_never_was_is_a_no() {
    let run = with(Fault::Gone);
    assert_eq!(facts(&run), ("gone", Exit::No, Mutated::No));
    let other = Render {
        service: "srv-other".parse().unwrap(),
        ..render()
    };
    let run = release(&stand_in(), other);
    assert_eq!(facts(&run), ("not-found", Exit::No, Mutated::No));
}

#[test]
fn a_service_of_another_repository_is_left_alone() {
    let run = with(Fault::MovedImage);
    assert_eq!(facts(&run), ("repository-mismatch", Exit::No, Mutated::No));
    assert_eq!(run.writes(), [""; 0]);
    let state = stand_in();
    state.add_service(SERVICE, OWNER, &format!("{REPOSITORY}2:latest"));
    assert_eq!(
        release(&state, render()).failure().kind.code(),
        "repository-mismatch"
    );
}

#[test]
fn a_service_that_builds_from_source_or_is_suspended_is_left_alone() {
    let state = stand_in();
    state.set_runtime(SERVICE, "docker");
    let run = release(&state, render());
    assert_eq!(facts(&run), ("not-an-image", Exit::No, Mutated::No));
    let state = stand_in();
    state.set_suspended(SERVICE, true);
    let run = release(&state, render());
    assert_eq!(facts(&run), ("suspended", Exit::No, Mutated::No));
}

#[test]
fn an_open_way_around_the_gate_is_said() {
    let state = stand_in();
    state.set_auto_deploy(SERVICE, true);
    let run = release(&state, render());
    assert!(
        run.record.warnings[0].contains("autodeploy"),
        "{:?}",
        run.record.warnings
    );
    run.live();
}

#[test]
fn a_platform_that_is_too_slow_has_not_answered() {
    let state = stand_in();
    state.set_faults(&[Fault::Slow]);
    let run = run_within(&state, Duration::from_millis(50), |ticket| {
        render().release(ticket)
    });
    assert_eq!(facts(&run), ("unavailable", Exit::Undecided, Mutated::No));
    assert_eq!(
        run.sleeps,
        [1, 2, 4, 8],
        "reads are repeated, each after a longer pause"
    );
}

#[test]
fn answers_that_are_no_api_s_are_not_believed() {
    let run = with(Fault::Html);
    assert_eq!(facts(&run), ("protocol", Exit::Undecided, Mutated::No));
    let run = with(Fault::Endless);
    assert_eq!(facts(&run), ("unavailable", Exit::Undecided, Mutated::No));
    assert!(
        run.failure().detail.contains("larger than"),
        "{}",
        run.failure()
    );
}

#[test]
fn a_redirect_is_not_followed() {
    let run = with(Fault::Redirect);
    assert_eq!(facts(&run), ("protocol", Exit::Undecided, Mutated::No));
    assert_eq!((run.failure().http, run.requests.len()), (Some(307), 1));
}

#[test]
fn a_platform_that_goes_away_after_the_deploy_leaves_the_state_unknown() {
    let run = with(Fault::UnavailableReads);
    assert_eq!(facts(&run), ("unavailable", Exit::Undecided, Mutated::Yes));
}

#[test]
fn soaking_reads_as_often_as_asked() {
    let patient = Render {
        soak: 3.try_into().unwrap(),
        ..render()
    };
    let run = release(&stand_in(), patient);
    assert_eq!(run.live().observed().reads, 3);
}

#[test]
fn a_plan_says_exactly_what_would_be_sent_and_sends_none_of_it() {
    let state = stand_in();
    let planned = run(&state, |ticket| render().plan(ticket));
    assert_eq!(planned.writes(), [""; 0]);
    let Outcome::Planned(plan) = planned.outcome else {
        panic!("no plan")
    };

    let run = release(&state, render());
    let sent = run
        .requests
        .iter()
        .filter(|request| request.method != "GET");
    let sent: Vec<_> = sent.map(|r| (r.path.clone(), r.body.clone())).collect();
    let wanted = plan
        .requests
        .iter()
        .map(|r| (format!("/v1{}", r.path), r.body.clone().unwrap()));
    assert_eq!(sent, wanted.collect::<Vec<_>>());
}

#[test]
fn a_ticket_that_grew_too_old_while_looking_releases_nothing() {
    let state = stand_in();
    let long_ago = Timestamp::now() - SignedDuration::from_secs(3601);
    let run = run(&state, |_| render().release(ticket_at(long_ago)));
    assert_eq!(facts(&run), ("ticket-expired", Exit::No, Mutated::No));
    assert_eq!(run.writes(), [""; 0]);
}

#[test]
fn a_write_that_was_limited_is_not_sent_again_after_the_ticket_s_end() {
    for (left, writes) in [(0, vec![set()]), (60, vec![set(), set(), deploy()])] {
        let state = stand_in();
        state.set_faults(&[Fault::LimitedSeconds]);
        // The clock stands still, so that the first write is in time.
        let run = run(&state, |_| {
            let decided = Timestamp::now() - SignedDuration::from_secs(3600 - left);
            render().release(ticket_at(decided))
        });
        assert_eq!(run.writes(), writes);
        if left == 0 {
            assert_eq!(facts(&run), ("rate-limited", Exit::Undecided, Mutated::No));
        } else {
            run.live();
        }
    }
}
