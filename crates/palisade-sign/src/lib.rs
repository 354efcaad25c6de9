//! `palisade sign`: signatures and attestations, made by whoever the identity token says.
//!
//! A tag is resolved once and the digest is signed. Nothing is published, and no file is written,
//! before the finished bundle has been verified against the trust root.

mod args;
mod attest;
mod blob;
mod error;
mod files;
mod image;
mod key;
mod legacy;
mod output;
mod predicate_type;
mod provenance;
mod publish;
mod session;
mod token;

use palisade_ui::{Context, Exit};

pub use args::{
    Args, AttestArgs, BlobArgs, Command, GenerateArgs, ImageArgs, KeyArgs, KeyCommand,
    ProvenanceArgs, PublishArgs, SigningArgs,
};
pub use error::Error;

/// Runs the command.
#[expect(
    clippy::needless_pass_by_value,
    reason = "what `palisade_ui::main` takes"
)]
pub fn run(args: Args, context: &Context) -> Result<Exit, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(async {
        match &args.command {
            Command::Attest(args) => attest::run(args, context).await,
            Command::Blob(args) => blob::run(args, context).await,
            Command::Image(args) => image::run(args, context).await,
            Command::Key(args) => match &args.command {
                KeyCommand::Generate(args) => key::generate_key(args, context),
            },
            Command::Provenance(args) => provenance::run(args, context).await,
        }
    })?;
    Ok(Exit::Ok)
}
