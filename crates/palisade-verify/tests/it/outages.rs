//! "I could not look" is its own answer, whatever goes wrong and wherever it does. F4: cosign took
//! one 429 on the list of referrers for "look at the older tags", and then for "unsigned".

use std::time::{Duration, Instant};

use crate::program::{Run, verify_recorded};
use crate::registry::{IMAGE, Registry, SIGNATURE, Setup, Trouble};

const HOUR: u32 = 3_600;

fn registry(end: &'static str, trouble: Trouble) -> Registry {
    Registry::start(Setup {
        attached: vec![SIGNATURE],
        api: true,
        trouble: [(end, trouble)].into(),
        ..Setup::default()
    })
}

fn referrers() -> &'static str {
    Box::leak(format!("referrers/{IMAGE}").into_boxed_str())
}

fn older_tag() -> &'static str {
    Box::leak(format!("{}.sig", IMAGE.replace(':', "-")).into_boxed_str())
}

fn verify(registry: &Registry, more: &[&str]) -> Run {
    let image = registry.by_digest();
    verify_recorded(&[&["image", &image, "--format", "json"], more].concat())
}

/// It is not known, and nothing was looked at instead of what could not be.
fn is_open(run: &Run, registry: &Registry) {
    assert_eq!(run.code, 3, "{run:?}");
    assert_eq!(run.json()["answers"][0]["result"], "undecided");
    let requests = registry.requests();
    let older = requests.iter().any(|request| request.contains(".sig"));
    assert!(!older, "an older format was tried: {requests:?}");
}

