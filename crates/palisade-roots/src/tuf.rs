//! The TUF client workflow (specification 1.0, section 5) over a mirror or over the cache.

use std::sync::Arc;
use std::time::Duration;

use palisade_trust::TrustRoot;
use palisade_types::{SignedDuration, Timestamp};
use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{Error, Repository, StoreRepository, Updater};

use crate::cache::{Cache, Files, Generation};
use crate::mirror::{self, Mirror};
use crate::source::Origin;
use crate::{Loaded, Mode, RootsError, Tuf, keys};

/// How long what was fetched is used without asking again.
pub const FRESH: SignedDuration = SignedDuration::from_hours(24);
/// How long a whole refresh may take.
const REFRESH: Duration = Duration::from_mins(1);
/// The largest target we take, in bytes. Sigstore's own trusted root has 7 KB.
const MAX_TARGET: u64 = 4 << 20;
const TRUSTED_ROOT: &str = "trusted_root.json";
const SIGNING_CONFIG: &str = "signing_config.v0.2.json";

pub(crate) async fn load(tuf: &Tuf, now: Timestamp) -> Result<Loaded, RootsError> {
    mirror::check(&tuf.mirror)?;
    let cache = Cache::new(&tuf.cache, tuf.mirror.as_str(), &tuf.initial_root);
    match tuf.mode {
        Mode::Offline => cached(tuf, &cache, now).await,
        Mode::Online => online(tuf, &cache, now).await,
        Mode::OnlineElseCache => match online(tuf, &cache, now).await {
            // Only an outage: what was answered and does not verify is never papered over.
            Err(outage @ RootsError::Unreachable { .. }) => match cached(tuf, &cache, now).await {
                Err(RootsError::NotCached { .. }) => Err(outage),
                Ok(loaded) => Ok(Loaded {
                    outage: Some(outage.to_string()),
                    ..loaded
                }),
                other => other,
            },
            other => other,
        },
    }
}

async fn cached(tuf: &Tuf, cache: &Cache, now: Timestamp) -> Result<Loaded, RootsError> {
    let generation = cache.read()?.ok_or_else(|| RootsError::NotCached {
        mirror: tuf.mirror.to_string(),
        path: cache.path(),
    })?;
    let repository = StoreRepository::new(Arc::clone(&generation.files));
    let loaded = verify(tuf, repository, &generation, now).await;
    loaded.map_err(|error| match error {
        // A file that is not there is damage, not an outage.
        RootsError::Unreachable { mirror, why } => RootsError::Refused { mirror, why },
        other => other,
    })
}

async fn online(tuf: &Tuf, cache: &Cache, now: Timestamp) -> Result<Loaded, RootsError> {
    let _lock = cache.lock().await?;
    // What cannot be read is fetched again, from the first root on.
    let before = cache.read().ok().flatten();
    if let Some(generation) = &before
        && is_fresh(generation.fetched, now)
        && let Ok(loaded) = cached(tuf, cache, now).await
    {
        return Ok(loaded);
    }
    let generation = Generation {
        fetched: now,
        files: before.map_or_else(|| Arc::new(Files::default()), |before| before.files),
    };
    let mirror = Mirror::new(&tuf.mirror)?;
    let refresh = tokio::time::timeout(REFRESH, verify(tuf, mirror, &generation, now));
    let loaded = refresh.await.map_err(|_| RootsError::Unreachable {
        mirror: tuf.mirror.to_string(),
        why: format!("no answer within {} s", REFRESH.as_secs()),
    })??;
    cache.write(&generation)?;
    Ok(loaded)
}

/// A time in the future is not fresh: it would put off every refresh.
fn is_fresh(fetched: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(fetched);
    !age.is_negative() && age < FRESH
}

async fn verify(
    tuf: &Tuf,
    repository: impl Repository + 'static,
    generation: &Generation,
    now: Timestamp,
) -> Result<Loaded, RootsError> {
    let failed = |error| failure(tuf, error);
    let first = |error: Error| RootsError::FirstRoot { why: chain(&error) };
    keys::check(&tuf.initial_root).map_err(first)?;
    let mut config = sigstore_tuf::UpdaterConfig::default();
    config.target_max_length = MAX_TARGET;
    let mut updater = Updater::new(Checked(repository), &tuf.initial_root)
        .map_err(first)?
        .with_config(config)
        .with_store(Arc::clone(&generation.files));
    updater.refresh(now).await.map_err(failed)?;
    let root = updater
        .get_target(TRUSTED_ROOT, now)
        .await
        .map_err(failed)?;
    let signing_config = match updater.get_target(SIGNING_CONFIG, now).await {
        Ok(bytes) => Some(bytes),
        Err(Error::TargetNotFound(_)) => None,
        Err(error) => return Err(failed(error)),
    };
    let origin = format!("{TRUSTED_ROOT} of {}", tuf.mirror);
    let root = TrustRoot::parse(&root).map_err(|source| RootsError::Root {
        origin: origin.clone(),
        source,
        named: false,
    })?;
    let trusted = updater.trusted();
    let ends = [
        Some(trusted.root().expires),
        trusted.timestamp().map(|role| role.expires),
        trusted.snapshot().map(|role| role.expires),
        trusted.targets_role("targets").map(|role| role.expires),
    ];
    Ok(Loaded {
        root,
        origin: Origin::Tuf { signing_config },
        source: origin,
        version: Some(trusted.root().version),
        fetched: Some(generation.fetched),
        expires: ends.into_iter().flatten().min(),
        stale: !is_fresh(generation.fetched, now),
        outage: None,
    })
}

/// A repository whose metadata is looked at before the client counts signatures with it.
struct Checked<R>(R);

impl<R: Repository> Repository for Checked<R> {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(async move {
            let bytes = self.0.fetch_metadata(name, max_length).await?;
            bytes.as_deref().map_or(Ok(()), keys::check)?;
            Ok(bytes)
        })
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        self.0.fetch_target(path, max_length)
    }
}

fn failure(tuf: &Tuf, error: Error) -> RootsError {
    let mirror = tuf.mirror.to_string();
    match error {
        Error::Expired { role, expires } => RootsError::Expired {
            mirror,
            role,
            expires,
        },
        Error::Transport { .. } => RootsError::Unreachable {
            mirror,
            why: chain(&error),
        },
        other => RootsError::Refused {
            mirror,
            why: chain(&other),
        },
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
