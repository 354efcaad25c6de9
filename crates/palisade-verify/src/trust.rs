//! What is believed in this run: one trust root, one signer, one time.

use palisade_trust::{ExpectedSigner, Instance, SanPattern, TrustRoot};
use palisade_types::Timestamp;
use palisade_ui::{Context, escape};

use crate::args::{SignerArgs, TrustArgs};
use crate::error::Error;
use crate::file;

/// The largest `trusted_root.json` we read, in bytes. Sigstore's own has 7 KB.
const MAX_ROOT: u64 = 4 << 20;

/// What is believed in this run.
pub(crate) struct Trust {
    pub(crate) root: TrustRoot,
    /// Where the root came from, for people and JSON.
    pub(crate) origin: String,
    pub(crate) signers: [ExpectedSigner; 1],
    /// The signer's name and issuer as asked for.
    pub(crate) identity: String,
    pub(crate) issuer: String,
    pub(crate) now: Timestamp,
}

/// Reads what the flags say.
pub(crate) fn read(
    signer: &SignerArgs,
    trust: &TrustArgs,
    context: &Context,
) -> Result<Trust, Error> {
    let (san, identity) = san(signer)?;
    if let Some(at) = san.lone_dot() {
        context.printer.warn(&escape(&format!(
            "the `.` at position {at} of `{identity}` matches any character; write `\\.` for a dot"
        )));
    }
    let (root, origin) = root(trust)?;
    let issuer = signer.certificate_oidc_issuer.clone();
    Ok(Trust {
        root,
        origin,
        signers: [ExpectedSigner::new("expected", san, issuer.clone())],
        identity,
        issuer,
        now: context.now,
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

fn root(trust: &TrustArgs) -> Result<(TrustRoot, String), Error> {
    let Some(path) = &trust.trusted_root else {
        let origin = format!(
            "sigstore.dev, embedded in palisade {}",
            env!("CARGO_PKG_VERSION")
        );
        return match TrustRoot::embedded(Instance::PublicGood) {
            Ok(root) => Ok((root, origin)),
            Err(source) => Err(Error::Root { origin, source }),
        };
    };
    let origin = path.display().to_string();
    let bytes = file::read("trust root", path, MAX_ROOT)?;
    let root = match TrustRoot::parse(&bytes) {
        Ok(root) => root,
        Err(source) => return Err(Error::Root { origin, source }),
    };
    if root.is_lab() && !trust.allow_lab {
        return Err(Error::LabRoot { path: path.clone() });
    }
    Ok((root, origin))
}
