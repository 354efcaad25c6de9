//! `palisade verify attestation`.

use std::sync::Arc;

use palisade_attest::predicates::alias::{ALIASES, types_named};
use palisade_ui::{Context, Exit, nearest};

use crate::args::AttestationArgs;
use crate::ask::Inquiry;
use crate::error::Error;
use crate::image;
use crate::judge::Wanted;
use crate::output::Report;
use crate::trust;

pub(crate) fn run(args: &AttestationArgs, context: &Context) -> Result<Exit, Error> {
    let image = image::parse(&args.image)?;
    let types = predicate_types(&args.predicate_type)?;
    let trust = Arc::new(trust::read(
        &args.signer,
        &args.trust,
        args.registry.offline,
        context,
    )?);
    let inquiry = Inquiry {
        evidence: &args.evidence,
        registry: &args.registry,
        recursive: false,
        wanted: Wanted::Attestation(Arc::clone(&types)),
        trust: Arc::clone(&trust),
    };
    let answers = inquiry.answers(&[image], context)?;
    Report::new("attestation", &types.join(" or "), &trust, answers)
        .print(context.printer, args.format)
}

/// The predicate types that a short name or a URI stands for.
pub(crate) fn predicate_types(text: &str) -> Result<Arc<[String]>, Error> {
    if let Some(types) = types_named(text) {
        return Ok(types.iter().map(|uri| (*uri).to_owned()).collect());
    }
    // Predicate types are URIs (in-toto Statement v1), and some in use have no scheme.
    if text.contains([':', '/']) {
        return Ok([text.to_owned()].into());
    }
    let names = ALIASES.iter().map(|alias| alias.name);
    let help = match nearest(text, names.clone()) {
        Some(name) => format!("did you mean `--type {name}`?"),
        None => format!(
            "write a full URI, or one of {}",
            names.collect::<Vec<_>>().join(", ")
        ),
    };
    Err(Error::PredicateType {
        text: text.to_owned(),
        help,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_uris_are_types_and_a_slip_is_named() {
        let types = predicate_types("slsaprovenance1").expect("a name");
        assert_eq!(*types, ["https://slsa.dev/provenance/v1"]);
        let types = predicate_types("https://example.test/p").expect("a URI");
        assert_eq!(*types, ["https://example.test/p"]);
        let Err(Error::PredicateType { help, .. }) = predicate_types("cyclondx") else {
            panic!("a slip is no type")
        };
        assert_eq!(help, "did you mean `--type cyclonedx`?");
    }
}
