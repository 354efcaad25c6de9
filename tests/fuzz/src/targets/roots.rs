//! TUF metadata: whatever is done to a cache, it gives the root that was signed, or none.

use std::fs;
use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_roots::{Loaded, Mode, RootSource, RootsError, Tuf, fuzz, load};
use palisade_types::{Digest, Timestamp};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::changes;
use crate::Target;
use crate::damage::damage;
use crate::files::{base64_at, read};

pub(super) const TARGETS: &[Target] = &[Target {
    name: "tuf-cache",
    parser: "roots: the cache file, and TUF root, timestamp, snapshot and targets metadata",
    holds: "what loads is the root that was signed, and not after their end",
    run,
    seeds: || {
        let mut seeds = changes();
        seeds.push(read("fixtures/tuf/cache.json"));
        seeds
    },
}];

/// The recorded cache, its first root, and the root it vouches for.
struct Recorded {
    cache: Value,
    first: Vec<u8>,
    root: Digest,
}

static RECORDED: LazyLock<Recorded> = LazyLock::new(|| {
    let bytes = read("fixtures/tuf/cache.json");
    let file = |name| base64_at(&bytes, &format!("/files/{name}")).expect("it is recorded");
    Recorded {
        cache: serde_json::from_slice(&bytes).expect("a recorded cache"),
        first: file("root_history~11.root.json"),
        root: Digest::sha256_of(&file("targets~1trusted_root.json")),
    }
});

thread_local! {
    static TUF: Tuf = {
        let name = format!("palisade-fuzz-{}-{:?}", std::process::id(), std::thread::current().id());
        let cache = std::env::temp_dir().join(name);
        fs::create_dir_all(&cache).expect("the temporary folder can be written");
        let mirror = "https://tuf.invalid/".parse().expect("an address");
        let tuf = Tuf { mirror, cache, initial_root: RECORDED.first.clone(), mode: Mode::Offline };
        let whole = RECORDED.cache.to_string();
        assert!(offline(&tuf, whole.as_bytes(), now()).is_ok(), "the recorded cache is good");
        tuf
    };
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().build().expect("a runtime")
});

/// A time soon after the recording.
fn now() -> Timestamp {
    "2026-11-24T19:00:00Z".parse().expect("a time")
}

fn offline(tuf: &Tuf, cache: &[u8], at: Timestamp) -> std::result::Result<Loaded, RootsError> {
    let file = fuzz::cache_file(tuf);
    fs::write(&file, cache).expect("the temporary folder can be written");
    let loaded = RUNTIME.block_on(load(&RootSource::Tuf(tuf.clone()), at));
    fs::remove_file(&file).expect("it was there a moment ago");
    loaded
}

/// Input: a cache; or, when it does not begin like one, changes to the recorded one.
fn run(data: &[u8]) {
    let cache = if data.starts_with(b"{") {
        data.to_vec()
    } else {
        let mut cache = RECORDED.cache.clone();
        let mut input = Unstructured::new(data);
        // A file inside, or the document around them.
        if inside(&mut cache, &mut input).is_err() {
            return;
        }
        cache.to_string().into_bytes()
    };
    TUF.with(|tuf| {
        if let Ok(loaded) = offline(tuf, &cache, now()) {
            assert_eq!(*loaded.root.digest(), RECORDED.root, "another root");
            assert!(loaded.expires.is_some_and(|end| end > now()));
            let years_later = "2029-01-01T00:00:00Z".parse().expect("a time");
            assert!(offline(tuf, &cache, years_later).is_err(), "it never ends");
        }
    });
}

fn inside(cache: &mut Value, input: &mut Unstructured<'_>) -> Result<()> {
    let files = cache["files"].as_object_mut().expect("a recorded cache");
    let count = files.len();
    let at = input.int_in_range(0..=count)?;
    let Some(file) = files.values_mut().nth(at) else {
        damage(cache, input);
        return Ok(());
    };
    let bytes = file.as_str().and_then(|text| STANDARD.decode(text).ok());
    let document = bytes.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let mut document = document.expect("every recorded file is JSON");
    damage(&mut document, input);
    *file = STANDARD.encode(document.to_string()).into();
    Ok(())
}
