//! The protocol's flags (sigstore-conformance, *CLI protocol*).

use std::path::PathBuf;

use clap::{ArgGroup, Subcommand};

/// Sign or verify one file, as the Sigstore conformance suite asks
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Sign a file and write the bundle
    SignBundle(SignArgs),
    /// Verify a bundle about a file or a digest
    VerifyBundle(VerifyArgs),
}

#[expect(
    missing_docs,
    reason = "clap would show it in place of the command's own"
)]
#[derive(clap::Args, Clone, Debug)]
pub struct SignArgs {
    /// Use the staging instance
    #[arg(long)]
    pub staging: bool,
    /// The file is an in-toto statement, to be signed in an envelope
    #[arg(long)]
    pub in_toto: bool,
    /// The OIDC token that names the signer
    #[arg(long, value_name = "TOKEN")]
    pub identity_token: String,
    /// Where the bundle is written
    #[arg(long, value_name = "FILE")]
    pub bundle: PathBuf,
    /// The trust root that the result is verified against
    #[arg(long, value_name = "FILE")]
    pub trusted_root: Option<PathBuf>,
    /// The services to use
    #[arg(long, value_name = "FILE")]
    pub signing_config: Option<PathBuf>,
    /// The file to sign
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

#[expect(
    missing_docs,
    reason = "clap would show it in place of the command's own"
)]
#[derive(clap::Args, Clone, Debug)]
#[command(group = ArgGroup::new("signer").required(true))]
pub struct VerifyArgs {
    /// Use the staging instance
    #[arg(long)]
    pub staging: bool,
    /// The bundle
    #[arg(long, value_name = "FILE")]
    pub bundle: PathBuf,
    /// The signer's name in the certificate, exactly
    #[arg(
        long,
        value_name = "IDENTITY",
        group = "signer",
        requires = "certificate_oidc_issuer"
    )]
    pub certificate_identity: Option<String>,
    /// Who vouched for the signer's name, exactly
    #[arg(long, value_name = "URL", conflicts_with = "key")]
    pub certificate_oidc_issuer: Option<String>,
    /// The public key that must have signed, in PEM
    #[arg(long, value_name = "PEM", group = "signer")]
    pub key: Option<PathBuf>,
    /// The trust root to believe
    #[arg(long, value_name = "FILE")]
    pub trusted_root: Option<PathBuf>,
    /// The file, or its digest as `sha256:` and 64 hexadecimal digits
    #[arg(value_name = "FILE_OR_DIGEST")]
    pub artifact: String,
}
