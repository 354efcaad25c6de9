//! CycloneDX 1.5 JSON. The only file that knows the `cyclonedx-bom` crate.

use cyclonedx_bom::models::bom::{Bom, BomReference, SpecVersion, UrnUuid};
use cyclonedx_bom::models::component::{
    Classification, Component as Written, ComponentEvidence, Components, Occurrence, Occurrences,
    Scope,
};
use cyclonedx_bom::models::composition::{AggregateType, Composition, Compositions};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::models::metadata::Metadata;
use cyclonedx_bom::models::property::{Properties, Property};
use cyclonedx_bom::models::tool::Tools;
use palisade_types::{Algorithm, Digest, Leaf, PinnedRef, Timestamp};

use crate::inventory::{Component, Inventory, Kind};
use crate::purl::Purl;

/// Writes the inventory of an image.
pub fn write(
    image: &PinnedRef,
    leaf: &Leaf,
    inventory: &Inventory,
    timestamp: Option<Timestamp>,
) -> Result<Vec<u8>, String> {
    let subject = subject(image, leaf);
    let reference = subject.bom_ref.clone().unwrap_or_default();
    let mut bom = Bom {
        version: 1,
        serial_number: None,
        metadata: Some(Metadata {
            timestamp: timestamp.map(date_time).transpose()?,
            tools: Some(Tools::Object {
                services: None,
                components: Some(Components(vec![tool()])),
            }),
            component: Some(subject),
            ..Metadata::default()
        }),
        components: Some(Components(
            inventory
                .components
                .iter()
                .map(|(reference, component)| written(reference, component))
                .collect(),
        )),
        services: None,
        external_references: None,
        dependencies: Some(dependencies(&reference, inventory)),
        compositions: Some(compositions(&reference, inventory)),
        properties: gaps(inventory),
        vulnerabilities: None,
        signature: None,
        annotations: None,
        formulation: None,
        spec_version: SpecVersion::V1_5,
    };
    bom.serial_number = Some(serial_number(&json(bom.clone())?));
    json(bom)
}

fn json(bom: Bom) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    bom.output_as_json_v1_5(&mut bytes)
        .map_err(|error| error.to_string())?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A UUID made of the document itself (RFC 9562 §5.8, version 8): equal documents have equal
