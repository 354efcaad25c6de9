//! Everything one running lab knows, shared by all its handlers.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fault::Faults;
use crate::keys::{Keys, StateDir};
use crate::oidc::Flows;
use crate::platforms::Platforms;
use crate::recorder::Recorder;
use crate::registry::Registry;
use crate::sigstore::{self, Log, SigningConfigKind, Tuf};

pub(crate) type Shared = Arc<World>;

pub(crate) struct World {
    /// `http://localhost:PORT`, also the OIDC issuer.
    pub(crate) base: String,
    pub(crate) port: u16,
    pub(crate) keys: Keys,
    pub(crate) faults: Faults,
    pub(crate) recorder: Recorder,
    pub(crate) flows: Flows,
    pub(crate) rekor_v1: Mutex<Log>,
    pub(crate) rekor_v2: Mutex<Log>,
    pub(crate) tuf: Tuf,
    pub(crate) registry: Registry,
    pub(crate) platforms: Platforms,
}

impl World {
    pub(crate) fn new(
        port: u16,
        keys: Keys,
        state: Option<&StateDir>,
        registry: Registry,
    ) -> io::Result<World> {
        let mut logs = [
            open(state, "rekor-v1.jsonl")?,
            open(state, "rekor-v2.jsonl")?,
        ];
        for log in &mut logs {
            sigstore::seed(log)?;
        }
        let [rekor_v1, rekor_v2] = logs;
        let mut world = World {
            base: format!("http://localhost:{port}"),
            port,
            tuf: Tuf::new(&keys.tuf, &[]),
            keys,
            faults: Faults::default(),
            recorder: Recorder::default(),
            flows: Flows::default(),
            rekor_v1: Mutex::new(rekor_v1),
            rekor_v2: Mutex::new(rekor_v2),
            registry,
            platforms: Platforms::default(),
        };
        let trusted_root = sigstore::pretty(&sigstore::trusted_root(&world));
        let config = sigstore::signing_config(&world, SigningConfigKind::V2);
        let targets = [
            ("signing_config.v0.2.json", sigstore::pretty(&config)),
            ("trusted_root.json", trusted_root),
        ];
        world.tuf = Tuf::new(&world.keys.tuf, &targets);
        Ok(world)
    }

    /// The same server under a name that is not the lab's: another host to any client.
    pub(crate) fn other_host(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Writes the files that clients configure themselves from.
    pub(crate) fn write_files(&self, dir: &Path) -> io::Result<()> {
        std::fs::create_dir_all(dir)?;
        for (name, bytes) in sigstore::files(self) {
            std::fs::write(dir.join(name), bytes)?;
        }
        Ok(())
    }
}

fn open(state: Option<&StateDir>, name: &str) -> io::Result<Log> {
    state.map_or_else(|| Ok(Log::default()), |state| Log::open(&state.file(name)))
}

/// The data behind a mutex, also after a handler panicked: the lab keeps answering.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
