//! The policy and the trust roots it names, read and parsed before anything is asked.

use std::path::Path;

use palisade_policy::{MAX_POLICY, Policy, TrustSource};
use palisade_trust::{ExpectedSigner, Profile, TrustRoot};

use crate::args::Args;
use crate::error::Error;
use crate::file;

/// The largest `trusted_root.json`, in bytes. Sigstore's own has 7 KB.
const MAX_ROOT: usize = 4 << 20;

/// What decides.
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    /// What diagnostics and outputs call the policy file.
    pub(crate) policy_name: String,
    pub(crate) roots: Vec<Root>,
    /// Whether a lab's root is among them, as the operator allowed.
    pub(crate) lab: bool,
}

/// A trust root and whom it may vouch for.
pub(crate) struct Root {
    pub(crate) name: String,
    pub(crate) trusted: TrustRoot,
    pub(crate) signers: Vec<ExpectedSigner>,
}

impl Rules {
    pub(crate) fn read(args: &Args) -> Result<Self, Error> {
        let policy_name = args.policy.display().to_string();
        let bytes = file::read("policy", &args.policy, MAX_POLICY)?;
        let policy =
            Policy::parse(&policy_name, &bytes).map_err(|error| Error::Policy(Box::new(error)))?;
        if args.signing.vsa.is_some() && policy.vsa().is_none() {
            return Err(Error::NoVsa);
        }
        let folder = args.policy.parent().unwrap_or(Path::new(""));
        let roots = policy
            .trusts()
            .map(|trust| {
                Ok(Root {
                    name: trust.name.clone(),
                    trusted: root(folder, &trust.name, &trust.source, trust.profile)?,
                    signers: policy.signers_of(&trust.name).cloned().collect(),
                })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let lab = roots.iter().find(|root| root.trusted.is_lab());
        if let Some(lab) = lab
            && !args.allow_lab
        {
            let name = lab.name.clone();
            return Err(Error::LabRoot { name });
        }
        Ok(Self {
            lab: lab.is_some(),
            policy,
            policy_name,
            roots,
        })
    }

    /// The root of this name. The policy was checked to name only roots it has.
    pub(crate) fn root(&self, name: &str) -> &TrustRoot {
        let root = self.roots.iter().find(|root| root.name == name);
        &root
            .expect("a policy refers only to roots that it defines")
            .trusted
    }
}

fn root(
    folder: &Path,
    name: &str,
    source: &TrustSource,
    profile: Profile,
) -> Result<TrustRoot, Error> {
    let (origin, root) = match source {
        TrustSource::Embedded(instance) => (
            format!("embedded in palisade {}", env!("CARGO_PKG_VERSION")),
            TrustRoot::embedded(*instance),
        ),
        TrustSource::File(path) => {
            let path = folder.join(path);
            let bytes = file::read("trust root", &path, MAX_ROOT)?;
            (path.display().to_string(), TrustRoot::parse(&bytes))
        }
    };
    let root = root.and_then(|root| root.under(profile));
    root.map_err(|source| Error::Root {
        name: name.to_owned(),
        origin,
        source,
    })
}
