//! Writing SPDX 2 JSON.

use std::collections::BTreeSet;

use palisade_types::Digest;
use serde_json::{Value, json};

use super::{DOCUMENT, element, parts, relationship};
use crate::formats::fields::{Object, set, set_list, set_object};
use crate::model::{Bom, Family, Relationship, RelationshipKind};

/// Writes the document with this version of the specification. What was read as SPDX 2 keeps every
/// field, known to the model or not.
pub fn write(bom: &Bom, version: &str) -> Value {
    let mut to = top(bom);
    bom.extra.restore(Family::Spdx2, &mut to);
    set(&mut to, "spdxVersion", Some(version));
    let of = |is_file: bool| {
        let elements = bom.components.iter();
        let elements = elements.filter(move |one| (one.kind == element::FILE) == is_file);
        elements.map(|one| Value::Object(element::write(one)))
    };
    set_list(&mut to, "packages", of(false));
    set_list(&mut to, "files", of(true));
    if to.get("relationships").is_none() {
        let described = described(bom);
        let edges = described.iter().chain(&bom.relationships);
        let edges = edges.flat_map(relationship::write).map(Value::Object);
        set_list(&mut to, "relationships", edges);
    }
    Value::Object(to)
}

/// Writes the document as text, with a namespace of its own if it has none: one made of the
/// document, so that equal documents have equal namespaces and others do not.
pub fn document(bom: &Bom, version: &str) -> String {
    let mut value = write(bom, version);
    if value.get("documentNamespace").is_none() {
        let digest = Digest::sha256_of(value.to_string().as_bytes());
        let name = element::word(value["name"].as_str().unwrap_or_default());
        value["documentNamespace"] = json!(format!(
            "https://palisade.invalid/spdx/{name}-{}",
            &digest.hex()[..32]
        ));
    }
    format!("{value:#}\n")
}

fn is_spdx(bom: &Bom) -> bool {
    bom.spec
        .as_ref()
        .is_some_and(|spec| spec.family == Family::Spdx2)
}

/// What says what the document is about, when it was no SPDX document before.
fn described(bom: &Bom) -> Vec<Relationship> {
    let subjects = bom.subjects.iter().filter(|_| !is_spdx(bom));
    let kind = || RelationshipKind::Other(relationship::DESCRIBES.to_owned());
    subjects
        .map(|id| Relationship::new(DOCUMENT, kind(), vec![id.clone()]))
        .collect()
}

/// Everything at the top but packages, files and relationships.
pub(super) fn top(bom: &Bom) -> Object {
    let mut to = Object::new();
    let version = bom
        .spec
        .as_ref()
        .filter(|spec| spec.family == Family::Spdx2);
    set(
        &mut to,
        "spdxVersion",
        version.map(|spec| spec.version.as_str()),
    );
    set(&mut to, "SPDXID", Some(DOCUMENT));
    set(&mut to, "dataLicense", Some("CC0-1.0"));
    let subject = bom.subjects.first().and_then(|id| bom.component(id));
    let name = bom.document.name.clone();
    let name = name.or_else(|| subject.map(|one| one.name.clone()));
    set(
        &mut to,
        "name",
        Some(name.unwrap_or_else(|| "document".to_owned())),
    );
    let namespace = bom.document.id.as_deref();
    set(
        &mut to,
        "documentNamespace",
        namespace.filter(|id| !id.starts_with("urn:uuid:")),
    );
    let mut info = Object::new();
    set(&mut info, "created", bom.document.timestamp.as_deref());
    let creators = bom.document.authors.iter().map(parts::write_party);
    set_list(&mut info, "creators", creators.map(Value::from));
    set_object(&mut to, "creationInfo", info);
    if is_spdx(bom) {
        let told: BTreeSet<_> = bom.relationships.iter().flat_map(|edge| &edge.to).collect();
        let untold = bom.subjects.iter().filter(|id| !told.contains(id));
        set_list(&mut to, "documentDescribes", untold.map(|id| json!(id)));
    }
    to
}