/// serial numbers, and different ones different numbers.
fn serial_number(document: &[u8]) -> UrnUuid {
    let digest = Digest::sha256_of(document);
    let hex = digest.hex();
    UrnUuid(format!(
        "urn:uuid:{}-{}-8{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    ))
}

fn date_time(
    timestamp: Timestamp,
) -> Result<cyclonedx_bom::external_models::date_time::DateTime, String> {
    timestamp
        .to_string()
        .try_into()
        .map_err(|error| format!("{error}"))
}

fn tool() -> Written {
    let version = env!("CARGO_PKG_VERSION");
    Written::new(Classification::Application, "palisade-sbom", version, None)
}

fn subject(image: &PinnedRef, leaf: &Leaf) -> Written {
    let purl = Purl::oci(image, &leaf.platform.architecture);
    let digest = image.digest();
    let mut subject = Written::new(
        Classification::Container,
        &image.repository().to_string(),
        &digest.to_string(),
        Some(purl.to_string()),
    );
    subject.purl = purl.as_str().parse().ok();
    subject.hashes = Some(Hashes(vec![hash(digest)]));
    let mut properties = vec![
        Property::new("palisade:config", &leaf.config.to_string()),
        Property::new("palisade:hash-of", "manifest"),
        Property::new("palisade:manifest", &leaf.manifest.to_string()),
        Property::new("palisade:platform", &leaf.platform.to_string()),
    ];
    properties.extend(
        leaf.layers
            .iter()
            .map(|layer| Property::new("palisade:layer", &layer.to_string())),
    );
    subject.properties = Some(Properties(properties));
    subject
}

fn written(reference: &str, component: &Component) -> Written {
    let kind = match component.kind {
        Kind::Application => Classification::Application,
        Kind::Library => Classification::Library,
        Kind::OperatingSystem => Classification::OperatingSystem,
    };
    let mut written = Written::new(
        kind,
        &component.name,
        &component.version,
        Some(reference.to_owned()),
    );
    written.version = written.version.filter(|version| !version.is_empty());
    written.purl = component
        .purl
        .as_ref()
        .and_then(|purl| purl.as_str().parse().ok());
    written.hashes = component
        .hash
        .as_ref()
        .map(|content| Hashes(vec![hash(&content.digest)]));
    // CycloneDX 1.5, `scope`: excluded components are "not reachable within a call graph at
    // runtime".
    written.scope = component.build_only.then_some(Scope::Excluded);
    written.licenses = licenses(&component.licenses);
    written.evidence = Some(ComponentEvidence {
        licenses: None,
        copyright: None,
        occurrences: Some(Occurrences(vec![Occurrence::new(&component.place.path)])),
        callstack: None,
        identity: None,
    });
    written.properties = Some(properties(component));
    written
}

fn properties(component: &Component) -> Properties {
    let mut all: Vec<(&str, String)> = vec![
        ("palisade:layer", component.place.layer.to_string()),
        ("palisade:path", component.place.path.clone()),
    ];
    all.extend(
        component
            .hash
            .iter()
            .map(|hash| ("palisade:hash-of", hash.of.to_owned())),
    );
    all.extend(
        component
            .properties
            .iter()
            .map(|(name, value)| (*name, value.clone())),
    );
    all.sort();
    Properties(
        all.iter()
            .map(|(name, value)| Property::new(name, value))
            .collect(),
    )
}

fn hash(digest: &Digest) -> Hash {
    let alg = match digest.algorithm() {
        Algorithm::Sha256 => HashAlgorithm::SHA_256,
        Algorithm::Sha512 => HashAlgorithm::SHA_512,
    };
    Hash {
        alg,
        content: HashValue(digest.hex().to_owned()),
    }
}

/// As declared: names, never identifiers or expressions, since nobody has read the texts.
fn licenses(declared: &[String]) -> Option<Licenses> {
    let choices: Vec<_> = declared
        .iter()
        .map(|name| LicenseChoice::license(name))
        .collect();
    (!choices.is_empty()).then_some(Licenses(choices))
}

/// The image depends on what it has for its own sake.
fn dependencies(image: &str, inventory: &Inventory) -> Dependencies {
    let top_level = inventory
        .components
        .iter()
        .filter(|(_, component)| component.top_level);
    let of_image = Dependency {
        dependency_ref: image.to_owned(),
        dependencies: top_level.map(|(reference, _)| reference.clone()).collect(),
    };
    let others = inventory.depends_on.iter().map(|(user, used)| Dependency {
        dependency_ref: user.clone(),
        dependencies: used.iter().cloned().collect(),
    });
    Dependencies(std::iter::once(of_image).chain(others).collect())
}

/// What is known of completeness (CycloneDX 1.5, `compositions`): whether the image holds more
/// than we can list is unknown, and with a gap it is known to be incomplete.
fn compositions(image: &str, inventory: &Inventory) -> Compositions {
    let of_image = Composition {
        assemblies: Some(vec![BomReference::new(image)]),
        ..composition(if inventory.gaps.is_empty() {
            AggregateType::Unknown
        } else {
            AggregateType::Incomplete
        })
    };
    let of_edges = [
        (true, AggregateType::Complete),
        (false, AggregateType::Incomplete),
    ];
    let of_edges = of_edges.into_iter().filter_map(|(complete, aggregate)| {
        let references: Vec<_> = inventory
            .components
            .iter()
            .filter(|(_, component)| component.edges_complete == complete)
            .map(|(reference, _)| BomReference::new(reference))
            .collect();
        (!references.is_empty()).then(|| Composition {
            dependencies: Some(references),
            ..composition(aggregate)
        })
    });
    Compositions(std::iter::once(of_image).chain(of_edges).collect())
}

fn composition(aggregate: AggregateType) -> Composition {
    Composition {
        bom_ref: None,
        aggregate,
        assemblies: None,
        dependencies: None,
        vulnerabilities: None,
        signature: None,
    }
}

fn gaps(inventory: &Inventory) -> Option<Properties> {
    let gaps: Vec<_> = inventory
        .gaps
        .iter()
        .map(|gap| Property::new("palisade:gap", &format!("{}: {}", gap.source, gap.reason)))
        .collect();
    (!gaps.is_empty()).then_some(Properties(gaps))
}
