//! What is believed in this run: one trust root, one signer or key, one time.

use std::path::Path;

use palisade_roots::{RootFacts, TrustArgs};
use palisade_trust::{
    ClaimPattern, ExpectedKey, ExpectedSigner, KeyProfile, Profile, PublicKey, SanPattern,
    SignerClaim, TrustRoot,
};
use palisade_types::Timestamp;
use palisade_ui::{Context, escape};

use crate::args::{ProfileName, SignerArgs};
use crate::error::Error;
use crate::file;

/// The largest public key we read, in bytes.
const MAX_KEY: u64 = 16 << 10;

/// What is believed in this run.
pub(crate) struct Trust {
    pub(crate) root: TrustRoot,
    /// What the answer says about the root.
    pub(crate) about: RootFacts,
    pub(crate) who: Who,
    pub(crate) now: Timestamp,
}

/// Who must have signed.
pub(crate) enum Who {
    Key {
        key: Box<ExpectedKey>,
        profile: KeyProfile,
    },
    Signer {
        signers: [ExpectedSigner; 1],
        /// The signer's name and issuer as asked for.
        identity: String,
        issuer: String,
    },
}

/// Reads what the flags say. Where they have the root fetched, that happens here, unless `offline`.
pub(crate) fn read(
    signer: &SignerArgs,
    trust: &TrustArgs,
    offline: bool,
    context: &Context,
) -> Result<Trust, Error> {
    let who = who(signer, context)?;
    let loaded = trust.load_blocking(offline, context)?;
    Ok(Trust {
        about: loaded.facts(),
        root: loaded.root.under(profile(signer)).map_err(Error::Profile)?,
        who,
        now: context.now,
    })
}

/// What the evidence has to prove.
fn profile(signer: &SignerArgs) -> Profile {
    match signer.profile {
        Some(ProfileName::GithubPrivate) => Profile::GithubPrivate,
        None => Profile::of_inclusion_proof(signer.require_inclusion_proof),
    }
}

fn who(signer: &SignerArgs, context: &Context) -> Result<Who, Error> {
    if let Some(path) = &signer.key {
        if signer.insecure_ignore_tlog {
            context.printer.warn(
                "no log entry and no proven time are demanded: whoever has the key can sign in \
                 secret and under any date",
            );
        }
        return key(path, signer.insecure_ignore_tlog);
    }
    let (san, identity) = san(signer)?;
    if let Some(at) = san.lone_dot() {
        context.printer.warn(&escape(&format!(
            "the `.` at position {at} of `{identity}` matches any character; write `\\.` for a dot"
        )));
    }
    let issuer = signer
        .certificate_oidc_issuer
        .clone()
        .expect("clap demands it where there is no key");
    let expected = ExpectedSigner::new("expected", san, issuer.clone());
    Ok(Who::Signer {
        signers: [demands(signer, expected)?],
        identity,
        issuer,
    })
}

/// What the flags demand of the certificate's claims.
fn demands(args: &SignerArgs, mut signer: ExpectedSigner) -> Result<ExpectedSigner, Error> {
    let exact = [
        (
            SignerClaim::Repository,
            &args.certificate_github_workflow_repository,
        ),
        (
            SignerClaim::Event,
            &args.certificate_github_workflow_trigger,
        ),
        (
            SignerClaim::WorkflowName,
            &args.certificate_github_workflow_name,
        ),
        (SignerClaim::Sha, &args.certificate_github_workflow_sha),
        (SignerClaim::RepositoryId, &args.certificate_repository_id),
        (SignerClaim::Runner, &args.certificate_runner_environment),
    ];
    for (claim, value) in exact {
        if let Some(value) = value {
            signer = signer.demanding(claim, ClaimPattern::exact(value));
        }
    }
    // A git reference has no `*` in its name (git-check-ref-format), so one is a wildcard.
    if let Some(text) = &args.certificate_github_workflow_ref {
        let pattern = ClaimPattern::glob(text).map_err(Error::Reference)?;
        signer = signer.demanding(SignerClaim::Ref, pattern);
    }
    Ok(signer)
}

fn key(path: &Path, ignore_log: bool) -> Result<Who, Error> {
    let pem = file::read("key", path, MAX_KEY)?;
    let key = PublicKey::from_pem(&pem).map_err(|source| Error::Key {
        path: path.to_owned(),
        source,
    })?;
    Ok(Who::Key {
        key: Box::new(ExpectedKey::new(path.display().to_string(), key)),
        profile: if ignore_log {
            KeyProfile::NoLog
        } else {
            KeyProfile::Logged
        },
    })
}

fn san(signer: &SignerArgs) -> Result<(SanPattern, String), Error> {
    match (
        &signer.certificate_identity,
        &signer.certificate_identity_regexp,
    ) {
        (Some(exact), _) => Ok((SanPattern::Exact(exact.clone()), exact.clone())),
        (None, Some(source)) => {
            let pattern = SanPattern::regex(source).map_err(Error::Pattern)?;
            Ok((pattern, source.clone()))
        }
        (None, None) => unreachable!("clap demands one of the two"),
    }
}
