//! The policy and the trust roots it names, read and parsed before anything is asked.

use std::path::Path;

use palisade_policy::{MAX_POLICY, Policy, TrustSource};
use palisade_roots::{Loaded, RootSource, RootsError};
use palisade_trust::ExpectedSigner;
use palisade_ui::{Context, escape};

use crate::args::Args;
use crate::error::Error;
use crate::file;

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
    pub(crate) loaded: Loaded,
    pub(crate) signers: Vec<ExpectedSigner>,
}

impl Rules {
    pub(crate) async fn read(args: &Args, context: &Context) -> Result<Self, Error> {
        let policy_name = args.policy.display().to_string();
        let bytes = file::read("policy", &args.policy, MAX_POLICY)?;
        let policy =
            Policy::parse(&policy_name, &bytes).map_err(|error| Error::Policy(Box::new(error)))?;
        if args.signing.vsa.is_some() && policy.vsa().is_none() {
            return Err(Error::NoVsa);
        }
        let folder = args.policy.parent().unwrap_or(Path::new(""));
        let mut roots = Vec::new();
        for trust in policy.trusts() {
            let source = source(folder, &trust.source, args, context);
            let loaded = match source {
                Ok(source) => args.refresh.load_from(&source, context).await,
                Err(error) => Err(error),
            };
            let loaded = loaded.and_then(|loaded| loaded.under(trust.profile));
            let loaded = loaded.map_err(|source| Error::Root {
                name: trust.name.clone(),
                source,
            })?;
            let line = escape(&loaded.facts().line(context.now));
            let note = format!("trust root {}: {line}", escape(&trust.name));
            context.printer.note(&note);
            roots.push(Root {
                name: trust.name.clone(),
                loaded,
                signers: policy.signers_of(&trust.name).cloned().collect(),
            });
        }
        Ok(Self {
            lab: roots.iter().any(|root| root.loaded.root.is_lab()),
            policy,
            policy_name,
            roots,
        })
    }

    /// The root of this name. The policy was checked to name only roots it has.
    pub(crate) fn root(&self, name: &str) -> &Loaded {
        let root = self.roots.iter().find(|root| root.name == name);
        &root
            .expect("a policy refers only to roots that it defines")
            .loaded
    }
}

/// The policy says whose root it is; the command line says whether it is fetched.
fn source(
    folder: &Path,
    source: &TrustSource,
    args: &Args,
    context: &Context,
) -> Result<RootSource, RootsError> {
    match source {
        TrustSource::Embedded(instance) => {
            let offline = args.offline;
            args.refresh
                .source(*instance, offline, &context.environment)
        }
        TrustSource::File(path) => Ok(RootSource::File(folder.join(path))),
    }
}
