//! Writing CycloneDX JSON.

use std::collections::HashMap;

use palisade_types::Digest;
use serde_json::{Value, json};

use super::{component, parts};
use crate::formats::fields::{Object, set, set_list, set_object};
use crate::model::{
    Aggregate, Bom, Component, Composition, Document, Family, Party, PartyKind, RelationshipKind,
    Spec,
};

/// Writes the document with this version of the specification. What was read as CycloneDX keeps
/// every field, known to the model or not; whether all of them exist in `version` is not judged.
pub fn write(bom: &Bom, version: &str) -> Value {
    let mut to = top(bom);
    bom.extra.restore(Family::CycloneDx, &mut to);
    set(&mut to, "specVersion", Some(version));
    let nested = Nested::of(&bom.components);
    let subject = subject(bom);
    let mut metadata = metadata(&bom.document);
    bom.document.extra.restore(Family::CycloneDx, &mut metadata);
    if let Some(index) = subject {
        let object = nested.object(&bom.components, index);
        metadata.insert("component".to_owned(), Value::Object(object));
    }
    if !metadata.is_empty() {
        // Also in the place of one that was empty.
        to.insert("metadata".to_owned(), Value::Object(metadata));
    }
    let components = nested.roots.iter().filter(|index| Some(**index) != subject);
    let components = components.map(|index| Value::Object(nested.object(&bom.components, *index)));
    set_list(&mut to, "components", components);
    Value::Object(to)
}

/// Writes the document as text, with a serial number.
pub fn document(bom: &Bom, version: &str) -> String {
    let document = numbered(write(bom, version));
    format!("{document:#}\n")
}

/// A document with a serial number of its own if it has none: a UUID made of the document (RFC 9562
/// §5.8, version 8), so that equal documents have equal numbers.
pub(in crate::formats) fn numbered(mut document: Value) -> Value {
    if document.get("serialNumber").is_none() {
        let digest = Digest::sha256_of(document.to_string().as_bytes());
        let hex = digest.hex();
        document["serialNumber"] = json!(format!(
            "urn:uuid:{}-{}-8{}-a{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[13..16],
            &hex[17..20],
            &hex[20..32]
        ));
    }
    document
}

/// The component that goes into the metadata: what the document is about, if it is one thing.
fn subject(bom: &Bom) -> Option<usize> {
    let [id] = bom.subjects.as_slice() else {
        return None;
    };
    let is_subject = |one: &Component| one.id == *id && one.parent.is_none();
    bom.components.iter().position(is_subject)
}

/// Which components are nested in which.
struct Nested {
    roots: Vec<usize>,
    children: HashMap<usize, Vec<usize>>,
}

impl Nested {
    fn of(components: &[Component]) -> Self {
        let mut nested = Self {
            roots: Vec::new(),
            children: HashMap::new(),
        };
        for (index, component) in components.iter().enumerate() {
            match component.parent {
                // A parent comes first, so that there is no circle.
                Some(parent) if parent < index => {
                    nested.children.entry(parent).or_default().push(index);
                }
                _ => nested.roots.push(index),
            }
        }
        nested
    }

    fn object(&self, all: &[Component], index: usize) -> Object {
        let mut object = component::write(&all[index]);
        let children = self.children.get(&index).into_iter().flatten();
        let children = children.map(|child| Value::Object(self.object(all, *child)));
        set_list(&mut object, "components", children);
        object
    }
}

/// Everything at the top but components and metadata.
pub(super) fn top(bom: &Bom) -> Object {
    let mut to = Object::new();
    set(&mut to, "bomFormat", Some("CycloneDX"));
    let spec = bom.spec.as_ref();
    let is_ours = |spec: &&Spec| spec.family == Family::CycloneDx;
    let version = spec.filter(is_ours).map(|spec| spec.version.as_str());
    set(&mut to, "specVersion", version);
    set(&mut to, "serialNumber", bom.document.id.as_deref());
    set(&mut to, "version", bom.document.version);
    parts::write_properties(&mut to, &bom.document.properties);
    set_list(&mut to, "dependencies", dependencies(bom));
    let compositions = bom.compositions.iter().map(|one| {
        let mut object = composition(one);
        one.extra.restore(Family::CycloneDx, &mut object);
        Value::Object(object)
    });
    set_list(&mut to, "compositions", compositions);
    to
}

/// One entry for each component, in the order in which the relationships name them.
fn dependencies(bom: &Bom) -> Vec<Value> {
    let mut entries: Vec<Object> = Vec::new();
    let mut index = HashMap::new();
    for edge in &bom.relationships {
        let field = match edge.kind {
            RelationshipKind::DependsOn => "dependsOn",
            RelationshipKind::Provides => "provides",
            RelationshipKind::Contains | RelationshipKind::Other(_) => continue,
        };
        let at = *index.entry(edge.from.as_str()).or_insert_with(|| {
            let mut entry = Object::new();
            set(&mut entry, "ref", Some(edge.from.as_str()));
            entries.push(entry);
            entries.len() - 1
        });
        if edge.to.is_empty() {
            continue;
        }
        let known = entries[at].entry(field).or_insert_with(|| json!([]));
        if let Value::Array(known) = known {
            known.extend(edge.to.iter().map(|id| Value::from(id.as_str())));
        }
    }
    entries.into_iter().map(Value::Object).collect()
}

pub(super) fn composition(composition: &Composition) -> Object {
    let mut to = Object::new();
    let aggregate = match &composition.aggregate {
        Aggregate::Complete => "complete",
        Aggregate::Incomplete => "incomplete",
        Aggregate::Unknown => "unknown",
        Aggregate::NotSpecified => "not_specified",
        Aggregate::Other(other) => other,
    };
    set(&mut to, "aggregate", Some(aggregate));
    let ids = |ids: &[String]| {
        ids.iter()
            .map(|id| Value::from(id.as_str()))
            .collect::<Vec<_>>()
    };
    set_list(&mut to, "assemblies", ids(&composition.assemblies));
    set_list(&mut to, "dependencies", ids(&composition.dependencies));
    to
}

pub(super) fn metadata(document: &Document) -> Object {
    let mut to = Object::new();
    set(&mut to, "timestamp", document.timestamp.as_deref());
    let of = |kind| {
        document
            .authors
            .iter()
            .filter(move |party| party.kind == kind)
    };
    let people = of(PartyKind::Person).map(|party| Value::Object(parts::write_person(party)));
    set_list(&mut to, "authors", people);
    if let Some(maker) = of(PartyKind::Organization).next() {
        set_object(&mut to, "manufacturer", parts::write_organization(maker));
    }
    let mut tools = Object::new();
    set_list(&mut tools, "components", of(PartyKind::Tool).map(tool));
    set_object(&mut to, "tools", tools);
    if let Some(supplier) = &document.supplier {
        set_object(&mut to, "supplier", parts::write_organization(supplier));
    }
    to
}

fn tool(party: &Party) -> Value {
    let mut to = Object::new();
    set(&mut to, "type", Some("application"));
    set(&mut to, "group", party.vendor.as_deref());
    set(&mut to, "name", party.name.as_deref());
    set(&mut to, "version", party.version.as_deref());
    Value::Object(to)
}
