//! Trust roots against the lab's TUF repository, its faults and its absence.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod attacks;
mod repository;

use std::path::Path;

use palisade_lab::{Config, Fault, Lab};
use palisade_roots::{Loaded, Mode, Origin, RootSource, RootsError, Tuf, load};
use palisade_trust::Instance;
use palisade_types::{SignedDuration, Timestamp};

fn source(lab: &Lab, cache: &Path, mode: Mode) -> RootSource {
    let files = tempfile::tempdir().unwrap();
    lab.write_files(files.path()).unwrap();
    RootSource::Tuf(Tuf {
        mirror: format!("{}/tuf", lab.base()).parse().unwrap(),
        initial_root: std::fs::read(files.path().join("root.json")).unwrap(),
        cache: cache.join("roots"),
        mode,
    })
}

async fn lab() -> Lab {
    Lab::start(Config::default()).await.unwrap()
}

async fn ask(lab: &Lab, cache: &Path, mode: Mode, at: Timestamp) -> Result<Loaded, RootsError> {
    load(&source(lab, cache, mode), at).await
}

fn later(hours: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(hours)
}

/// Attack: `cred_tuf_mirror`. No request carries a credential.
#[tokio::test]
async fn fetched_once_then_no_request_within_the_window() {
    let (lab, dir) = (lab().await, tempfile::tempdir().unwrap());
    let first = ask(&lab, dir.path(), Mode::Online, later(0)).await.unwrap();
    assert!(
        first.root.is_lab()
            && matches!(
                first.origin,
                Origin::Tuf {
                    signing_config: Some(_)
                }
            )
            && !first.stale
    );
    assert!(lab.requests().iter().all(|request| !request.authorized));
    lab.clear_requests();
    ask(&lab, dir.path(), Mode::Online, later(23))
        .await
        .unwrap();
    assert_eq!(lab.requests(), []);
    ask(&lab, dir.path(), Mode::Online, later(25))
        .await
        .unwrap();
    assert_eq!(lab.requests().len(), 2);
}

