//! From one family of formats to another, with a list of what is lost on the way.

use std::collections::{BTreeSet, HashMap, HashSet};

use palisade_types::Digest;

use crate::formats::spdx2::word;
use crate::model::{
    Acknowledgement, Bom, Component, Extra, Family, License, LicenseName, Party, Relationship,
    RelationshipKind,
};

/// Something that the target family has no place for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// What it was said of: a component's name and version, or the document.
    pub of: String,
    /// The field, as the model or the document it was read from calls it.
    pub field: String,
    /// Whether only a part of the field is lost.
    pub partly: bool,
}

/// A document made ready for another family.
#[derive(Clone, Debug, PartialEq)]
pub struct Converted {
    /// The document; a writer of the family it was converted to takes it.
    pub bom: Bom,
    /// What is lost, ordered, each once.
    pub losses: Vec<Loss>,
}

/// Makes a document ready to be written as `target`. Within one family nothing changes.
pub fn convert(bom: Bom, target: Family) -> Converted {
    let from = bom.spec.as_ref().map(|spec| spec.family);
    if from == Some(target) || (from.is_none() && target == Family::CycloneDx) {
        return Converted {
            bom,
            losses: Vec::new(),
        };
    }
    let mut losses = Losses::default();
    losses.of_extras(&bom, target);
    let bom = match target {
        Family::CycloneDx => to_cyclonedx(bom, &mut losses),
        Family::Spdx2 | Family::Spdx3 => to_spdx(bom, &mut losses),
    };
    Converted {
        bom,
        losses: losses.0.into_iter().collect(),
    }
}

#[derive(Default)]
struct Losses(BTreeSet<Loss>);

impl Losses {
    fn add(&mut self, of: &str, field: &str) {
        self.0.insert(Loss {
            of: of.to_owned(),
            field: field.to_owned(),
            partly: false,
        });
    }

    fn of_extra(&mut self, of: &str, prefix: &str, extra: &Extra, target: Family) {
        for (field, whole) in extra.lost(target) {
            self.0.insert(Loss {
                of: of.to_owned(),
                field: format!("{prefix}{field}"),
                partly: !whole,
            });
        }
    }

    /// What the model has no word for.
    fn of_extras(&mut self, bom: &Bom, target: Family) {
        self.of_extra("document", "", &bom.extra, target);
        self.of_extra("document", "metadata.", &bom.document.extra, target);
        for component in &bom.components {
            self.of_extra(&component.label(), "", &component.extra, target);
        }
        for edge in &bom.relationships {
            self.of_extra(&edge.from, "relationship.", &edge.extra, target);
        }
        for composition in &bom.compositions {
            self.of_extra("document", "compositions.", &composition.extra, target);
        }
    }
}

/// The types of components CycloneDX 1.7 has.
const CYCLONEDX_TYPES: &[&str] = &[
    "application",
    "container",
    "cryptographic-asset",
    "data",
    "device",
    "device-driver",
    "file",
    "firmware",
    "framework",
    "library",
    "machine-learning-model",
    "operating-system",
    "platform",
];

/// The types of external references CycloneDX 1.7 has.
const CYCLONEDX_REFERENCES: &[&str] = &[
    "adversary-model",
    "advisories",
    "attestation",
    "bom",
    "build-meta",
    "build-system",
    "certification-report",
    "chat",
    "citation",
    "codified-infrastructure",
    "component-analysis-report",
    "configuration",
    "digital-signature",
    "distribution",
    "distribution-intake",
    "documentation",
    "dynamic-analysis-report",
    "electronic-signature",
    "evidence",
    "exploitability-statement",
    "formulation",
    "issue-tracker",
    "license",
    "log",
    "mailing-list",
    "maturity-report",
    "model-card",
    "other",
    "patent",
    "patent-assertion",
    "patent-family",
    "pentest-report",
    "poam",
    "quality-metrics",
    "release-notes",
    "rfc-9116",
    "risk-assessment",
    "runtime-analysis-report",
    "security-contact",
    "social",
    "source-distribution",
    "static-analysis-report",
    "support",
    "threat-model",
    "vcs",
    "vulnerability-assertion",
    "website",
];

