//! The flags of `palisade sign`.

use std::path::PathBuf;

use palisade_roots::TrustArgs;
use palisade_ui::{Format, Secret};

/// Sign an image, a file or a statement about an image, without keeping a key
///
/// An identity token says who signs. Fulcio certifies a key that lives for this run, and the
/// signature is entered in a public log. The finished bundle is verified before it is published.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to sign
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  palisade sign image ghcr.io/acme/app@sha256:…
  palisade sign attest ghcr.io/acme/app@sha256:… --type cyclonedx --predicate sbom.cdx.json
  palisade sign provenance ghcr.io/acme/app@sha256:…
  palisade sign image ghcr.io/acme/app@sha256:… --key cosign.key
  palisade sign blob app.tar.gz --bundle app.tar.gz.sigstore.json

Exit codes: 0 signed; 1 a service said no, or what it sent does not verify;
2 the command line, a file or the token is wrong;
3 a service or registry could not be asked, or does not show the image.";

/// What to sign.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    /// Attest a statement about an image and attach it
    ///
    /// The statement is an in-toto Statement v1 about the image's digest, with the predicate as it
    /// stands in the file.
    Attest(AttestArgs),
    /// Sign a file
    ///
    /// Nothing is uploaded but the file's digest and the signature; the bundle goes to a file.
    Blob(BlobArgs),
    /// Sign images and attach the signatures
    ///
    /// A signature is a Sigstore bundle attached to the image by digest, as cosign 3 writes and
    /// reads it. Registries without the referrers API get it in the fallback tag.
    Image(ImageArgs),
    /// Make a key to sign with
    ///
    /// A key has to be kept, and names nobody. Signing with an identity token needs neither.
    Key(KeyArgs),
    /// Attest how an image was built, from what the CI service says about this job
    ///
    /// Writes SLSA provenance v1 out of the environment of a GitHub Actions or GitLab CI job, and
    /// names every variable that is missing instead of inventing its value. Where the identity
    /// token says the same, the two must agree.
    Provenance(ProvenanceArgs),
}

/// Flags of `palisade sign attest`.
#[derive(clap::Args, Clone, Debug)]
pub struct AttestArgs {
    /// The image: registry/name@sha256:…, or a tag, which is resolved once
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// The JSON file with what is said about the image
    #[arg(long, value_name = "FILE")]
    pub predicate: PathBuf,
    /// What kind of statement it is: cyclonedx, openvex, slsaprovenance1, spdxjson, vuln, … or a URI
    #[arg(long = "type", value_name = "TYPE")]
    pub predicate_type: String,
    /// Flags about publishing.
    #[command(flatten)]
    pub registry: PublishArgs,
    /// Flags about signing.
    #[command(flatten)]
    pub signing: SigningArgs,
}

/// Flags of `palisade sign blob`.
#[derive(clap::Args, Clone, Debug)]
pub struct BlobArgs {
    /// The file to sign
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write the signature to this file
    #[arg(long, value_name = "FILE")]
    pub bundle: PathBuf,
    /// Flags about signing.
    #[command(flatten)]
    pub signing: SigningArgs,
}

/// Flags of `palisade sign image`.
#[derive(clap::Args, Clone, Debug)]
pub struct ImageArgs {
    /// The images: registry/name@sha256:…, or a tag, which is resolved once
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
    /// Sign the images of an index as well
    ///
    /// One signature names the index and every image in it, and is attached to each.
    #[arg(long, short)]
    pub recursive: bool,
    /// Flags about publishing.
    #[command(flatten)]
    pub registry: PublishArgs,
    /// Flags about signing.
    #[command(flatten)]
    pub signing: SigningArgs,
}

/// Flags of `palisade sign key`.
#[derive(clap::Args, Clone, Debug)]
pub struct KeyArgs {
    /// What to do
    #[command(subcommand)]
    pub command: KeyCommand,
}

/// What to do with keys.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum KeyCommand {
    /// Make an ECDSA P-256 key and keep it under a passphrase, as cosign does
    ///
    /// Writes PREFIX.key and PREFIX.pub, and never over a file that is there. The passphrase is
    /// taken from COSIGN_PASSWORD, from a file, or asked for.
    Generate(GenerateArgs),
}

