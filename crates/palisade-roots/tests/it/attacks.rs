//! Attacks on a TUF client, each with the honest twin that differs in one place.

use palisade_roots::{Loaded, Mode, RootsError};
use palisade_types::{Digest, SignedDuration};
use serde_json::json;

use crate::repository::{
    Delegated, ENDLESS, GOOD, Plan, Role, Site, delegated, now, other, role, sign,
};

#[track_caller]
fn refused(answer: Result<Loaded, RootsError>) -> String {
    match answer {
        Err(RootsError::Refused { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

fn is(answer: &Result<Loaded, RootsError>, content: &[u8]) -> bool {
    let loaded = answer.as_ref().expect("it is loaded");
    *loaded.root.digest() == Digest::sha256_of(content)
}

fn at(role: &Role, version: u64) -> Role {
    Role {
        version,
        ..role.clone()
    }
}

fn by(role: &Role, signed: &[(&'static str, u8)]) -> Role {
    Role {
        signed: signed.to_vec(),
        ..role.clone()
    }
}

fn ended(role: &Role) -> Role {
    Role {
        expires: now() - SignedDuration::from_hours(1),
        ..role.clone()
    }
}

/// A later state of the default plan in which every role moved on.
fn second() -> Plan {
    let first = Plan::default();
    Plan {
        timestamp: at(&first.timestamp, 2),
        snapshot: at(&first.snapshot, 2),
        targets: at(&first.targets, 2),
        ..first
    }
}

/// Attack: `tuf_rollback`.
#[tokio::test]
async fn no_role_goes_back_to_an_older_version() {
    let new = second();
    let back = [
        Plan {
            timestamp: at(&new.timestamp, 1),
            ..new.clone()
        },
        Plan {
            timestamp: at(&new.timestamp, 3),
            snapshot: at(&new.snapshot, 1),
            ..new.clone()
        },
        Plan {
            timestamp: at(&new.timestamp, 3),
            snapshot: at(&new.snapshot, 3),
            targets: at(&new.targets, 1),
            ..new.clone()
        },
    ];
    for old in back {
        let site = Site::start(&Plan::default()).await;
        assert!(site.ask().await.is_ok());
        site.serve(&new);
        assert!(site.ask().await.is_ok(), "forward is honest");
        site.serve(&old);
        let why = refused(site.ask().await);
        assert!(why.contains("rollback") || why.contains("version"), "{why}");
    }
}

/// Attack: `tuf_rollback`. The chain of roots has no gaps.
#[tokio::test]
async fn a_root_that_skips_a_version_is_refused() {
    let first = Plan::default();
    let site = Site::start(&first).await;
    let skipping = Plan {
        root: at(&first.root, 3),
        ..first.clone()
    };
    site.put("2.root.json", &skipping.root_file());
    refused(site.ask().await);
    let next = Plan {
        root: at(&first.root, 2),
        ..first
    };
    site.put("2.root.json", &next.root_file());
    let loaded = site.ask().await.unwrap();
    assert_eq!(loaded.version, Some(2));
}

/// Attack: `tuf_threshold_dup_sigs`.
#[tokio::test]
async fn one_key_counts_once_however_often_it_signs() {
    let honest = Plan::default();
    assert!(Site::start(&honest).await.ask().await.is_ok());
    for signed in [
        &[("t1", 5)][..],
        &[("t1", 5), ("t1", 5)],
        &[("t1", 5), ("t2", 5)],
        &[("t1", 5), ("r1", 1)],
    ] {
        let plan = Plan {
            targets: by(&honest.targets, signed),
            ..honest.clone()
        };
        refused(Site::start(&plan).await.ask().await);
    }
}

/// Attack: `tuf_threshold_dup_sigs`. Key ids are made up by whoever writes the metadata.
#[tokio::test]
async fn one_key_under_two_ids_is_one_key() {
    let honest = Plan::default();
    let doubled = Plan {
        targets: role(&[("t1", 5), ("t2", 5)], 2),
        ..honest.clone()
    };
    // In the first root, which the user named.
    let answer = Site::start(&doubled).await.ask().await;
    assert!(
        matches!(answer, Err(RootsError::FirstRoot { .. })),
        "{answer:?}"
    );
    // In a later one, signed by everybody who has to.
    let site = Site::start(&honest).await;
    let later = Plan {
        root: at(&honest.root, 2),
        ..doubled
    };
    site.serve(&later);
    let why = refused(site.ask().await);
    assert!(why.contains("two ids"), "{why}");
    let twin = Plan {
        targets: role(&[("t1", 5), ("t2", 7)], 2),
        ..later
    };
    site.serve(&twin);
    assert!(site.ask().await.is_ok());
}

/// Attack: `tuf_delegation_threshold`.
#[tokio::test]
async fn a_delegated_role_needs_as_many_keys_as_it_was_given() {
    let two = role(&[("d1", 8), ("d2", 9)], 2);
    let of = |role: Role| Plan::delegating(vec![delegated("images", role, GOOD)]);
    let honest = Site::start(&of(two.clone())).await.ask().await;
    assert!(is(&honest, GOOD));
    for signed in [
        &[][..],
        &[("d1", 8)],
        &[("d1", 8), ("d1", 8)],
        &[("d1", 8), ("d2", 8)],
        &[("d1", 8), ("t1", 5)],
    ] {
        refused(Site::start(&of(by(&two, signed))).await.ask().await);
    }
    let doubled = role(&[("d1", 8), ("d2", 8)], 2);
    let why = refused(Site::start(&of(doubled)).await.ask().await);
    assert!(why.contains("two ids"), "{why}");
    let none = role(&[("d1", 8)], 0);
    refused(Site::start(&of(none)).await.ask().await);
}

/// Attack: `tuf_delegation_lookup`.
#[tokio::test]
async fn the_first_role_that_was_given_the_name_answers_and_nobody_else() {
    let one = || role(&[("d1", 8)], 1);
    let two = || role(&[("d2", 9)], 1);
    let (first, second) = (other(1), other(2));
    let pair = |a: Delegated| vec![a, delegated("second", two(), &second)];
    let ask = async |roles: Vec<Delegated>| Site::start(&Plan::delegating(roles)).await.ask().await;

    let both = ask(pair(delegated("first", one(), &first))).await;
    assert!(is(&both, &first));
    // Without an answer of its own, the first lets the second answer, unless it ends the search.
    let silent = Delegated {
        targets: Vec::new(),
        ..delegated("first", one(), &first)
    };
    assert!(is(&ask(pair(silent.clone())).await, &second));
    let last = Delegated {
        terminating: true,
        ..silent
    };
    let why = refused(ask(pair(last)).await);
    assert!(why.contains("trusted_root.json"), "{why}");
    // A role that was given other names is not asked.
    let foreign = Delegated {
        path: "*.txt",
        ..delegated("first", one(), &first)
    };
    assert!(is(&ask(pair(foreign.clone())).await, &second));
    refused(ask(vec![foreign]).await);
    // The repository's own list comes before every delegation.
    let own = Plan {
        delegated: pair(delegated("first", one(), &first)),
        ..Plan::default()
    };
    assert!(is(&Site::start(&own).await.ask().await, GOOD));
    // No role may call itself one of the four.
    refused(ask(vec![delegated("snapshot", one(), &first)]).await);
}

/// Attack: `tuf_path_traversal`.
#[tokio::test]
async fn no_name_leaves_the_repository_or_the_cache() {
    for name in [
        "../../evil",
        "/etc/passwd",
        "..",
        "a\u{0}b",
        "http://127.0.0.1:1/evil",
        "//127.0.0.1:1/evil",
        "a?b#c",
        "..\\..\\evil",
    ] {
        let plan = Plan::delegating(vec![delegated(name, role(&[("d1", 8)], 1), GOOD)]);
        let site = Site::start(&plan).await;
        // An unusual name is a name; whether it can be asked for is the server's affair.
        if let Err(error) = site.ask().await {
            let expected = matches!(
                error,
                RootsError::Refused { .. } | RootsError::Unreachable { .. }
            );
            assert!(expected, "{name}: {error:?}");
        }
        for path in site.requests() {
            let below = path.strip_prefix("/tuf/").unwrap_or("/");
            let name = below.strip_prefix("targets/").unwrap_or(below);
            assert!(!name.contains(['/', '?', '#', '\\']), "{path}");
            assert!(!matches!(name, "" | "." | ".."), "{path}");
        }
        let mut names = Vec::new();
        for entry in std::fs::read_dir(site.dir.path()).unwrap() {
            names.push(entry.unwrap().file_name());
        }
        assert_eq!(names, ["roots"], "{name}");
        for entry in std::fs::read_dir(site.dir.path().join("roots")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(name.starts_with("sha256-"), "{name}");
        }
    }
}

/// Attack: `tuf_malformed`.
#[tokio::test]
async fn malformed_huge_and_endless_metadata_is_an_error_and_no_panic() {
    let deep = "[".repeat(200_000);
    let body = |version: &str| {
        format!(
            r#"{{"signed":{{"_type":"timestamp","spec_version":"1.0","version":{version},"expires":"2099-01-01T00:00:00Z","meta":{{}}}},"signatures":[]}}"#
        )
    };
    let future = json!({"_type": "timestamp", "spec_version": "2.0.0", "version": 1,
        "expires": "2099-01-01T00:00:00Z", "meta": {"snapshot.json": {"version": 1}}});
    let wrong = json!({"_type": "snapshot", "spec_version": "1.0.0", "version": 1,
        "expires": "2099-01-01T00:00:00Z", "meta": {"snapshot.json": {"version": 1}}});
    let huge = vec![b' '; 6_000_000];
    let bad: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\xff\xfe".to_vec(),
        br#"{"signed":{},"signatures":{}}"#.to_vec(),
        br#"{"signed":[],"signatures":[]}"#.to_vec(),
        body("-1").into_bytes(),
        body("1e400").into_bytes(),
        body("18446744073709551616").into_bytes(),
        body("1").into_bytes(),
        deep.into_bytes(),
        sign(&future, &[("ts", 3)]),
        sign(&wrong, &[("ts", 3)]),
        huge,
        ENDLESS.to_vec(),
    ];
    let site = Site::start(&Plan::default()).await;
    for (at, bytes) in bad.iter().enumerate() {
        for name in [
            "2.root.json",
            "timestamp.json",
            "1.snapshot.json",
            "1.targets.json",
        ] {
            site.serve(&Plan::default());
            site.put(name, bytes);
            let answer = site.ask().await;
            assert!(
                matches!(answer, Err(RootsError::Refused { .. })),
                "{at} {name}: {answer:?}"
            );
        }
    }
    site.serve(&Plan::default());
    assert!(site.ask().await.is_ok());
}

/// Attack: `tuf_expired`.
#[tokio::test]
async fn every_role_that_has_expired_is_refused_also_a_delegated_one() {
    let p = Plan::default;
    let d = role(&[("d1", 8)], 1);
    let of = |role: Role| Plan::delegating(vec![delegated("images", role, GOOD)]);
    assert!(Site::start(&of(d.clone())).await.ask().await.is_ok());
    let plans = [
        (
            "root",
            Plan {
                root: ended(&p().root),
                ..p()
            },
        ),
        (
            "timestamp",
            Plan {
                timestamp: ended(&p().timestamp),
                ..p()
            },
        ),
        (
            "snapshot",
            Plan {
                snapshot: ended(&p().snapshot),
                ..p()
            },
        ),
        (
            "targets",
            Plan {
                targets: ended(&p().targets),
                ..p()
            },
        ),
        ("images", of(ended(&d))),
    ];
    for (name, plan) in plans {
        let site = Site::start(&plan).await;
        let answer = site.ask().await;
        let Err(RootsError::Expired { role, .. }) = &answer else {
            panic!("{name}: {answer:?}")
        };
        assert_eq!(role, name);
        let cached = site.ask_at(Mode::Offline, now()).await;
        assert!(
            matches!(cached, Err(RootsError::NotCached { .. })),
            "{name}"
        );
    }
}

/// Attack: `tuf_expired`. A first root that has expired is only where the chain begins.
#[tokio::test]
async fn an_old_first_root_serves_when_a_newer_one_follows() {
    let p = Plan::default();
    let old = Plan {
        root: ended(&p.root),
        ..p.clone()
    };
    let site = Site::start(&old).await;
    assert!(matches!(site.ask().await, Err(RootsError::Expired { .. })));
    let new = Plan {
        root: at(&p.root, 2),
        ..p
    };
    site.serve(&new);
    assert_eq!(site.ask().await.unwrap().version, Some(2));
}

/// Attack: `tuf_timestamp_poison`.
#[tokio::test]
async fn a_timestamp_that_leads_nowhere_leaves_no_trace() {
    let honest = Plan::default();
    let site = Site::start(&honest).await;
    assert!(site.ask().await.is_ok());
    // Correctly signed, and far ahead: remembered, it would shut every honest one out.
    let ahead = Plan {
        timestamp: at(&honest.timestamp, 9_000),
        snapshot: at(&honest.snapshot, 9_000),
        ..honest.clone()
    };
    site.serve(&ahead);
    site.remove("9000.snapshot.json");
    assert!(site.ask().await.is_err());
    let moved_on = second();
    site.serve(&moved_on);
    assert!(site.ask().await.is_ok());
    let cached = site.ask_at(Mode::Offline, now()).await;
    assert!(is(&cached, GOOD));
}
