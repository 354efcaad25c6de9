//! The command line.

use std::num::NonZeroU32;
use std::path::PathBuf;

use palisade_roots::TrustArgs;
use palisade_types::{Digest, SignedDuration};
use palisade_ui::Format;

use crate::ticket::PolicyBound;

const EXAMPLES: &str = "\
Examples:
  Show what would be sent, and send nothing that changes anything:
    palisade deploy render ghcr.io/acme/app@sha256:… --service srv-cu2k4j3qf0us73fbv7u0 \\
      --certificate-identity https://github.com/acme/ci/.github/workflows/gate.yml@refs/heads/main \\
      --certificate-oidc-issuer https://token.actions.githubusercontent.com \\
      --verifier-id https://acme.example/gate --environment prod \\
      --policy acme/prod --min-policy-version 4 --dry-run

  Release with the decision of an earlier job, and keep the proof that it runs:
    palisade deploy render … --vsa vsa.jsonl --receipt receipt.json

Exit codes: 0 it runs, and was read back · 1 refused, or something else runs ·
2 the command line is wrong · 3 whether it runs is not known";

/// Release exactly the image a gate allowed, and read back that it runs
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true, subcommand_required = true)]
pub struct Args {
    /// The platform.
    #[command(subcommand)]
    pub(crate) platform: PlatformArgs,
}

#[derive(clap::Subcommand, Debug)]
pub(crate) enum PlatformArgs {
    /// Release on Render
    ///
    /// Sets the service to the image and deploys it, waits until it is live, and reads back which
    /// digest runs. The API key is read from the variable `RENDER_API_KEY`.
    #[command(after_help = EXAMPLES)]
    Render(Box<RenderArgs>),
}

#[derive(clap::Args, Debug)]
pub(crate) struct RenderArgs {
    /// The image, by digest: `ghcr.io/acme/app@sha256:…`
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// The service, by its id: `srv-…`
    #[arg(long, value_name = "ID")]
    pub(crate) service: String,
    /// Talk to this address instead of Render's API
    ///
    /// Plain http is accepted for loopback addresses only. Without this flag, the variable
    /// `RENDER_HOST` decides, else https://api.render.com/v1.
    #[arg(long, value_name = "URL")]
    pub(crate) render_host: Option<String>,
    #[command(flatten)]
    pub(crate) decision: DecisionArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "The decision that releases it")]
pub(crate) struct DecisionArgs {
    /// Read the decision from this file instead of what is attached to the image
    ///
    /// A Sigstore bundle with a verification summary, or one on each line: what `palisade gate`
    /// writes.
    #[arg(long, value_name = "FILE")]
    pub(crate) vsa: Option<PathBuf>,
    /// Who signs decisions: the identity in the gate's certificate, exactly
    #[arg(long, value_name = "IDENTITY")]
    pub(crate) certificate_identity: String,
    /// Who vouches for that identity: the OIDC issuer in the certificate, exactly
    #[arg(long, value_name = "URL")]
    pub(crate) certificate_oidc_issuer: String,
    /// The GitHub repository whose run signs decisions: `acme/app`
    ///
    /// A workflow that others may call has one identity, whoever calls it. Without this flag, a
    /// GitHub workflow has to be run by its own repository.
    #[arg(long, value_name = "OWNER/REPOSITORY")]
    pub(crate) certificate_github_workflow_repository: Option<String>,
    /// The verifier the gate speaks for: `verifier.id` of the decision
    #[arg(long, value_name = "URI")]
    pub(crate) verifier_id: String,
    /// The environment deployed to
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: String,
    /// The id of the policy it was decided under
    #[arg(long, value_name = "ID")]
    pub(crate) policy: String,
    #[command(flatten)]
    pub(crate) policy_bound: PolicyBoundArgs,
    /// How old the decision may be
    #[arg(long, value_name = "DURATION", default_value = "PT1H", value_parser = positive)]
    pub(crate) max_age: SignedDuration,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// How to reach the registry. What is read is hashed all the same.
    #[command(flatten)]
    pub(crate) registry: palisade_oci::RegistryArgs,
}

// An old policy that was too lax must not open anything: one of them is needed. Both may be given.
// No doc comment: clap would show it in place of the command's own.
#[derive(clap::Args, Debug)]
#[group(required = true, multiple = true)]
pub(crate) struct PolicyBoundArgs {
    /// The lowest version of the policy; needed, unless its digest is given
    #[arg(long, value_name = "N")]
    pub(crate) min_policy_version: Option<u64>,
    /// The digest of the policy's bytes; needed, unless its lowest version is given
    #[arg(long, value_name = "DIGEST")]
    pub(crate) policy_digest: Option<Digest>,
}

impl PolicyBoundArgs {
    /// Which bytes of the policy, or which versions of it, may have decided.
    pub(crate) fn bound(&self) -> PolicyBound {
        match (&self.policy_digest, self.min_policy_version) {
            (Some(digest), None) => PolicyBound::Digest(digest.clone()),
            (None, Some(version)) => PolicyBound::MinVersion(version),
            (Some(digest), Some(version)) => PolicyBound::Both(digest.clone(), version),
            (None, None) => unreachable!("clap demands one of the group"),
        }
    }
}

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Releasing and reading back")]
pub(crate) struct PaceArgs {
    /// Give up after this time
    #[arg(long, value_name = "DURATION", default_value = "PT15M", value_parser = positive)]
    pub(crate) timeout: SignedDuration,
    /// Wait this long between two looks
    #[arg(long, value_name = "DURATION", default_value = "PT5S", value_parser = positive)]
    pub(crate) poll_interval: SignedDuration,
    /// Read back this many times in a row before it counts
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) soak: NonZeroU32,
    /// Show exactly what would be sent, and send nothing that changes anything
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// The form of the answer on stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Write the answer as JSON to this file, but only if the image runs
    ///
    /// A file of that name from an earlier run is removed first.
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: Option<PathBuf>,
}

/// `PT15M` as in ISO 8601, or `15m`; longer than nothing.
fn positive(text: &str) -> Result<SignedDuration, String> {
    let duration: SignedDuration = text.parse().map_err(|_| "write it as `PT15M` or `15m`")?;
    if duration.is_positive() {
        Ok(duration)
    } else {
        Err("it has to be longer than nothing".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_iso_or_friendly_and_never_nothing() {
        assert_eq!(positive("PT1H"), Ok(SignedDuration::from_hours(1)));
        assert_eq!(positive("90s"), Ok(SignedDuration::from_secs(90)));
        for bad in ["PT0S", "-PT1H", "", "1", "soon"] {
            assert!(positive(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        palisade_ui::command::<Args>("deploy").debug_assert();
    }
}
