//! The flags. Their help is the manual.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Subcommand, ValueEnum};
use palisade_roots::TrustArgs;
use palisade_types::SignedDuration;

/// Verify who signed an image, an attestation or a file
///
/// Checks the certificate, its transparency log entry, every timestamp and the signature against
/// a trust root, and that the signer is exactly the one you name. Whatever is not verified is
/// listed with what was wanted and what was found.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Args {
    /// What to verify.
    #[command(subcommand)]
    pub command: Command,
}

/// What to verify.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Verify attestations of one type about an image
    ///
    /// Prints every attestation of this type about the image's digest that the named signer signed.
    /// With `--format json` the statements are printed whole, as signed.
    #[command(after_help = ATTESTATION_EXAMPLES)]
    Attestation(AttestationArgs),
    /// Verify a signature or an attestation about a file
    ///
    /// Asks nobody, unless `--trust-mode` or `--tuf-mirror` has the trust root fetched. Without
    /// `--type` the bundle must hold a signature over the file's bytes, with it an attestation of
    /// that type about the file's digest.
    #[command(after_help = BLOB_EXAMPLES)]
    Blob(BlobArgs),
    /// Verify signatures of images
    ///
    /// Asks the registry once what is attached to each image and verifies every signature among it.
    /// A tag is resolved once; everything after uses the digest, which is what is printed.
    #[command(after_help = IMAGE_EXAMPLES)]
    Image(ImageArgs),
    /// List everything that is attached to an image
    ///
    /// Says of each whether it is verified as the named signer's. Without a signer nothing is
    /// verified, and the types shown are what whoever attached them claims.
    #[command(after_help = TREE_EXAMPLES)]
    Tree(TreeArgs),
}

const EXIT_CODES: &str = "\
Exit codes: 0 verified; 1 not signed, or not by this signer; 2 the command line, a file or the
trust root is wrong; 3 the registry could not be asked, or the trust root could not be fetched or
has expired.";

const IMAGE_EXAMPLES: &str = "\
A signature is a statement of type https://sigstore.dev/cosign/sign/v1 about the image's digest.
An attestation of another type, by whomever, is not a signature. Where there is none by this
signer, the tag `sha256-….sig` is looked at, in which cosign kept signatures before version 3.
With COSIGN_REPOSITORY or --signature-repository all of this is looked for there and only there.

Examples:
  palisade verify image ghcr.io/acme/app:1.4 \\
    --certificate-identity https://github.com/acme/app/.github/workflows/ci.yml@refs/heads/main \\
    --certificate-oidc-issuer https://token.actions.githubusercontent.com
  palisade verify image ghcr.io/acme/app@sha256:… --bundle app.sigstore.json --format json …
  palisade verify image ghcr.io/acme/app:1.4 --key cosign.pub
  palisade verify image ghcr.io/acme/app:1.4 --recursive --key cosign.pub
  kubectl get pods -o jsonpath='{..image}' | tr ' ' '\\n' |
    palisade verify image --images-from - --format table --key cosign.pub

Exit codes, the first that holds of any image: 2 the command line, a file or the trust root is
wrong, and nothing is answered; 1 it is not signed, or not by this signer; 3 it could not be found
out, since the registry could not be asked, or the trust root could not be fetched or has expired;
0 every image is signed.";

const ATTESTATION_EXAMPLES: &str = "\
Examples:
  palisade verify attestation ghcr.io/acme/app:1.4 --type slsaprovenance1 \\
    --certificate-identity https://github.com/acme/app/.github/workflows/ci.yml@refs/heads/main \\
    --certificate-oidc-issuer https://token.actions.githubusercontent.com
  palisade verify attestation ghcr.io/acme/app@sha256:… --type https://example.com/review/v1 …

Exit codes: 0 there is such an attestation; 1 there is none, or not by this signer; 2 the command
line, a file or the trust root is wrong; 3 the registry could not be asked, or the trust root could
not be fetched or has expired.";

const TREE_EXAMPLES: &str = "\
The answer is a list and no decision: that something is attached does not mean that it is signed.

Examples:
  palisade verify tree ghcr.io/acme/app:1.4
  palisade verify tree ghcr.io/acme/app:1.4 --recursive --key cosign.pub

Exit codes: 0 listed; 2 the command line, a file or the trust root is wrong; 3 the registry could
not be asked, or the trust root could not be fetched or has expired.";

const BLOB_EXAMPLES: &str = "\
Examples:
  palisade verify blob app.tar.gz --bundle app.tar.gz.sigstore.json \\
    --certificate-identity release@acme.example --certificate-oidc-issuer https://accounts.google.com
  palisade verify blob app.tar.gz --bundle provenance.sigstore.json --type slsaprovenance1 …

Exit codes: 0 verified; 1 not signed, or not by this signer; 2 the command line, a file or the
trust root is wrong; 3 the trust root could not be fetched or has expired.";

