//! The bill of materials of an image, from its inventory.

use palisade_types::{Algorithm, Digest, Leaf, PinnedRef, Timestamp};

use crate::inventory::{self, Inventory, Kind};
use crate::model::{
    Acknowledgement, Aggregate, Bom, Component, Composition, Document, Extra, Hash, License,
    LicenseName, Occurrence, Party, PartyKind, Property, Relationship, RelationshipKind, Scope,
};
use crate::purl::Purl;

/// The bill of materials of one platform of an image. The same input gives an equal document.
///
/// It has no serial number yet: that is made of the document it is written as.
pub fn describe(
    image: &PinnedRef,
    leaf: &Leaf,
    inventory: &Inventory,
    timestamp: Option<Timestamp>,
) -> Bom {
    let subject = subject(image, leaf);
    let id = subject.id.clone();
    let listed = inventory.components.iter();
    let listed = listed.map(|(reference, one)| component(reference, one));
    Bom {
        spec: None,
        document: Document {
            version: Some(1),
            timestamp: timestamp.map(|time| time.to_string()),
            authors: vec![Party {
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
                ..Party::named(PartyKind::Tool, "palisade-sbom")
            }],
            properties: gaps(inventory),
            ..Document::default()
        },
        subjects: vec![id.clone()],
        relationships: relationships(&id, inventory),
        compositions: compositions(&id, inventory),
        components: std::iter::once(subject).chain(listed).collect(),
        extra: Extra::default(),
    }
}

fn property(name: &str, value: impl Into<String>) -> Property {
    Property {
        name: name.to_owned(),
        value: value.into(),
    }
}

fn subject(image: &PinnedRef, leaf: &Leaf) -> Component {
    let purl = Purl::oci(image, &leaf.platform.architecture).to_string();
    let mut properties = vec![
        property("palisade:config", leaf.config.to_string()),
        property("palisade:hash-of", "manifest"),
        property("palisade:manifest", leaf.manifest.to_string()),
        property("palisade:platform", leaf.platform.to_string()),
    ];
    let layers = leaf.layers.iter();
    properties.extend(layers.map(|layer| property("palisade:layer", layer.to_string())));
    Component {
        id: purl.clone(),
        kind: "container".to_owned(),
        name: image.repository().to_string(),
        version: Some(image.digest().to_string()),
        purl: Some(purl),
        hashes: vec![hash(image.digest())],
        properties,
        ..Component::default()
    }
}

fn component(reference: &str, from: &inventory::Component) -> Component {
    let kind = match from.kind {
        Kind::Application => "application",
        Kind::Library => "library",
        Kind::OperatingSystem => "operating-system",
    };
    // As declared: names, never identifiers or expressions, since nobody has read the texts.
    let license = |name: &String| License {
        acknowledgement: Some(Acknowledgement::Declared),
        ..License::new(LicenseName::Name(name.clone()))
    };
    Component {
        id: reference.to_owned(),
        kind: kind.to_owned(),
        name: from.name.clone(),
        version: Some(from.version.clone()).filter(|version| !version.is_empty()),
        purl: from.purl.as_ref().map(ToString::to_string),
        licenses: from.licenses.iter().map(license).collect(),
        hashes: from.hash.iter().map(|one| hash(&one.digest)).collect(),
        // CycloneDX 1.7, `scope`: excluded components are "not reachable within a call graph at
        // runtime".
        scope: from.build_only.then_some(Scope::Excluded),
        occurrences: vec![Occurrence {
            location: from.place.path.clone(),
        }],
        properties: properties(from),
        ..Component::default()
    }
}

fn properties(from: &inventory::Component) -> Vec<Property> {
    let mut all = vec![
        property("palisade:layer", from.place.layer.to_string()),
        property("palisade:path", from.place.path.clone()),
    ];
    all.extend(
        from.hash
            .iter()
            .map(|hash| property("palisade:hash-of", hash.of)),
    );
    let known = from.properties.iter();
    all.extend(known.map(|(name, value)| property(name, value.clone())));
    all.sort();
    all
}

fn hash(digest: &Digest) -> Hash {
    let algorithm = match digest.algorithm() {
        Algorithm::Sha256 => "SHA-256",
        Algorithm::Sha512 => "SHA-512",
    };
    Hash {
        algorithm: algorithm.to_owned(),
        value: digest.hex().to_owned(),
    }
}

/// The image depends on what it has for its own sake.
fn relationships(image: &str, inventory: &Inventory) -> Vec<Relationship> {
    let top_level = inventory.components.iter().filter(|(_, one)| one.top_level);
    let top_level = top_level.map(|(reference, _)| reference.clone()).collect();
    let edge = |from: &str, to| Relationship::new(from, RelationshipKind::DependsOn, to);
    let others = inventory.depends_on.iter();
    let others = others.map(|(from, to)| edge(from, to.iter().cloned().collect()));
    std::iter::once(edge(image, top_level))
        .chain(others)
        .collect()
}

/// What is known of completeness: whether the image holds more than we can list is unknown, and
/// with a gap it is known to be incomplete.
fn compositions(image: &str, inventory: &Inventory) -> Vec<Composition> {
    let composition = |aggregate, assemblies, dependencies| Composition {
        aggregate,
        assemblies,
        dependencies,
        extra: Extra::default(),
    };
    let of_image = if inventory.gaps.is_empty() {
        Aggregate::Unknown
    } else {
        Aggregate::Incomplete
    };
    let mut all = vec![composition(of_image, vec![image.to_owned()], Vec::new())];
    for (complete, aggregate) in [(true, Aggregate::Complete), (false, Aggregate::Incomplete)] {
        let of_edges = inventory.components.iter();
        let of_edges = of_edges.filter(|(_, one)| one.edges_complete == complete);
        let ids: Vec<_> = of_edges.map(|(reference, _)| reference.clone()).collect();
        if !ids.is_empty() {
            all.push(composition(aggregate, Vec::new(), ids));
        }
    }
    all
}

fn gaps(inventory: &Inventory) -> Vec<Property> {
    let gaps = inventory.gaps.iter();
    gaps.map(|gap| property("palisade:gap", format!("{}: {}", gap.source, gap.reason)))
        .collect()
}