/// Attack: `reg_429_referrers`. The pause that the registry asks for is made, and then the answer is there.
#[test]
fn a_rate_limit_that_ends_is_waited_for() {
    let trouble = Trouble::Limited {
        retry_after: 1,
        times: 1,
    };
    let registry = registry(referrers(), trouble);
    let started = Instant::now();
    let run = verify(&registry, &[]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(registry.requests().len(), 4, "{:?}", registry.requests());
}

/// Attack: `reg_429_referrers`. A pause longer than there is time for is no reason to look elsewhere.
#[test]
fn a_rate_limit_beyond_the_deadline_leaves_it_open_at_once_and_says_until_when() {
    let trouble = Trouble::Limited {
        retry_after: HOUR,
        times: usize::MAX,
    };
    let registry = registry(referrers(), trouble);
    let started = Instant::now();
    let run = verify(&registry, &[]);
    is_open(&run, &registry);
    assert!(run.talk().contains("rate limited until"), "{}", run.err);
    assert!(started.elapsed() < Duration::from_mins(1));
    assert_eq!(registry.requests().len(), 1);
}

#[test]
fn a_rate_limit_that_stays_leaves_it_open_when_the_time_is_over() {
    let trouble = Trouble::Limited {
        retry_after: 1,
        times: usize::MAX,
    };
    let registry = registry(referrers(), trouble);
    let run = verify(&registry, &["--timeout", "3s"]);
    is_open(&run, &registry);
}

#[test]
fn a_refusal_of_the_list_leaves_it_open() {
    for status in [401, 403] {
        let registry = Registry::start(Setup {
            attached: vec![SIGNATURE],
            api: true,
            instead: [(referrers(), (status, b"{}".to_vec()))].into(),
            ..Setup::default()
        });
        is_open(&verify(&registry, &[]), &registry);
    }
}

/// Attack: `pol_deadline_denies`.
#[test]
fn a_list_that_does_not_come_in_time_leaves_it_open() {
    let registry = registry(referrers(), Trouble::Slow(Duration::from_secs(30)));
    let started = Instant::now();
    let run = verify(&registry, &["--timeout", "1s"]);
    is_open(&run, &registry);
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_list_that_ends_in_the_middle_leaves_it_open() {
    let registry = registry(referrers(), Trouble::Cut);
    is_open(&verify(&registry, &["--timeout", "3s"]), &registry);
}

/// The same behind the list: an image of which nothing is listed may be signed in an older tag.
#[test]
fn trouble_with_an_older_tag_leaves_it_open_too() {
    let troubles = [
        Trouble::Limited {
            retry_after: HOUR,
            times: usize::MAX,
        },
        Trouble::Slow(Duration::from_secs(30)),
    ];
    for trouble in troubles {
        let registry = Registry::start(Setup {
            api: true,
            trouble: [(older_tag(), trouble)].into(),
            ..Setup::default()
        });
        let run = verify(&registry, &["--timeout", "2s"]);
        assert_eq!(run.code, 3, "{trouble:?}: {run:?}");
    }
    for status in [401, 403, 500] {
        let registry = Registry::start(Setup {
            api: true,
            instead: [(older_tag(), (status, b"{}".to_vec()))].into(),
            ..Setup::default()
        });
        let run = verify(&registry, &["--timeout", "2s"]);
        assert_eq!(run.code, 3, "{status}: {run:?}");
    }
}

/// What a bundle needs and cannot be had leaves it open too, in both requests behind the list.
#[test]
fn trouble_behind_the_list_leaves_it_open() {
    for trouble in [
        Trouble::Limited {
            retry_after: HOUR,
            times: usize::MAX,
        },
        Trouble::Slow(Duration::from_secs(30)),
        Trouble::Cut,
    ] {
        let registry = registry(SIGNATURE, trouble);
        let run = verify(&registry, &["--timeout", "2s"]);
        is_open(&run, &registry);
    }
}

#[test]
fn a_timeout_of_nothing_is_a_wrong_command_line() {
    let registry = registry(referrers(), Trouble::Cut);
    for bad in ["0s", "3", "-1m"] {
        assert_eq!(verify(&registry, &["--timeout", bad]).code, 2, "{bad}");
    }
}

/// A registry lists nothing in a repository that it does not have, or that this account may not see.
#[test]
fn a_repository_of_signatures_that_cannot_be_seen_leaves_it_open_and_an_empty_one_does_not() {
    let images = Registry::start(Setup {
        api: true,
        ..Setup::default()
    });
    let image = images.by_digest();
    let tags = br#"{"name":"demo/app","tags":[]}"#;
    for (status, code) in [(200, 1), (401, 3), (403, 3), (404, 3)] {
        let signatures = Registry::start(Setup {
            instead: [("tags/list?n=1", (status, tags.to_vec()))].into(),
            ..Setup::default()
        });
        let place = format!("{}/demo/app", signatures.host);
        let there = ["image", &image, "--signature-repository", &place];
        let run = verify_recorded(&[&there[..], &["--format", "json"]].concat());
        assert_eq!(run.code, code, "{status}: {run:?}");
        assert_eq!(run.json()["answers"][0]["looked_in"], place);
        let run = verify_recorded(&there);
        assert_eq!(run.code, code, "{status}: {run:?}");
        assert!(
            run.out.contains(&format!("looked in  {place}")),
            "{}",
            run.out
        );
    }
    let run = verify_recorded(&["image", &image, "--format", "json"]);
    assert!(
        run.json()["answers"][0].get("looked_in").is_none(),
        "{run:?}"
    );
}

/// A proxy that answers a whole manifest as a part of one, or as bytes of no type, changed nothing
/// that was signed: what it sends cannot be used, and that is not "unsigned".
#[test]
fn an_attached_manifest_that_a_proxy_relabels_leaves_it_open() {
    let whole = crate::registry::blob(SIGNATURE).unwrap();
    let registry = Registry::start(Setup {
        attached: vec![SIGNATURE],
        api: true,
        instead: [(SIGNATURE, (206, whole))].into(),
        ..Setup::default()
    });
    let run = verify(&registry, &[]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.talk().contains("206"), "{}", run.err);
}

/// Each answer comes in time, and all of them together do not.
#[test]
fn a_tree_is_given_up_when_the_time_for_one_image_is_over() {
    let slow = || Trouble::Slow(Duration::from_millis(1_500));
    let registry = Registry::start(Setup {
        attached: vec![SIGNATURE],
        api: true,
        trouble: [(referrers(), slow()), (older_tag(), slow())].into(),
        ..Setup::default()
    });
    let image = registry.by_digest();
    let run = verify_recorded(&["tree", &image, "--timeout", "2s"]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.talk().contains("no answer within 2 s"), "{run:?}");
    let run = verify_recorded(&["tree", &image, "--timeout", "30s"]);
    assert_eq!(run.code, 0, "{run:?}");
}