#[expect(
    missing_docs,
    reason = "clap would show it in place of the command's own"
)]
#[derive(clap::Args, Clone, Debug)]
pub struct ImageArgs {
    /// The images
    #[arg(required_unless_present = "images_from", value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Verify the images of this list too, one on each line; `-` is stdin
    ///
    /// Empty lines and lines that start with `#` are passed over.
    #[arg(long, value_name = "FILE")]
    pub images_from: Option<PathBuf>,
    /// Verify each image that an index lists too, by itself
    ///
    /// The index and each image have an answer of their own, and all of them have to be signed.
    /// BuildKit's attestation manifests are listed and not judged: the index binds them.
    #[arg(long)]
    pub recursive: bool,
    /// What is judged.
    #[command(flatten)]
    pub evidence: EvidenceArgs,
    /// Who must have signed.
    #[command(flatten)]
    pub signer: SignerArgs,
    /// What is believed.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// How to reach the registry.
    #[command(flatten)]
    pub registry: AskArgs,
    /// What stdout holds
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    pub format: Format,
}

#[expect(
    missing_docs,
    reason = "clap would show it in place of the command's own"
)]
#[derive(clap::Args, Clone, Debug)]
pub struct AttestationArgs {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// The predicate type: a full URI, or one of custom, cyclonedx, link, openvex, slsaprovenance,
    /// slsaprovenance02, slsaprovenance1, spdx, spdxjson, vsa, vuln
    #[arg(long = "type", value_name = "TYPE")]
    pub predicate_type: String,
    /// What is judged.
    #[command(flatten)]
    pub evidence: EvidenceArgs,
    /// Who must have signed.
    #[command(flatten)]
    pub signer: SignerArgs,
    /// What is believed.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// How to reach the registry.
    #[command(flatten)]
    pub registry: AskArgs,
    /// What stdout holds
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = palisade_ui::Format::Text)]
    pub format: palisade_ui::Format,
}

#[expect(
    missing_docs,
    reason = "clap would show it in place of the command's own"
)]
#[derive(clap::Args, Clone, Debug)]
pub struct TreeArgs {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// List what is attached to each image of an index too
    #[arg(long)]
    pub recursive: bool,
    /// Verify as this signer's: the name in the certificate, exactly
    #[arg(long, value_name = "IDENTITY", requires = "certificate_oidc_issuer")]
    pub certificate_identity: Option<String>,
    /// Who vouched for the signer's name, exactly: the OIDC issuer's URL
    #[arg(long, value_name = "URL", requires = "certificate_identity")]
    pub certificate_oidc_issuer: Option<String>,
    /// Verify as signed with this public key, in PEM
    #[arg(long, value_name = "FILE", conflicts_with = "certificate_identity")]
    pub key: Option<PathBuf>,
    /// Accept what the key signed in no transparency log and at no known time
    #[arg(long, requires = "key", conflicts_with = "certificate_identity")]
    pub insecure_ignore_tlog: bool,
    /// What is believed.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// How to reach the registry.
    #[command(flatten)]
    pub registry: AskArgs,
    /// What stdout holds
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = palisade_ui::Format::Text)]
    pub format: palisade_ui::Format,
}

#[expect(
    missing_docs,
    reason = "clap would show it in place of the command's own"
)]
#[derive(clap::Args, Clone, Debug)]
pub struct BlobArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The bundle about it
    #[arg(long, value_name = "FILE")]
    pub bundle: PathBuf,
    /// Want an attestation of this type: a full URI, or a short name as in `verify attestation`
    #[arg(long = "type", value_name = "TYPE")]
    pub predicate_type: Option<String>,
    /// Who must have signed.
    #[command(flatten)]
    pub signer: SignerArgs,
    /// What is believed.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Make no request
    #[arg(long)]
    pub offline: bool,
    /// What stdout holds
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = palisade_ui::Format::Text)]
    pub format: palisade_ui::Format,
}

