//! The command line that the Sigstore conformance suite calls: sign or verify one file, and say
//! by the exit code how it went. Everything is done by the libraries that the products use.

mod args;
mod error;
mod sign;
mod verify;

use std::path::{Path, PathBuf};

use palisade_trust::{Instance, TrustRoot};
use palisade_ui::{Context, Exit};

pub use args::{Args, Command, SignArgs, VerifyArgs};
pub use error::Error;

/// Runs the command.
#[expect(
    clippy::needless_pass_by_value,
    reason = "what `palisade_ui::main` takes"
)]
pub fn run(args: Args, context: &Context) -> Result<Exit, Error> {
    match &args.command {
        Command::SignBundle(args) => sign::run(args, context),
        Command::VerifyBundle(args) => verify::run(args, context),
    }
}

/// The trust root in the file, or the embedded one of the instance.
fn trust_root(file: Option<&PathBuf>, staging: bool) -> Result<TrustRoot, Error> {
    let root = match file {
        Some(path) => TrustRoot::parse(&read(path)?),
        None if staging => TrustRoot::embedded(Instance::Staging),
        None => TrustRoot::embedded(Instance::PublicGood),
    };
    Ok(root?)
}

/// Reads a file whole: the suite's are small, and a key may sign bytes and no digest.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}
