//! The cache saves requests, and changes no answer: not damaged, not full, not shared.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use axum::http::Method;
use palisade_oci::{Client, ClientOptions, ContentCache, Error};
use palisade_types::{Descriptor, Digest, PinnedRef};

use crate::registry::{Registry, reply};

fn client(cache: &Path) -> Client {
    Client::new(ClientOptions {
        cache: Some(ContentCache::at(cache)),
        deadline: Duration::from_secs(20),
        ..ClientOptions::default()
    })
}

fn offline(cache: &Path) -> Client {
    Client::new(ClientOptions {
        cache: Some(ContentCache::at(cache)),
        offline: true,
        ..ClientOptions::default()
    })
}

/// An image with one bundle.
async fn signed() -> (Registry, PinnedRef, Descriptor) {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let bundle = registry.put_bundle(&image, b"{\"bundle\":1}");
    let pinned = registry.pin(&image.digest);
    (registry, pinned, bundle)
}

/// Every file below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn what_a_digest_names_is_asked_for_once_and_lists_are_asked_for_always() {
    let (registry, image, _) = signed().await;
    let home = tempfile::tempdir().unwrap();
    let first = client(home.path()).bundles(&image).await.unwrap();
    assert_eq!(registry.log().len(), 3);
    registry.forget_log();
    let second = client(home.path()).bundles(&image).await.unwrap();
    assert_eq!(registry.lines().len(), 1);
    assert!(registry.lines()[0].contains("/referrers/"));
    assert_eq!(first, second);
    assert!(second.unreadable.is_empty());
    // What was attached since is seen.
    let descriptor = Descriptor {
        digest: image.digest().clone(),
        ..Descriptor::of(palisade_oci::media::OCI_MANIFEST, b"")
    };
    registry.put_bundle(&descriptor, b"{\"bundle\":2}");
    let third = client(home.path()).bundles(&image).await.unwrap();
    assert_eq!(third.bundles.len(), 2);
}

#[tokio::test]
async fn a_tag_is_asked_for_always_and_its_manifest_once() {
    let registry = Registry::start().await;
    registry.put_image("v1", ("linux", "amd64"));
    let home = tempfile::tempdir().unwrap();
    let first = client(home.path()).resolve(&registry.image("v1")).await;
    registry.forget_log();
    let second = client(home.path()).resolve(&registry.image("v1")).await;
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(registry.lines(), ["HEAD /v2/acme/app/manifests/v1"]);
    registry.put_image("v2", ("linux", "arm64"));
    let moved = registry.manifest("v2").unwrap().to_string();
    registry.put_manifest(
        palisade_oci::media::OCI_MANIFEST,
        moved.as_bytes(),
        Some("v1"),
    );
    let third = client(home.path()).resolve(&registry.image("v1")).await;
    assert_eq!(
        third.unwrap().image.digest(),
        &Digest::sha256_of(moved.as_bytes())
    );
}

/// That bytes are known says nothing about whether a repository has them.
#[tokio::test]
async fn an_image_that_only_the_cache_has_is_still_missing() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let home = tempfile::tempdir().unwrap();
    let pinned = registry.pin(&image.digest);
    client(home.path()).manifest(&pinned).await.unwrap();
    registry.on(|seen| {
        seen.path
            .contains("/manifests/")
            .then(|| reply(404, &[], ""))
    });
    let error = client(home.path()).manifest(&pinned).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    registry.on(|seen| {
        seen.path
            .contains("/manifests/")
            .then(|| reply(403, &[], ""))
    });
    let by_digest = pinned.to_string().parse().unwrap();
    let error = client(home.path()).resolve(&by_digest).await.unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error}");
}

#[tokio::test]
async fn every_damaged_file_is_as_good_as_none_and_is_written_anew() {
    let (registry, image, _) = signed().await;
    let home = tempfile::tempdir().unwrap();
    let good = client(home.path()).bundles(&image).await.unwrap();
    let kept = files(home.path());
    // Attached manifest, bundle, list, and the mark of the last sweep.
    assert_eq!(kept.len(), 4, "{kept:?}");
    let damages: [fn(&Path); 5] = [
        |path| std::fs::write(path, b"").unwrap(),
        |path| std::fs::write(path, b"{\"bundle\":9}").unwrap(),
        |path| {
            let mut bytes = std::fs::read(path).unwrap();
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
            std::fs::write(path, bytes).unwrap();
        },
        |path| {
            std::fs::remove_file(path).unwrap();
            std::fs::create_dir(path).unwrap();
        },
        |path| {
            std::fs::remove_dir(path).unwrap();
            std::os::unix::fs::symlink("/dev/zero", path).unwrap();
        },
    ];
    for damage in damages {
        for path in &kept {
            damage(path);
        }
        let again = client(home.path()).bundles(&image).await.unwrap();
        assert_eq!(again, good);
    }
    for path in &kept {
        std::fs::remove_file(path).ok();
    }
    client(home.path()).bundles(&image).await.unwrap();
    registry.forget_log();
    client(home.path()).bundles(&image).await.unwrap();
    assert_eq!(registry.log().len(), 1);
}

#[tokio::test]
async fn a_bundle_swapped_for_another_kept_file_is_not_taken() {
    let (_registry, image, _) = signed().await;
    let home = tempfile::tempdir().unwrap();
    let good = client(home.path()).bundles(&image).await.unwrap();
    let content: Vec<_> = files(home.path())
        .into_iter()
        .filter(|path| path.to_string_lossy().contains("sha256"))
        .collect();
    let [a, b] = content.as_slice() else {
        panic!("{content:?}")
    };
    let (first, second) = (std::fs::read(a).unwrap(), std::fs::read(b).unwrap());
    std::fs::write(a, second).unwrap();
    std::fs::write(b, first).unwrap();
    assert_eq!(client(home.path()).bundles(&image).await.unwrap(), good);
}

