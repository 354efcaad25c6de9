//! How registries are reached.

use std::path::PathBuf;
use std::time::Duration;

use palisade_oci::{ClientOptions, CredentialStore};
use palisade_ui::Environment;

use crate::args::Args;

/// How long one registry document may take, retries included.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn client(args: &Args, environment: &Environment) -> ClientOptions {
    ClientOptions {
        credentials: credentials(environment),
        insecure_hosts: args.registry.insecure_registry.clone(),
        offline: args.registry.offline,
        deadline: DEADLINE,
        user_agent: concat!("palisade-gate/", env!("CARGO_PKG_VERSION")).to_owned(),
        ..ClientOptions::default()
    }
}

/// Where Docker and Podman keep what they log in with, in the order that the first hit wins.
fn credentials(environment: &Environment) -> CredentialStore {
    let below = |variable: &str, rest: &str| {
        let folder = environment.get(variable)?;
        Some(PathBuf::from(folder).join(rest))
    };
    let paths = [
        environment.get("REGISTRY_AUTH_FILE").map(PathBuf::from),
        below("DOCKER_CONFIG", "config.json"),
        below("XDG_RUNTIME_DIR", "containers/auth.json"),
        below("XDG_CONFIG_HOME", "containers/auth.json"),
        below("HOME", ".config/containers/auth.json"),
        below("HOME", ".docker/config.json"),
    ];
    CredentialStore::from_paths(paths.into_iter().flatten())
}