#[expect(
    missing_docs,
    reason = "clap would show it in place of the command's own"
)]
#[derive(clap::Args, Clone, Debug, Default)]
#[command(group = ArgGroup::new("identity").required(true))]
pub struct SignerArgs {
    /// The signer's name in the certificate, exactly: an e-mail address or a workflow's URI
    #[arg(long, value_name = "IDENTITY", group = "identity")]
    pub certificate_identity: Option<String>,
    /// A regular expression over the signer's whole name, written as `^…$`
    #[arg(long, value_name = "REGEXP", group = "identity")]
    pub certificate_identity_regexp: Option<String>,
    /// Who vouched for the signer's name, exactly: the OIDC issuer's URL
    #[arg(long, value_name = "URL", required_unless_present = "key")]
    pub certificate_oidc_issuer: Option<String>,
    /// The repository the workflow ran for, exactly: `acme/app`
    #[arg(long, value_name = "OWNER/NAME", conflicts_with = "key")]
    pub certificate_github_workflow_repository: Option<String>,
    /// The git reference it ran for; `*` stands for any characters but `/`, `**` for any
    #[arg(long, value_name = "REF", conflicts_with = "key")]
    pub certificate_github_workflow_ref: Option<String>,
    /// The event that started it, exactly: `push`, `release`, …
    #[arg(long, value_name = "EVENT", conflicts_with = "key")]
    pub certificate_github_workflow_trigger: Option<String>,
    /// The name the workflow gives itself, exactly
    #[arg(long, value_name = "NAME", conflicts_with = "key")]
    pub certificate_github_workflow_name: Option<String>,
    /// The commit it ran for, exactly
    #[arg(long, value_name = "SHA", conflicts_with = "key")]
    pub certificate_github_workflow_sha: Option<String>,
    /// The provider's number for the repository, which outlives a change of its name
    #[arg(long, value_name = "ID", conflicts_with = "key")]
    pub certificate_repository_id: Option<String>,
    /// The kind of machine it ran on, exactly: `github-hosted` or `self-hosted`
    #[arg(long, value_name = "KIND", conflicts_with = "key")]
    pub certificate_runner_environment: Option<String>,
    /// The public key that must have signed, in PEM: P-256, P-384, P-521, Ed25519 or RSA
    #[arg(
        long,
        value_name = "FILE",
        group = "identity",
        conflicts_with = "certificate_oidc_issuer"
    )]
    pub key: Option<PathBuf>,
    /// Accept what the key signed in no transparency log and at no known time
    ///
    /// Whoever has the key can then sign in secret and under any date. Log entries and timestamps
    /// that are there are verified all the same.
    #[arg(
        long,
        requires = "key",
        conflicts_with_all = ["certificate_identity", "certificate_identity_regexp"]
    )]
    pub insecure_ignore_tlog: bool,
    /// What the evidence has to prove, where the instance differs from Sigstore's own
    #[arg(long, value_enum, value_name = "PROFILE", conflicts_with = "key")]
    pub profile: Option<ProfileName>,
    /// Demand that a log proves to include each entry: `false` is content with its promise, the SET
    ///
    /// Without the flag every bundle needs the proof, save those of format v0.1 from before June 2024
    /// and cosign's formats of before version 3, which have no room for one; with it these are
    /// refused too. What was accepted on a promise is reported as such.
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        conflicts_with = "profile"
    )]
    pub require_inclusion_proof: Option<bool>,
}

/// How signatures of an instance are made, where that differs from Sigstore's own.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileName {
    /// As GitHub signs for private repositories: with a timestamp and in no log. Only for a trust
    /// root that has no log
    GithubPrivate,
}

#[expect(
    missing_docs,
    reason = "clap would show it in place of the command's own"
)]
#[derive(clap::Args, Clone, Debug)]
pub struct AskArgs {
    /// What is the same for every command.
    #[command(flatten)]
    pub reach: palisade_oci::RegistryArgs,
    /// Look for what is attached in this repository instead of the image's own; also
    /// `COSIGN_REPOSITORY`
    #[arg(long, value_name = "REPOSITORY")]
    pub signature_repository: Option<String>,
    /// Make no request, and judge what an earlier run kept
    #[arg(long)]
    pub offline: bool,
    /// How long to wait for what the registry says about one image, all retries included
    ///
    /// After it, and at once when the registry asks to come back later than that, it is not known
    /// whether the image is signed.
    #[arg(long, value_name = "DURATION", default_value = "3m", value_parser = positive)]
    pub timeout: Duration,
}

/// `3m`, `90s`, or `PT3M` as in ISO 8601; longer than nothing.
fn positive(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration = text.parse().map_err(|_| "write it as `3m` or `90s`")?;
    match Duration::try_from(duration) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("it has to be longer than nothing".to_owned()),
    }
}

#[expect(
    missing_docs,
    reason = "clap would show it in place of the command's own"
)]
#[derive(clap::Args, Clone, Debug, Default)]
pub struct EvidenceArgs {
    /// Judge the bundle in this file instead of asking the registry what is attached
    #[arg(long, value_name = "FILE", conflicts_with = "signature_repository")]
    pub bundle: Option<PathBuf>,
    /// Judge the bundles in this folder instead; every file in it is told about
    ///
    /// A file holds one bundle, or one on each line, as `gh attestation download` writes them.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["bundle", "signature_repository"])]
    pub evidence: Option<PathBuf>,
}

/// What stdout holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON document with a `version`
    Json,
    /// One JSON document on each line, for each image
    Jsonl,
    /// One line of text for each image
    Table,
    /// Text for people
    Text,
}

impl From<palisade_ui::Format> for Format {
    fn from(format: palisade_ui::Format) -> Self {
        match format {
            palisade_ui::Format::Json => Self::Json,
            palisade_ui::Format::Text => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        palisade_ui::command::<Args>("verify").debug_assert();
    }

    #[test]
    fn a_duration_is_longer_than_nothing() {
        assert_eq!(positive("3m"), Ok(Duration::from_mins(3)));
        assert_eq!(positive("PT1S"), Ok(Duration::from_secs(1)));
        for bad in ["0s", "-1m", "", "3", "soon"] {
            assert!(positive(bad).is_err(), "{bad}");
        }
    }
}
