//! Reading SPDX 2 JSON.

use palisade_types::json;
use serde_json::Value;

use super::{DOCUMENT, READ, element, parts, relationship, write};
use crate::formats::fields::{Object, list, object, objects, text, texts};
use crate::formats::{ReadError, bounded, utf8};
use crate::model::{Bom, Component, Extra, Family, RelationshipKind, Spec};

/// Reads an SPDX 2 document of any version of [`READ`]: UTF-8, or UTF-16 with a byte order mark.
///
/// Lenient: an unknown field, an unknown word and a value of the wrong type are kept, not refused.
/// The caller bounds the bytes; nesting, components and edges are bounded here.
pub fn read(bytes: &[u8]) -> Result<Bom, ReadError> {
    read_value(json::parse_strict(&utf8(bytes))?)
}

/// The same, from JSON.
pub(in crate::formats) fn read_value(from: Value) -> Result<Bom, ReadError> {
    let other = |why: &str| ReadError::Other {
        want: "SPDX 2",
        why: why.to_owned(),
    };
    let Value::Object(mut from) = from else {
        return Err(other("it is no object"));
    };
    let version = text(&from, "spdxVersion").ok_or_else(|| other("it has no `spdxVersion`"))?;
    if !READ.contains(&version.as_str()) {
        return Err(ReadError::Version {
            family: "SPDX 2",
            found: version,
            known: READ.join(", "),
        });
    }
    let mut bom = Bom {
        spec: Some(Spec {
            family: Family::Spdx2,
            version,
        }),
        ..Bom::default()
    };
    bom.document.id = text(&from, "documentNamespace");
    bom.document.name = text(&from, "name");
    elements(&mut from, "packages", element::package, &mut bom.components)?;
    elements(&mut from, "files", element::file, &mut bom.components)?;
    relationships(&mut from, &mut bom)?;
    bom.subjects = subjects(&from, &bom);
    if let Some(info) = object(&from, "creationInfo") {
        bom.document.timestamp = text(info, "created");
        let creators = texts(info, "creators");
        bom.document.authors = creators
            .iter()
            .filter_map(|line| parts::party(line))
            .collect();
    }
    bom.extra = Extra::remember(Family::Spdx2, from, write::top(&bom));
    Ok(bom)
}

/// Takes the elements of a list out of `from`, if all are what they should be.
fn elements(
    from: &mut Object,
    name: &str,
    read: fn(Object) -> Component,
    all: &mut Vec<Component>,
) -> Result<(), ReadError> {
    bounded(all.len() + list(from, name).len(), 0)?;
    if list(from, name).is_empty() || !list(from, name).iter().all(Value::is_object) {
        return Ok(());
    }
    if let Some(Value::Array(elements)) = from.remove(name) {
        for one in elements {
            if let Value::Object(one) = one {
                all.push(read(one));
            }
        }
    }
    Ok(())
}

fn relationships(from: &mut Object, bom: &mut Bom) -> Result<(), ReadError> {
    let listed = list(from, "relationships");
    bounded(0, listed.len())?;
    let read: Option<Vec<_>> = listed
        .iter()
        .map(|one| relationship::read(one.as_object()?))
        .collect();
    // One that is broken keeps all of them as they are, beside the graph made of the others.
    match read {
        Some(read) if !read.is_empty() => {
            from.remove("relationships");
            bom.relationships = read;
        }
        _ => {
            bom.relationships = objects(from, "relationships")
                .filter_map(relationship::read)
                .collect();
        }
    }
    Ok(())
}

/// What the document is about: `documentDescribes`, and relationships that say so.
fn subjects(from: &Object, bom: &Bom) -> Vec<String> {
    let mut subjects = texts(from, "documentDescribes");
    for edge in &bom.relationships {
        let describes = RelationshipKind::Other(relationship::DESCRIBES.to_owned());
        if edge.from == DOCUMENT && edge.kind == describes {
            let new = edge.to.iter().filter(|id| !subjects.contains(id));
            let new: Vec<_> = new.cloned().collect();
            subjects.extend(new);
        }
    }
    subjects
}
