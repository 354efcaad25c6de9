//! Writing SPDX 2 JSON.

use std::collections::{BTreeMap, BTreeSet};

use palisade_types::Digest;
use serde_json::{Value, json};

use super::{DOCUMENT, element, parts, relationship};
use crate::formats::fields::{Object, set, set_list, set_object};
use crate::formats::prune::{Rules, prune};
use crate::model::{Bom, Family, LicenseName, Relationship, RelationshipKind, Spec};
use crate::schema::{NoSchema, Schema};

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

/// Writes the document as `version`, without fields that version does not know, and where those
/// were, as JSON pointers. It gets a namespace of its own if it has none: one made of the document,
/// so that equal documents have equal namespaces and others do not.
///
/// What SPDX demands and the document does not say, as the time it was made, is not made up: such a
/// document is not valid.
pub fn lowered(bom: &Bom, version: &str) -> Result<(Value, Vec<String>), NoSchema> {
    let schema = Schema::of(&Spec {
        family: Family::Spdx2,
        version: version.to_owned(),
    })?;
    let mut document = write(bom, version);
    // Elements with something missing stay; only what the version does not know goes.
    let rules = Rules {
        may_go: |_| false,
        instead: |_| None,
    };
    let removed = prune(&schema, &mut document, &rules);
    if document.get("documentNamespace").is_none() {
        let digest = Digest::sha256_of(document.to_string().as_bytes());
        let name = element::word(document["name"].as_str().unwrap_or_default());
        document["documentNamespace"] = json!(format!(
            "https://palisade.invalid/spdx/{name}-{}",
            &digest.hex()[..32]
        ));
    }
    Ok((document, removed))
}

/// Licences that are on no list, with the text they are known by (SPDX 2.3 §10).
fn extracted(bom: &Bom) -> Vec<Value> {
    let licenses = bom.components.iter().flat_map(|one| &one.licenses);
    let names = licenses.filter_map(|license| match &license.name {
        LicenseName::Name(name) => Some((parts::license_reference(name), name.as_str())),
        _ => None,
    });
    let extracted =
        |(id, name): (String, &str)| json!({"licenseId": id, "name": name, "extractedText": name});
    names
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .map(extracted)
        .collect()
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
    set(&mut to, "documentNamespace", bom.document.id.as_deref());
    let mut info = Object::new();
    set(&mut info, "created", bom.document.timestamp.as_deref());
    let creators = bom.document.authors.iter().map(parts::write_party);
    set_list(&mut info, "creators", creators.map(Value::from));
    set_object(&mut to, "creationInfo", info);
    set_list(&mut to, "hasExtractedLicensingInfos", extracted(bom));
    if is_spdx(bom) {
        let told: BTreeSet<_> = bom.relationships.iter().flat_map(|edge| &edge.to).collect();
        let untold = bom.subjects.iter().filter(|id| !told.contains(id));
        set_list(&mut to, "documentDescribes", untold.map(|id| json!(id)));
    }
    to
}
