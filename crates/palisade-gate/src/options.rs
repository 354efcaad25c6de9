//! How registries are reached.

use std::time::Duration;

use palisade_oci::{ClientOptions, CredentialStore};
use palisade_ui::Environment;

use crate::args::Args;

/// How long one registry document may take, retries included.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn client(args: &Args, environment: &Environment) -> ClientOptions {
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    ClientOptions {
        credentials: CredentialStore::from_environment(variable),
        insecure_hosts: args.registry.insecure_registry.clone(),
        offline: args.registry.offline,
        deadline: DEADLINE,
        user_agent: concat!("palisade-gate/", env!("CARGO_PKG_VERSION")).to_owned(),
        ..ClientOptions::default()
    }
}
