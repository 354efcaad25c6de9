//! Components, nested ones included.

use serde_json::Value;

use super::parts;
use crate::formats::fields::{Object, object, objects, set, set_list, set_object, text};
use crate::formats::{ReadError, bounded};
use crate::model::{Component, Extra, Family, Occurrence, Scope};

/// Reads a component and those nested in it, and returns the index of the first.
///
/// A component without a reference gets one that no document can hold, so that the document can be
/// written again as it was.
pub(super) fn read(
    from: Object,
    parent: Option<usize>,
    all: &mut Vec<Component>,
) -> Result<usize, ReadError> {
    let index = all.len();
    bounded(index + 1, 0)?;
    let mut from = from;
    // Nested components are written from the list; only what is left of theirs is remembered.
    let nested = match from.remove("components") {
        Some(Value::Array(nested)) if nested.iter().all(Value::is_object) && !nested.is_empty() => {
            nested
        }
        Some(other) => {
            from.insert("components".to_owned(), other);
            Vec::new()
        }
        None => Vec::new(),
    };
    let mut component = known(&from, index);
    component.parent = parent;
    component.extra = Extra::remember(Family::CycloneDx, from, fields(&component));
    all.push(component);
    for one in nested {
        if let Value::Object(one) = one {
            read(one, Some(index), all)?;
        }
    }
    Ok(index)
}

/// Whether an id was made up for a component that has none.
fn is_made_up(id: &str) -> bool {
    id.starts_with('\0')
}

fn known(from: &Object, index: usize) -> Component {
    let entity = |name| object(from, name).map(parts::organization);
    Component {
        id: text(from, "bom-ref").unwrap_or_else(|| format!("\0{index}")),
        parent: None,
        kind: text(from, "type").unwrap_or_default(),
        group: text(from, "group"),
        name: text(from, "name").unwrap_or_default(),
        version: text(from, "version"),
        purl: text(from, "purl"),
        cpes: text(from, "cpe").into_iter().collect(),
        supplier: entity("supplier"),
        manufacturer: entity("manufacturer"),
        description: text(from, "description"),
        copyright: text(from, "copyright"),
        licenses: parts::licenses(from),
        hashes: parts::hashes(from),
        references: parts::references(from),
        scope: match text(from, "scope").as_deref() {
            Some("required") => Some(Scope::Required),
            Some("optional") => Some(Scope::Optional),
            Some("excluded") => Some(Scope::Excluded),
            _ => None,
        },
        occurrences: occurrences(from),
        properties: parts::properties(from),
        extra: Extra::default(),
    }
}

fn occurrences(from: &Object) -> Vec<Occurrence> {
    let Some(evidence) = object(from, "evidence") else {
        return Vec::new();
    };
    objects(evidence, "occurrences")
        .filter_map(|seen| text(seen, "location"))
        .map(|location| Occurrence { location })
        .collect()
}

/// The component as an object, with what its own document said besides.
pub(super) fn write(component: &Component) -> Object {
    let mut to = fields(component);
    component.extra.restore(Family::CycloneDx, &mut to);
    to
}

fn fields(component: &Component) -> Object {
    let mut to = Object::new();
    let is_known = |text: &&String| !text.is_empty();
    set(
        &mut to,
        "type",
        Some(&component.kind).filter(is_known).cloned(),
    );
    let reference = Some(&component.id).filter(|id| !is_made_up(id));
    set(&mut to, "bom-ref", reference.cloned());
    set(&mut to, "group", component.group.as_deref());
    set(&mut to, "name", Some(component.name.as_str()));
    set(&mut to, "version", component.version.as_deref());
    set(&mut to, "purl", component.purl.as_deref());
    set(&mut to, "cpe", component.cpes.first().map(String::as_str));
    for (name, party) in [
        ("supplier", &component.supplier),
        ("manufacturer", &component.manufacturer),
    ] {
        if let Some(party) = party {
            set_object(&mut to, name, parts::write_organization(party));
        }
    }
    set(&mut to, "description", component.description.as_deref());
    set(&mut to, "copyright", component.copyright.as_deref());
    parts::write_licenses(&mut to, &component.licenses);
    parts::write_hashes(&mut to, &component.hashes);
    parts::write_references(&mut to, &component.references);
    let scope = component.scope.map(|scope| match scope {
        Scope::Required => "required",
        Scope::Optional => "optional",
        Scope::Excluded => "excluded",
    });
    set(&mut to, "scope", scope);
    let mut evidence = Object::new();
    let seen = component.occurrences.iter().map(|seen| {
        let mut one = Object::new();
        set(&mut one, "location", Some(seen.location.as_str()));
        Value::Object(one)
    });
    set_list(&mut evidence, "occurrences", seen);
    set_object(&mut to, "evidence", evidence);
    parts::write_properties(&mut to, &component.properties);
    to
}
