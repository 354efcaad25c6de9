//! What the three provenance checks share: which records count, and for what.

use palisade_attest::PredicateError;
use palisade_attest::predicates::provenance::{Provenance, TYPE};

use crate::coverage::Refusal;
use crate::evaluate::{Bound, Input};
use crate::policy::{Builder, ProvenanceRule, SourceRule};

/// A provenance record by a signer the policy names.
pub(crate) struct Record<'s, 'a> {
    pub(crate) bound: &'s Bound<'a>,
    pub(crate) read: Result<Provenance, PredicateError>,
}

/// The records by signers the policy names.
pub(crate) fn records<'s, 'a>(
    input: &'s Input<'a>,
    rule: &'s ProvenanceRule,
) -> Vec<Record<'s, 'a>> {
    input
        .by(&rule.signers)
        .filter(|bound| bound.statement.value().predicate_type == TYPE)
        .map(|bound| Record {
            bound,
            read: bound
                .statement
                .predicate::<Provenance>()
                .map(|verified| verified.value().clone()),
        })
        .collect()
}

/// The builder a record may be believed about, or why there is none.
pub(crate) fn builder<'p>(
    input: &Input<'p>,
    bound: &Bound<'_>,
    provenance: &Provenance,
) -> Result<&'p Builder, Refusal> {
    let signer = bound.statement.expected();
    let of_signer: Vec<&Builder> = input
        .policy
        .builders
        .iter()
        .filter(|builder| builder.signer == signer)
        .collect();
    let with_id = of_signer
        .iter()
        .find(|builder| builder.id.matches(&provenance.builder_id));
    let Some(builder) = with_id else {
        let wanted: Vec<String> = of_signer.iter().map(|b| format!("`{}`", b.id)).collect();
        return Err(Refusal {
            why: format!(
                "the builder is `{}`, and `{signer}` may sign for {}",
                provenance.builder_id,
                wanted.join(", ")
            ),
            help: "build with that builder, or add a [[builder]] for this one".to_owned(),
        });
    };
    let types = &builder.build_types;
    if !types.is_empty() && !types.contains(&provenance.build_type) {
        return Err(Refusal {
            why: format!(
                "the build type is `{}`, wanted `{}`",
                provenance.build_type,
                types.join("` or `")
            ),
            help: "build in that way, or add the type to the builder's `build-types`".to_owned(),
        });
    }
    Ok(builder)
}

/// Whether a record names the source the policy wants.
pub(crate) fn source(rule: &SourceRule, provenance: &Provenance) -> Result<(), Refusal> {
    let Some(source) = &provenance.source else {
        return Err(Refusal {
            why: "the provenance does not say which source was built".to_owned(),
            help: "use a builder that records the source".to_owned(),
        });
    };
    if source.repository != rule.repository {
        return Err(Refusal {
            why: format!(
                "built from `{}`, wanted `{}`",
                source.repository, rule.repository
            ),
            help: "build from that repository, or change `provenance.source`".to_owned(),
        });
    }
    let Some(want) = &rule.reference else {
        return Ok(());
    };
    let got = source.reference.as_deref().unwrap_or("no reference");
    if want.matches(got) {
        return Ok(());
    }
    Err(Refusal {
        why: format!("built from `{got}`, wanted `{want}`"),
        help: format!("build from `{want}`, or change `provenance.source.ref`"),
    })
}

/// The records that pass every provenance check, and the level each may claim.
pub(crate) fn accepted<'s, 'a>(input: &'s Input<'a>) -> Vec<(&'s Bound<'a>, u8)> {
    let Some(rule) = &input.policy.provenance else {
        return Vec::new();
    };
    let accept = |record: Record<'s, 'a>| {
        let provenance = record.read.ok()?;
        let builder = builder(input, record.bound, &provenance).ok()?;
        let from = rule
            .source
            .as_ref()
            .map_or(Ok(()), |rule| source(rule, &provenance));
        from.ok().map(|()| (record.bound, builder.max_level))
    };
    records(input, rule)
        .into_iter()
        .filter_map(accept)
        .collect()
}
