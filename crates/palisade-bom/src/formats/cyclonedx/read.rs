//! Reading CycloneDX JSON.

use palisade_types::json;
use serde_json::Value;

use super::{READ, component, parts, write};
use crate::formats::fields::{Object, list, object, objects, text, texts};
use crate::formats::{ReadError, bounded, utf8};
use crate::model::{
    Aggregate, Bom, Component, Composition, Document, Extra, Family, Party, PartyKind,
    Relationship, RelationshipKind, Spec,
};

/// Reads a CycloneDX document of any version of [`READ`].
///
/// Lenient: an unknown field, an unknown word and a value of the wrong type are kept, not refused.
/// The caller bounds the bytes; nesting, components and edges are bounded here.
pub fn read(bytes: &[u8]) -> Result<Bom, ReadError> {
    read_value(json::parse_strict(&utf8(bytes))?)
}

/// The same, from JSON.
pub(in crate::formats) fn read_value(from: Value) -> Result<Bom, ReadError> {
    let other = |why: &str| ReadError::Other {
        want: "CycloneDX",
        why: why.to_owned(),
    };
    let Value::Object(mut from) = from else {
        return Err(other("it is no object"));
    };
    if text(&from, "bomFormat").as_deref() != Some("CycloneDX") {
        return Err(other("its `bomFormat` is not `CycloneDX`"));
    }
    let version = text(&from, "specVersion").ok_or_else(|| other("it has no `specVersion`"))?;
    if !READ.contains(&version.as_str()) {
        return Err(ReadError::Version {
            family: "CycloneDX",
            found: version,
            known: READ.join(", "),
        });
    }
    let mut bom = Bom {
        spec: Some(Spec {
            family: Family::CycloneDx,
            version,
        }),
        ..Bom::default()
    };
    bom.document.id = text(&from, "serialNumber");
    bom.document.version = from.get("version").and_then(Value::as_u64);
    bom.document.properties = parts::properties(&from);
    // One that is empty is kept as it is.
    if object(&from, "metadata").is_some_and(|metadata| !metadata.is_empty())
        && let Some(Value::Object(metadata)) = from.remove("metadata")
    {
        read_metadata(metadata, &mut bom)?;
    }
    read_components(&mut from, &mut bom.components)?;
    bom.relationships = relationships(&from)?;
    bom.compositions = compositions(&from);
    bom.extra = Extra::remember(Family::CycloneDx, from, write::top(&bom));
    Ok(bom)
}

/// Takes the components out of `from`, if they are what they should be.
fn read_components(from: &mut Object, all: &mut Vec<Component>) -> Result<(), ReadError> {
    let is_list = list(from, "components").iter().all(Value::is_object);
    if !is_list || list(from, "components").is_empty() {
        return Ok(());
    }
    if let Some(Value::Array(components)) = from.remove("components") {
        for one in components {
            if let Value::Object(one) = one {
                component::read(one, None, all)?;
            }
        }
    }
    Ok(())
}

fn read_metadata(mut from: Object, bom: &mut Bom) -> Result<(), ReadError> {
    if let Some(Value::Object(_)) = from.get("component")
        && let Some(Value::Object(subject)) = from.remove("component")
    {
        let index = component::read(subject, None, &mut bom.components)?;
        bom.subjects = vec![bom.components[index].id.clone()];
    }
    let people = objects(&from, "authors").map(parts::person);
    let organization = object(&from, "manufacturer").map(parts::organization);
    bom.document = Document {
        timestamp: text(&from, "timestamp"),
        authors: people.chain(organization).chain(tools(&from)).collect(),
        supplier: object(&from, "supplier").map(parts::organization),
        ..std::mem::take(&mut bom.document)
    };
    bom.document.extra = Extra::remember(Family::CycloneDx, from, write::metadata(&bom.document));
    Ok(())
}

/// Tools are a list in 1.4 and before, and components since 1.5.
fn tools(metadata: &Object) -> Vec<Party> {
    let tool = |tool: &Object| Party {
        name: text(tool, "name"),
        version: text(tool, "version"),
        vendor: text(tool, "vendor").or_else(|| text(tool, "group")),
        ..Party::named(PartyKind::Tool, "")
    };
    match object(metadata, "tools") {
        Some(tools) => objects(tools, "components").map(tool).collect(),
        None => objects(metadata, "tools").map(tool).collect(),
    }
}

fn relationships(from: &Object) -> Result<Vec<Relationship>, ReadError> {
    let mut all = Vec::new();
    let mut edges = 0;
    for dependency in objects(from, "dependencies") {
        let Some(user) = text(dependency, "ref") else {
            continue;
        };
        let provided = texts(dependency, "provides");
        let needed = texts(dependency, "dependsOn");
        edges += needed.len() + provided.len() + 1;
        bounded(0, edges)?;
        if !needed.is_empty() || provided.is_empty() {
            all.push(Relationship::new(
                user.clone(),
                RelationshipKind::DependsOn,
                needed,
            ));
        }
        if !provided.is_empty() {
            all.push(Relationship::new(
                user,
                RelationshipKind::Provides,
                provided,
            ));
        }
    }
    Ok(all)
}

fn compositions(from: &Object) -> Vec<Composition> {
    let read = |one: &Object| {
        let mut composition = Composition {
            aggregate: match text(one, "aggregate")?.as_str() {
                "complete" => Aggregate::Complete,
                "incomplete" => Aggregate::Incomplete,
                "unknown" => Aggregate::Unknown,
                "not_specified" => Aggregate::NotSpecified,
                other => Aggregate::Other(other.to_owned()),
            },
            assemblies: texts(one, "assemblies"),
            dependencies: texts(one, "dependencies"),
            extra: Extra::default(),
        };
        composition.extra = Extra::remember(
            Family::CycloneDx,
            one.clone(),
            write::composition(&composition),
        );
        Some(composition)
    };
    objects(from, "compositions").filter_map(read).collect()
}
