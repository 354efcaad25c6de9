//! `sign-bundle`.

use palisade_attest::{Bundle, Statement};
use palisade_keyless::{IdentityToken, Signer, SigningConfig};
use palisade_types::Digest;
use palisade_ui::{Context, Exit};

use crate::args::SignArgs;
use crate::error::Error;
use crate::{read, trust_root};

pub(crate) fn run(args: &SignArgs, context: &Context) -> Result<Exit, Error> {
    let bundle = sign(args, context)?;
    std::fs::write(&args.bundle, bundle.bytes()).map_err(|source| Error::File {
        path: args.bundle.clone(),
        source,
    })?;
    Ok(Exit::Ok)
}

fn sign(args: &SignArgs, context: &Context) -> Result<Bundle, Error> {
    let now = context.now;
    let root = trust_root(args.trusted_root.as_ref(), args.staging)?;
    let config = match &args.signing_config {
        Some(path) => SigningConfig::parse(&read(path)?)?,
        None if args.staging => return Err(Error::NoStagingConfig),
        None => SigningConfig::public_good()?,
    };
    let token = IdentityToken::parse(&args.identity_token, now)?;
    let bytes = read(&args.file)?;
    let signer = Signer::new(&config, &root, now)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let bundle = if args.in_toto {
        let statement = Statement::parse(&bytes)?;
        runtime.block_on(signer.sign_statement(&statement, &token, now))
    } else {
        let digest = Digest::sha256_of(&bytes);
        runtime.block_on(signer.sign_blob(&digest, &token, now))
    };
    Ok(bundle?)
}