/// Flags of `palisade sign key generate`.
#[derive(clap::Args, Clone, Debug)]
pub struct GenerateArgs {
    /// What the names of the two files begin with
    #[arg(long, value_name = "PREFIX", default_value = "cosign")]
    pub output_key_prefix: PathBuf,
    /// The file that holds the passphrase; its last line break does not count
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Flags of `palisade sign provenance`.
#[derive(clap::Args, Clone, Debug)]
pub struct ProvenanceArgs {
    /// The image: registry/name@sha256:…, or a tag, which is resolved once
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// Print the statement and sign nothing
    ///
    /// Without a token the builder is the workflow of the run; a job of a reusable workflow is
    /// signed with its own, which the token names.
    #[arg(long)]
    pub print: bool,
    /// Flags about publishing.
    #[command(flatten)]
    pub registry: PublishArgs,
    /// Flags about signing.
    #[command(flatten)]
    pub signing: SigningArgs,
}

/// Flags about publishing what was signed.
#[derive(clap::Args, Clone, Debug)]
pub struct PublishArgs {
    /// Write the bundle to this file as well
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
    /// Attach nothing to the image; the bundle goes to the file alone
    #[arg(long, requires = "bundle")]
    pub no_upload: bool,
    /// Write it to the older tag as well, for consumers that read no bundles
    ///
    /// cosign before version 3 keeps signatures in the tag sha256-….sig and attestations in
    /// sha256-….att. What others wrote there is kept. It needs a signing configuration with a
    /// Rekor v1 log, whose entries alone those consumers read, and with `--key` a P-256 or RSA key.
    #[arg(long, conflicts_with = "no_upload")]
    pub legacy_tag: bool,
    /// How to reach the registry.
    #[command(flatten)]
    pub reach: palisade_oci::RegistryArgs,
}

/// Flags about who signs, and with which services.
#[derive(clap::Args, Clone, Debug)]
pub struct SigningArgs {
    /// The identity token, or a file that holds it
    ///
    /// Without it SIGSTORE_ID_TOKEN is used (in GitLab CI, `id_tokens` sets it), then the token of
    /// a GitHub Actions job that has `permissions: id-token: write`, the one in
    /// /var/run/sigstore/cosign/oidc-token, the one that the SPIFFE agent at
    /// SPIFFE_ENDPOINT_SOCKET gives, or that of a Buildkite or CircleCI job or of a machine of
    /// Google Cloud. A token on a command line can be seen by other users of the machine; a file
    /// or the variable cannot.
    #[arg(long, value_name = "TOKEN|FILE")]
    pub identity_token: Option<Secret>,
    /// Sign in as a person: in a browser on this machine, or with a code on any device
    ///
    /// Never in CI, where nobody would answer.
    #[arg(long, value_enum, value_name = "FLOW", conflicts_with_all = ["identity_token", "key"])]
    pub oidc_flow: Option<OidcFlow>,
    /// Sign with this key instead: cosign's encrypted key file, or a private key as PEM
    ///
    /// ECDSA P-256 and P-384, Ed25519 and RSA; as PKCS #8 with or without a passphrase, SEC 1 or
    /// PKCS #1. The passphrase is taken from COSIGN_PASSWORD, from a file, or asked for. A Rekor v2
    /// log takes no Ed25519 key, and no log takes a file that one signed: add
    /// `--tlog-upload=false`.
    #[arg(long, value_name = "FILE", conflicts_with = "identity_token")]
    pub key: Option<PathBuf>,
    /// The file that holds the key's passphrase; its last line break does not count
    #[arg(long, value_name = "FILE", requires = "key")]
    pub passphrase_file: Option<PathBuf>,
    /// Whether a signature by a key is entered in the log; verifiers must then be told to do without
    #[arg(long, value_name = "BOOL", requires = "key", default_value_t = true, action = clap::ArgAction::Set)]
    pub tlog_upload: bool,
    /// Which services sign, as a Sigstore signing configuration v0.2
    ///
    /// Without it, those that belong to the trust root: of the instance, or what its TUF repository
    /// lists. Beside `--trusted-root`, sigstore.dev's.
    #[arg(long, value_name = "FILE")]
    pub signing_config: Option<PathBuf>,
    /// Whom to believe.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// How long one signature may take, retries included, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// The form of the answer on stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    pub format: Format,
}

/// How a person signs in.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OidcFlow {
    /// In a browser on this machine.
    Browser,
    /// With a code, in a browser anywhere.
    Device,
}