fn to_cyclonedx(mut bom: Bom, losses: &mut Losses) -> Bom {
    for component in &mut bom.components {
        let label = component.label();
        if !CYCLONEDX_TYPES.contains(&component.kind.as_str()) {
            if !component.kind.is_empty() {
                losses.add(&label, "purpose");
            }
            "library".clone_into(&mut component.kind);
        }
        for reference in &mut component.references {
            if !CYCLONEDX_REFERENCES.contains(&reference.kind.as_str()) {
                let kind = std::mem::replace(&mut reference.kind, "other".to_owned());
                if reference.comment.is_some() {
                    losses.add(&label, &format!("that a reference is a `{kind}`"));
                }
                reference.comment.get_or_insert(kind);
            }
        }
        if component.cpes.len() > 1 {
            losses.add(&label, "cpe: all but the first");
        }
        let said = component.licenses.len();
        component.licenses.retain(|license| {
            !matches!(license.name, LicenseName::NoAssertion | LicenseName::None)
        });
        if component.licenses.len() < said {
            losses.add(&label, "licence that is NONE or NOASSERTION");
        }
    }
    if bom.subjects.len() > 1 {
        losses.add("document", "what it is about: several things");
    }
    bom.document.version.get_or_insert(1);
    if bom.document.name.take().is_some() {
        losses.add("document", "name");
    }
    // It is another document now, with an id of its own: a namespace is no serial number.
    bom.document.id = bom.document.id.filter(|id| id.starts_with("urn:uuid:"));
    let known: HashSet<String> = bom.components.iter().map(|one| one.id.clone()).collect();
    if bom.subjects.iter().any(|id| !known.contains(id)) {
        losses.add("document", "what it is about: nothing that it lists");
    }
    let edges = std::mem::take(&mut bom.relationships).into_iter();
    let edges = edges.flat_map(|edge| to_dependencies(edge, &bom.subjects, losses));
    bom.relationships = merged(edges.collect(), &known, losses);
    bom
}

/// One list of each kind for each component, in which every end is named once and is listed.
fn merged(
    edges: Vec<Relationship>,
    known: &HashSet<String>,
    losses: &mut Losses,
) -> Vec<Relationship> {
    let mut all: Vec<Relationship> = Vec::new();
    let mut index = HashMap::new();
    let mut told = HashSet::new();
    for edge in edges {
        let unknown = |id: &&String| !known.contains(*id);
        for id in edge.to.iter().chain([&edge.from]).filter(unknown) {
            losses.add(
                &edge.from,
                &format!("relationship with `{id}`, which is not listed"),
            );
        }
        if !known.contains(&edge.from) {
            continue;
        }
        let at = *index
            .entry((edge.from.clone(), edge.kind.clone()))
            .or_insert_with(|| {
                all.push(Relationship::new(
                    edge.from.clone(),
                    edge.kind.clone(),
                    Vec::new(),
                ));
                all.len() - 1
            });
        let to = edge.to.into_iter().filter(|id| known.contains(id));
        all[at]
            .to
            .extend(to.filter(|id| told.insert((at, id.clone()))));
    }
    all
}

/// The relation as one that CycloneDX has.
fn to_dependencies(
    edge: Relationship,
    subjects: &[String],
    losses: &mut Losses,
) -> Vec<Relationship> {
    let depends = |from: String, to| Relationship::new(from, RelationshipKind::DependsOn, to);
    match &edge.kind {
        RelationshipKind::DependsOn | RelationshipKind::Provides => vec![edge],
        // What the subject holds is what it depends on first.
        RelationshipKind::Contains if subjects.contains(&edge.from) => {
            vec![depends(edge.from, edge.to)]
        }
        RelationshipKind::Other(kind) if kind == "DESCRIBES" => Vec::new(),
        RelationshipKind::Other(kind) if kind == "DEPENDENCY_OF" => {
            let used = edge.from;
            let users = edge.to.into_iter();
            users
                .map(|user| depends(user, vec![used.clone()]))
                .collect()
        }
        RelationshipKind::Contains => {
            losses.add(&edge.from, "relationship CONTAINS");
            Vec::new()
        }
        RelationshipKind::Other(kind) => {
            losses.add(&edge.from, &format!("relationship {kind}"));
            Vec::new()
        }
    }
}

fn to_spdx(mut bom: Bom, losses: &mut Losses) -> Bom {
    nested_to_edges(&mut bom);
    for edge in &bom.relationships {
        if edge.kind == RelationshipKind::Provides {
            losses.add(&edge.from, "provides");
        }
    }
    rename(&mut bom);
    for component in &mut bom.components {
        component_to_spdx(component, losses);
    }
    document_to_spdx(&mut bom, losses);
    bom
}

