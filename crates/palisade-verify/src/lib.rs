//! `palisade verify`: who signed what, and was it who you meant.
//!
//! A signature is a statement of cosign's signature type about exactly this digest, by exactly
//! this signer. Every other attestation is listed and signs nothing off.

mod args;
mod ask;
mod attestation;
mod blob;
mod error;
mod evidence;
mod file;
mod folder;
mod image;
mod judge;
mod leaves;
mod legacy;
mod output;
mod registry;
mod table;
mod text;
mod tree;
mod trust;
mod vouched;

use palisade_ui::{Context, Exit};

pub use args::{
    Args, AskArgs, AttestationArgs, BlobArgs, Command, EvidenceArgs, Format, ImageArgs, SignerArgs,
    TreeArgs,
};
pub use error::Error;

/// Runs the command.
#[expect(
    clippy::needless_pass_by_value,
    reason = "what `palisade_ui::main` takes"
)]
pub fn run(args: Args, context: &Context) -> Result<Exit, Error> {
    match &args.command {
        Command::Attestation(args) => attestation::run(args, context),
        Command::Blob(args) => blob::run(args, context),
        Command::Image(args) => image::run(args, context),
        Command::Tree(args) => tree::run(args, context),
    }
}