#[cfg(unix)]
#[tokio::test]
async fn the_cache_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (lab, dir) = (lab().await, tempfile::tempdir().unwrap());
    ask(&lab, dir.path(), Mode::Online, later(0)).await.unwrap();
    let mode = std::fs::metadata(dir.path().join("roots"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

/// Attack: `tuf_expired`, `tuf_malformed`, `tuf_cdn_down`.
#[tokio::test]
async fn every_fault_is_refused_and_leaves_the_cache_as_it_was() {
    let lab = lab().await;
    for fault in [
        Fault::TufSwappedTarget,
        Fault::TufExpired,
        Fault::Tuf503,
        Fault::TufCut,
        Fault::TufHuge,
    ] {
        let dir = tempfile::tempdir().unwrap();
        lab.set_faults(&[fault]);
        let answer = ask(&lab, dir.path(), Mode::Online, later(0)).await;
        match (fault, answer) {
            (Fault::TufExpired, Err(RootsError::Expired { .. }))
            | (Fault::Tuf503 | Fault::TufCut, Err(RootsError::Unreachable { .. }))
            | (Fault::TufSwappedTarget | Fault::TufHuge, Err(RootsError::Refused { .. })) => {}
            (fault, other) => panic!("{}: {other:?}", fault.name()),
        }
        let cached = ask(&lab, dir.path(), Mode::Offline, later(0)).await;
        assert!(
            matches!(cached, Err(RootsError::NotCached { .. })),
            "{}",
            fault.name()
        );
    }
}

/// Attack: `tuf_rollback`, `tuf_cdn_down`. An outage lets the cache serve, an attack does not.
#[tokio::test]
async fn an_older_timestamp_is_refused_also_where_an_outage_would_not_be() {
    let (lab, dir) = (lab().await, tempfile::tempdir().unwrap());
    ask(&lab, dir.path(), Mode::Online, later(0)).await.unwrap();
    lab.set_faults(&[Fault::TufRollback]);
    let answer = ask(&lab, dir.path(), Mode::OnlineElseCache, later(25)).await;
    assert!(
        matches!(answer, Err(RootsError::Refused { .. })),
        "{answer:?}"
    );
    lab.set_faults(&[Fault::Tuf503]);
    let answer = ask(&lab, dir.path(), Mode::Online, later(25)).await;
    assert!(
        matches!(answer, Err(RootsError::Unreachable { .. })),
        "{answer:?}"
    );
    let answer = ask(&lab, dir.path(), Mode::OnlineElseCache, later(25))
        .await
        .unwrap();
    assert!(answer.stale);
}

/// Attack: `tuf_cdn_down`. What is cached serves until it expires; then nobody knows.
#[tokio::test]
async fn offline_needs_no_server_until_the_metadata_expires() {
    let (lab, dir) = (lab().await, tempfile::tempdir().unwrap());
    ask(&lab, dir.path(), Mode::Online, later(0)).await.unwrap();
    let (offline, outage) = (
        source(&lab, dir.path(), Mode::Offline),
        source(&lab, dir.path(), Mode::OnlineElseCache),
    );
    lab.clear_requests();
    let loaded = load(&offline, later(48)).await.unwrap();
    assert!(loaded.stale && loaded.age(later(48)).unwrap() >= SignedDuration::from_hours(47));
    assert_eq!(lab.requests(), []);
    drop(lab);
    assert!(load(&offline, later(48)).await.is_ok());
    for source in [offline, outage] {
        let answer = load(&source, later(400 * 24)).await;
        assert!(
            matches!(answer, Err(RootsError::Expired { .. })),
            "{answer:?}"
        );
    }
}

/// Attack: `tuf_cached_tamper`.
#[tokio::test]
async fn a_tampered_cache_is_refused() {
    let (lab, dir) = (lab().await, tempfile::tempdir().unwrap());
    ask(&lab, dir.path(), Mode::Online, later(0)).await.unwrap();
    let entries = std::fs::read_dir(dir.path().join("roots")).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    let path = paths
        .find(|path| path.extension().is_some_and(|name| name == "json"))
        .unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    for name in [
        "timestamp.json",
        "snapshot.json",
        "targets.json",
        "targets/trusted_root.json",
    ] {
        let mut document: serde_json::Value = serde_json::from_str(&whole).unwrap();
        document["files"][name] = "e30K".into();
        if name == "snapshot.json" {
            document["files"]["1.snapshot.json"] = "e30K".into();
        }
        std::fs::write(&path, document.to_string()).unwrap();
        let answer = ask(&lab, dir.path(), Mode::Offline, later(0)).await;
        assert!(
            matches!(answer, Err(RootsError::Refused { .. })),
            "{name}: {answer:?}"
        );
    }
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let answer = ask(&lab, dir.path(), Mode::Offline, later(0)).await;
    assert!(
        matches!(answer, Err(RootsError::Cache { .. })),
        "{answer:?}"
    );
    // Asked online, it is fetched again.
    ask(&lab, dir.path(), Mode::Online, later(0)).await.unwrap();
    ask(&lab, dir.path(), Mode::Offline, later(0))
        .await
        .unwrap();
}

#[tokio::test]
async fn of_many_at_once_one_fetches_and_all_are_served() {
    let (lab, dir) = (lab().await, tempfile::tempdir().unwrap());
    let now = later(0);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let source = source(&lab, dir.path(), Mode::Online);
            tokio::spawn(async move { load(&source, now).await.map(|loaded| loaded.source) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let asked = lab
        .requests()
        .iter()
        .filter(|r| r.path == "/tuf/timestamp.json")
        .count();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn the_embedded_roots_load_and_their_tuf_roots_begin_a_chain() {
    let dir = tempfile::tempdir().unwrap();
    for instance in [Instance::GitHub, Instance::PublicGood, Instance::Staging] {
        assert!(
            load(
                &RootSource::Embedded(instance),
                "2026-11-24T00:00:00Z".parse().unwrap()
            )
            .await
            .is_ok()
        );
        let (lab, cache) = (lab().await, dir.path());
        let RootSource::Tuf(mut tuf) = source(&lab, cache, Mode::Online) else {
            unreachable!()
        };
        tuf.initial_root = Tuf::initial_root(instance).to_vec();
        // It is taken as a beginning, and the lab's metadata is not signed by its keys.
        let answer = load(&RootSource::Tuf(tuf), later(0)).await;
        let Err(RootsError::Refused { why, .. }) = answer else {
            panic!("{answer:?}")
        };
        assert!(why.contains("timestamp"), "{why}");
    }
}

/// Not a claim by itself: the child process of the next test, which says what to load from.
#[expect(
    clippy::disallowed_methods,
    reason = "how the parent tells the child what to do"
)]
#[tokio::test]
async fn child_loads_offline_where_it_is_told() {
    let Ok(dir) = std::env::var("PALISADE_ROOTS_CHILD") else {
        return;
    };
    let dir = Path::new(&dir);
    let tuf = Tuf {
        mirror: std::fs::read_to_string(dir.join("mirror"))
            .unwrap()
            .parse()
            .unwrap(),
        initial_root: std::fs::read(dir.join("root.json")).unwrap(),
        cache: dir.join("roots"),
        mode: Mode::Offline,
    };
    load(&RootSource::Tuf(tuf.clone()), later(0)).await.unwrap();
    // The twin shows that there is no network here: the same root, asked for online.
    let elsewhere = dir.join("elsewhere");
    let online = Tuf {
        mode: Mode::Online,
        cache: elsewhere,
        ..tuf
    };
    let answer = load(&RootSource::Tuf(online), later(0)).await;
    assert!(
        matches!(answer, Err(RootsError::Unreachable { .. })),
        "{answer:?}"
    );
    std::fs::write(dir.join("done"), "").unwrap();
}

#[tokio::test]
async fn offline_works_in_a_process_without_a_network() {
    let unshare = |program: &str| {
        let mut command = std::process::Command::new("unshare");
        command.args(["--map-root-user", "--net", program]);
        command
    };
    if !unshare("true")
        .status()
        .is_ok_and(|status| status.success())
    {
        // The harness keeps what a passing test prints; the file itself is not kept.
        let line = "SKIPPED: no network namespaces (`unshare --map-root-user --net`)\n";
        std::fs::write("/dev/stderr", line).ok();
        return;
    }
    let (lab, dir) = (lab().await, tempfile::tempdir().unwrap());
    ask(&lab, dir.path(), Mode::Online, later(0)).await.unwrap();
    lab.write_files(dir.path()).unwrap();
    std::fs::write(dir.path().join("mirror"), format!("{}/tuf", lab.base())).unwrap();
    let program = std::env::current_exe().unwrap();
    let status = unshare(program.to_str().unwrap())
        .args(["--exact", "child_loads_offline_where_it_is_told"])
        .env("PALISADE_ROOTS_CHILD", dir.path())
        .status()
        .unwrap();
    assert!(status.success() && dir.path().join("done").exists());
}