#[tokio::test]
async fn offline_the_last_list_is_used_with_its_age_and_no_request_is_made() {
    let (registry, image, _) = signed().await;
    let home = tempfile::tempdir().unwrap();
    let online = client(home.path()).bundles(&image).await.unwrap();
    registry.forget_log();
    let found = offline(home.path()).bundles(&image).await.unwrap();
    assert_eq!(found.bundles, online.bundles);
    // What is missing from it may have been attached since.
    let [(of, why)] = found.unreadable.as_slice() else {
        panic!("{:?}", found.unreadable)
    };
    assert!(
        of == image.digest() && why.contains("may be longer now"),
        "{why}"
    );
    assert!(registry.log().is_empty());
    // Another image, another repository, and a tag are not known.
    let other = registry.pin(&Digest::sha256_of(b"x"));
    let elsewhere: palisade_types::Repository =
        format!("{}/acme/b", registry.host).parse().unwrap();
    for unknown in [other, elsewhere.pin(image.digest().clone())] {
        let error = offline(home.path()).bundles(&unknown).await.unwrap_err();
        assert!(matches!(error, Error::Offline { .. }), "{error}");
    }
    let error = offline(home.path()).resolve(&registry.image("v1")).await;
    assert!(matches!(error, Err(Error::Offline { .. })));
    let nothing = tempfile::tempdir().unwrap();
    let error = offline(nothing.path()).bundles(&image).await.unwrap_err();
    assert!(matches!(error, Error::Offline { .. }), "{error}");
}

#[tokio::test]
async fn nothing_attached_is_never_remembered() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let pinned = registry.pin(&image.digest);
    let home = tempfile::tempdir().unwrap();
    let found = client(home.path()).bundles(&pinned).await.unwrap();
    assert!(found.bundles.is_empty());
    let error = offline(home.path()).bundles(&pinned).await.unwrap_err();
    assert!(matches!(error, Error::Offline { .. }), "{error}");
}

/// Attack: `cert_revocation_io`: I/O errors never change the verdict.
#[tokio::test]
async fn a_folder_that_cannot_be_made_or_written_costs_requests_and_nothing_else() {
    let (registry, image, _) = signed().await;
    let good = crate::registry::client().bundles(&image).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    for dir in [
        file.as_path(),
        Path::new("/proc/nowhere"),
        Path::new("/dev/null/x"),
    ] {
        registry.forget_log();
        for _ in 0..2 {
            let found = client(dir).bundles(&image).await.unwrap();
            assert_eq!(found, good, "{}", dir.display());
        }
        assert_eq!(registry.log().len(), 6, "{}", dir.display());
    }
}

/// What the two tests below run in other processes: reads the image named in the environment
/// through the cache named there. Does nothing when they are not set.
#[test]
fn child_reads_through_the_cache() {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test reads no settings of the product"
    )]
    let variable = |name: &str| std::env::var(name).ok();
    let Some((image, dir)) = variable("TEST_IMAGE").zip(variable("TEST_CACHE")) else {
        return;
    };
    let image: PinnedRef = image.parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for _ in 0..5 {
        let found = runtime.block_on(client(Path::new(&dir)).bundles(&image));
        let found = found.unwrap();
        assert_eq!((found.bundles.len(), found.unreadable.len()), (20, 0));
        assert!(found.skipped.is_empty());
    }
}

fn child(shell: &str, image: &PinnedRef, cache: &Path) -> tokio::process::Command {
    let mut command = tokio::process::Command::new("sh");
    command
        .args(["-c", shell])
        .arg("sh")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "cache::child_reads_through_the_cache"])
        .env("TEST_IMAGE", image.to_string())
        .env("TEST_CACHE", cache)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

async fn with_twenty_bundles() -> (Registry, PinnedRef) {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    for number in 0..20_u32 {
        let mut bundle = vec![b' '; 100_000];
        bundle[..4].copy_from_slice(&number.to_le_bytes());
        registry.put_bundle(&image, &bundle);
    }
    let pinned = registry.pin(&image.digest);
    (registry, pinned)
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_share_it_and_one_that_damages_it_all_read_the_truth() {
    let (_registry, image) = with_twenty_bundles().await;
    let home = tempfile::tempdir().unwrap();
    let readers: Vec<_> = (0..6)
        .map(|_| child("exec \"$@\"", &image, home.path()).spawn().unwrap())
        .collect();
    let dir = home.path().to_owned();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let vandal = std::thread::spawn(move || {
        let mut turn = 0_usize;
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            for path in files(&dir) {
                turn += 1;
                // In place, as a disk would; not every file every time.
                if turn.is_multiple_of(3) {
                    std::fs::write(&path, b"damaged").ok();
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    for reader in readers {
        let output = reader.wait_with_output().await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}");
        assert!(text.contains("1 passed"), "{text}");
    }
    stop.send(()).unwrap();
    vandal.join().unwrap();
}

/// A limit of zero bytes for every file is what a full disk looks like: files come about, and
/// no byte gets into them.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_changes_no_answer_and_leaves_nothing_behind() {
    let (registry, image) = with_twenty_bundles().await;
    let home = tempfile::tempdir().unwrap();
    let full = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    let output = child(full, &image, home.path()).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
    assert_eq!(files(home.path()), Vec::<PathBuf>::new());
    // Every one of the five rounds asked for everything.
    assert_eq!(registry.log().len(), 5 * 41);
    let bundles = registry.log();
    let bundles = bundles.iter().filter(|s| s.is(&Method::GET, "/blobs/"));
    assert_eq!(bundles.count(), 100);
}
