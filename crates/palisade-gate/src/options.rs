//! How registries are reached.

use std::time::Duration;

use palisade_oci::ClientOptions;
use palisade_ui::Environment;

use crate::args::Args;

/// How long one registry document may take, retries included.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn client(args: &Args, environment: &Environment) -> ClientOptions {
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    ClientOptions {
        offline: args.offline,
        deadline: DEADLINE,
        ..args.registry.options("gate", variable)
    }
}
