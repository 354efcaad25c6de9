//! The handle of a running lab.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::fault::{Fault, UnknownFault, parse_faults};
use crate::keys::{StateDir, load_or_new};
use crate::line::Lines;
use crate::oidc::GithubIdentity;
use crate::recorder::{Request, record};
use crate::registry::{Exchange, Login, Profile, Registry};
use crate::sigstore::SigningConfigKind;
use crate::world::{Shared, World};
use crate::{control, oidc, platforms, registry, sigstore};

/// The largest body of a request that is no registry upload; Rekor v1 takes whole attestations.
const MAX_BODY: usize = 128 << 20;

/// How a lab is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// The port on 127.0.0.1; 0 takes the port of an earlier run in `state`, or any free one.
    pub port: u16,
    /// Whether the registry has the referrers API.
    pub referrers_api: bool,
    /// A folder that keeps keys and log entries, so that old bundles stay verifiable. Registry
    /// content is always in memory only.
    pub state: Option<PathBuf>,
    /// The user and password of the registry; `None` lets everyone in.
    pub registry_auth: Option<(String, String)>,
    /// Whether the password buys a token (Bearer) instead of being sent each time (Basic).
    pub token_auth: bool,
    /// Whose registry the lab's behaves like. Any but [`Profile::LAB`] decides `token_auth`, and
    /// whether there is a referrers API.
    pub profile: &'static Profile,
    /// The faults that are on from the start, as for [`Lab::set_faults_text`].
    pub faults: String,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            port: 0,
            referrers_api: true,
            state: None,
            registry_auth: None,
            token_auth: false,
            profile: Profile::LAB,
            faults: String::new(),
        }
    }
}

/// Why a lab did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken or may not be used.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port of the configuration.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is no such fault.
    #[error(transparent)]
    Fault(#[from] UnknownFault),
    /// The folder cannot be read or written.
    #[error("cannot use `{}` as state", dir.display())]
    State {
        /// The folder of the configuration.
        dir: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
}

/// A running lab. Its server stops when the handle is dropped.
pub struct Lab {
    world: Shared,
    registry: String,
    // Dropping the sender ends the server's graceful shutdown future.
    _stop: oneshot::Sender<()>,
}

impl std::fmt::Debug for Lab {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Lab")
            .field("base", &self.world.base)
            .finish_non_exhaustive()
    }
}

impl Lab {
    /// Starts a lab on 127.0.0.1 inside the running tokio runtime.
    pub async fn start(config: Config) -> Result<Lab, Error> {
        let dir = config.state.clone().unwrap_or_default();
        let in_state = |source| Error::State {
            dir: dir.clone(),
            source,
        };
        let state = config
            .state
            .as_deref()
            .map(StateDir::open)
            .transpose()
            .map_err(in_state)?;
        let (keys, earlier) = load_or_new(state.as_ref()).map_err(in_state)?;
        let port = if config.port == 0 {
            earlier.unwrap_or(0)
        } else {
            config.port
        };
        let listen = |source| Error::Listen { port, source };
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .map_err(listen)?;
        let port = listener.local_addr().map_err(listen)?.port();
        if let Some(state) = &state {
            state.save(&keys, port).map_err(in_state)?;
        }
        let profile = config.profile;
        let token_auth = match profile.login {
            _ if profile == Profile::LAB => config.token_auth,
            Exchange::Basic => false,
            Exchange::Token { .. } => true,
        };
        let login = match (config.registry_auth, token_auth) {
            (None, _) => Login::Open,
            (Some((user, password)), false) => Login::Basic { user, password },
            (Some((user, password)), true) => Login::Bearer { user, password },
        };
        let registry = Registry::new(login, profile, config.referrers_api);
        let world = World::new(port, keys, state.as_ref(), registry).map_err(in_state)?;
        world.faults.set(parse_faults(&config.faults)?);
        Ok(Lab::serve(listener, Arc::new(world)))
    }

    fn serve(listener: TcpListener, world: Shared) -> Lab {
        let (stop, stopped) = oneshot::channel::<()>();
        let app = router(&world);
        let lines = Lines {
            listener,
            world: world.clone(),
        };
        tokio::spawn(async move {
            let shutdown = async {
                // An error means that the handle is gone, which is the signal.
                let _ = stopped.await;
            };
            // The accept loop never fails; it logs nothing and retries.
            let _ = axum::serve(lines, app)
                .with_graceful_shutdown(shutdown)
                .await;
        });
        let registry = format!("localhost:{}", world.port);
        Lab {
            world,
            registry,
            _stop: stop,
        }
    }

