//! The flags. Their help is the manual.

use std::path::PathBuf;

use palisade_oci::RegistryArgs;
use palisade_roots::RefreshArgs;
use palisade_ui::{Format, Secret};

const EXAMPLES: &str = "\
Examples:
  Judge an image by what is attached to it, and sign the decision as this workflow:
    palisade gate ghcr.io/acme/app:1.4 --policy policies/github-actions.toml --vsa vsa.jsonl
  Only tell what is missing:
    palisade gate ghcr.io/acme/app@sha256:… --policy prod.toml --no-sign
  Judge a folder of bundles, without a request; the same folder gives the same answer:
    palisade gate oci:build/image --policy prod.toml --evidence build/evidence --no-sign

In a policy with `mode = \"warn\"` the answer and the exit code are the same, and a summary is
never signed.

Exit codes: 0 allow · 1 deny · 2 the command line, the policy or a file is wrong ·
3 undecided: evidence is missing, and a source of evidence could not be read";

/// Decide whether an image may be released, and sign the decision
///
/// Resolves the image once, collects the attestations about it and its platforms, verifies each
/// against the trust roots and signers the policy names, and runs the policy's checks. An allow
/// becomes a signed SLSA verification summary: written to a file, attached to the image, and the
/// only thing `palisade deploy` accepts.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The image: a tag or a digest on a registry, or `oci:DIR`, `oci-archive:FILE`
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// What has to be proven
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
    /// Judge the bundles in this folder (`*.json`) instead of asking the registry
    #[arg(long, value_name = "DIR")]
    pub evidence: Option<PathBuf>,
    /// How the trust roots are taken that the policy names by instance.
    #[command(flatten)]
    pub refresh: RefreshArgs,
    /// Write the decision as JSON to this file, whatever it is
    #[arg(long, value_name = "FILE")]
    pub decision: Option<PathBuf>,
    /// What stdout holds
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    pub format: Format,
    /// How the summary is signed.
    #[command(flatten)]
    pub signing: SigningArgs,
    /// How to reach the registry. What is loosened there stands in the decision and its summary.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// Make no request
    ///
    /// What is attached is then what earlier runs read, and a gap beside it: more may be attached
    /// since.
    #[arg(long)]
    pub offline: bool,
}

// No doc comments on the flattened structs: clap would show them in place of the command's own.
#[expect(
    missing_docs,
    reason = "clap would show it in place of the command's own"
)]
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "The signed summary of an allow")]
pub struct SigningArgs {
    /// Write the summary to this file: a Sigstore bundle for the image and each platform, one a line
    ///
    /// What an earlier run wrote is removed first. The file comes into its place last, after
    /// everything is attached: when the gate ends with anything but 0, there is none.
    #[arg(long, value_name = "FILE", conflicts_with = "no_sign")]
    pub vsa: Option<PathBuf>,
    /// Sign with this OIDC identity token, or the token in this file
    ///
    /// Without it: the variable `SIGSTORE_ID_TOKEN`, else what the surroundings hold ready, as for
    /// `palisade sign`: GitHub Actions, a token file, SPIFFE, Buildkite, CircleCI, Google Cloud.
    #[arg(
        long,
        value_name = "TOKEN|FILE",
        conflicts_with = "no_sign",
        hide_env_values = true
    )]
    pub identity_token: Option<Secret>,
    /// Sign with the services of this signing configuration
    ///
    /// Without it, with those that belong to the trust root that the policy's summary names.
    #[arg(long, value_name = "FILE", conflicts_with = "no_sign")]
    pub signing_config: Option<PathBuf>,
    /// Sign nothing, and attach nothing: only answer
    #[arg(long)]
    pub no_sign: bool,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser, Debug)]
    struct Line {
        #[command(flatten)]
        signing: SigningArgs,
    }

    #[test]
    fn the_identity_token_never_shows_in_debug_output() {
        let line = Line::parse_from(["gate", "--identity-token", "ey.hunter2"]);
        let token = line.signing.identity_token.as_ref().map(Secret::expose);
        assert_eq!(token, Some("ey.hunter2"));
        assert!(!format!("{line:?}").contains("hunter2"), "{line:?}");
    }
}