fn document_to_spdx(bom: &mut Bom, losses: &mut Losses) {
    if !bom.compositions.is_empty() {
        losses.add("document", "compositions");
        bom.compositions.clear();
    }
    if !bom.document.properties.is_empty() {
        losses.add("document", "properties");
    }
    if bom.document.version.is_some_and(|version| version > 1) {
        losses.add("document", "version");
    }
    // It is another document now, with an id of its own: a serial number is no namespace.
    bom.document.id = bom.document.id.take().filter(|id| !id.starts_with("urn:"));
    if bom.document.supplier.is_some() {
        losses.add("document", "supplier");
    }
    for author in &bom.document.authors {
        if author.url.is_some() {
            losses.add("document", "authors.url");
        }
        if author.vendor.is_some() {
            losses.add("document", "tools.vendor");
        }
    }
}

fn component_to_spdx(component: &mut Component, losses: &mut Losses) {
    let label = component.label();
    let mut lost = |is: bool, field| {
        if is {
            losses.add(&label, field);
        }
    };
    lost(!component.properties.is_empty(), "properties");
    lost(component.scope.is_some(), "scope");
    lost(!component.occurrences.is_empty(), "evidence.occurrences");
    let has_url = |party: &Option<Party>| party.as_ref().is_some_and(|one| one.url.is_some());
    lost(has_url(&component.supplier), "supplier.url");
    lost(has_url(&component.manufacturer), "manufacturer.url");
    let urls = component.licenses.iter().any(|one| one.url.is_some());
    lost(urls, "licenses.url");
    let hashed = component
        .references
        .iter()
        .any(|one| !one.hashes.is_empty());
    lost(hashed, "externalReferences.hashes");
    let by = |by| {
        let said = component.licenses.iter();
        let said = said.map(|one| one.acknowledgement.unwrap_or(Acknowledgement::Declared));
        said.filter(|said| *said == by).count()
    };
    let several = by(Acknowledgement::Declared) > 1 || by(Acknowledgement::Concluded) > 1;
    lost(several, "that licences are several: they are joined by AND");
    if component.kind == "file" && !fits_a_file(component) {
        component.kind.clear();
        lost(
            true,
            "type `file`, since SPDX has no place for the rest in one",
        );
    }
}

/// Whether an SPDX file has a place for all that is said of a component: it has digests, and of
/// licences only what was concluded.
fn fits_a_file(component: &Component) -> bool {
    let known = Component {
        id: component.id.clone(),
        kind: component.kind.clone(),
        name: component.name.clone(),
        copyright: component.copyright.clone(),
        hashes: component.hashes.clone(),
        licenses: component.licenses.clone(),
        // Listed as lost already, or of another family.
        properties: component.properties.clone(),
        occurrences: component.occurrences.clone(),
        scope: component.scope,
        extra: component.extra.clone(),
        ..Component::default()
    };
    let concluded = |one: &License| one.acknowledgement == Some(Acknowledgement::Concluded);
    !component.hashes.is_empty() && component.licenses.iter().all(concluded) && *component == known
}

/// What is nested is contained.
fn nested_to_edges(bom: &mut Bom) {
    let ids: Vec<_> = bom.components.iter().map(|one| one.id.clone()).collect();
    for component in &mut bom.components {
        if let Some(parent) = component.parent.take().and_then(|index| ids.get(index)) {
            let to = vec![component.id.clone()];
            let edge = Relationship::new(parent.clone(), RelationshipKind::Contains, to);
            bom.relationships.push(edge);
        }
    }
}

/// Gives everything an id as SPDX spells them: `SPDXRef-` with letters, digits, `.` and `-`, made of
/// the old id, so that equal documents have equal ids.
fn rename(bom: &mut Bom) {
    let mut names = HashMap::new();
    for component in &mut bom.components {
        let digest = Digest::sha256_of(component.id.as_bytes());
        let name: String = component.name.chars().take(64).collect();
        let id = format!("SPDXRef-{}-{}", word(&name), &digest.hex()[..16]);
        names.insert(std::mem::replace(&mut component.id, id.clone()), id);
    }
    let renamed = |id: &mut String| {
        if let Some(name) = names.get(id) {
            id.clone_from(name);
        }
    };
    bom.subjects.iter_mut().for_each(renamed);
    for edge in &mut bom.relationships {
        renamed(&mut edge.from);
        edge.to.iter_mut().for_each(renamed);
    }
}