    /// `http://localhost:PORT`: Fulcio, Rekor, OIDC issuer; also where `/render` and `/tuf` hang.
    pub fn base(&self) -> &str {
        &self.world.base
    }

    /// `localhost:PORT`, the host part of image references.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Puts a small image into the registry, tagged `1.0`, and returns it by digest. The same
    /// image every time.
    pub fn seed_image(&self) -> String {
        let (repository, digest) = self.world.registry.seed();
        format!("{}/{repository}@{digest}", self.registry)
    }

    /// `trusted_root.json`.
    pub fn trusted_root(&self) -> String {
        text(&sigstore::trusted_root(&self.world))
    }

    /// A signing config, version 0.2.
    pub fn signing_config(&self, kind: SigningConfigKind) -> String {
        text(&sigstore::signing_config(&self.world, kind))
    }

    /// Trusted root and signing config in one file, as sigstore-python wants it.
    pub fn client_trust_config(&self, kind: SigningConfigKind) -> String {
        text(&sigstore::client_trust_config(&self.world, kind))
    }

    /// A token as GitHub Actions gives it to this workflow; audience `sigstore`, ten minutes.
    pub fn github_token(&self, workflow: &GithubIdentity) -> String {
        self.world.github_token(workflow)
    }

    /// A token of this lab's own issuer for an e-mail address; audience `sigstore`, ten minutes.
    pub fn email_token(&self, email: &str) -> String {
        self.world.email_token(email, None)
    }

    /// Switches these faults on and all others off.
    pub fn set_faults(&self, faults: &[Fault]) {
        self.world
            .faults
            .set(faults.iter().map(|fault| (*fault, None)));
    }

    /// The same by name, separated by commas; `NAME*N` takes effect the next N times only. An
    /// unknown name changes nothing.
    pub fn set_faults_text(&self, faults: &str) -> Result<(), UnknownFault> {
        self.world.faults.set(parse_faults(faults)?);
        Ok(())
    }

    /// All requests since the start or the last [`Lab::clear_requests`], in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.world.recorder.requests()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.world.recorder.clear();
    }

    /// Switches the registry's referrers API on or off. What was pushed stays.
    pub fn set_referrers_api(&self, on: bool) {
        self.world.registry.set_referrers_api(on);
    }

    /// How many entries a page of referrers has at most when the client names no `n`.
    pub fn set_referrers_page(&self, entries: Option<usize>) {
        self.world.registry.set_referrers_page(entries);
    }

    /// The stand-in for Render, served below `/render`.
    pub fn render(&self) -> &platforms::render::State {
        &self.world.platforms.render
    }

    /// Writes trusted root, signing configs, client trust configs, TUF `root.json` and PEM files.
    pub fn write_files(&self, dir: &Path) -> io::Result<()> {
        self.world.write_files(dir)
    }

    /// The variables that point clients at this lab, whose files were written to `dir`.
    pub fn environment(&self, dir: &Path) -> Vec<(String, String)> {
        let base = self.base();
        let file = |name: &str| dir.join(name).display().to_string();
        [
            ("PALISADE_LAB", base.to_owned()),
            ("PALISADE_LAB_DIR", dir.display().to_string()),
            ("PALISADE_LAB_REGISTRY", self.registry.clone()),
            ("PALISADE_LAB_TRUSTED_ROOT", file("trusted_root.json")),
            (
                "PALISADE_LAB_SIGNING_CONFIG",
                file("signing_config_v2.json"),
            ),
            // GitHub's runner sets these three; clients append `&audience=` to the first.
            (
                "ACTIONS_ID_TOKEN_REQUEST_URL",
                format!("{base}/gha/token?api-version=2.0"),
            ),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "lab".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

fn router(world: &Shared) -> Router {
    Router::new()
        .merge(oidc::router())
        .merge(sigstore::router())
        .merge(control::router())
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .merge(registry::router())
        .with_state(world.clone())
        .merge(platforms::router(&world.platforms))
        .layer(from_fn_with_state(world.clone(), record))
}

fn text(value: &serde_json::Value) -> String {
    String::from_utf8(sigstore::pretty(value)).expect("JSON is UTF-8")
}
