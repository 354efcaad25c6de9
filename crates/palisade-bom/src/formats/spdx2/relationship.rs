//! Relationships (SPDX 2.3 §11).

use super::NONE;
use crate::formats::fields::{Object, set, text};
use crate::model::{Extra, Family, Relationship, RelationshipKind};

/// What says that an element is what the document is about.
pub(super) const DESCRIBES: &str = "DESCRIBES";

/// Reads one relationship; `None` when an end or the type is missing.
pub(super) fn read(from: &Object) -> Option<Relationship> {
    let kind = match text(from, "relationshipType")?.as_str() {
        "DEPENDS_ON" => RelationshipKind::DependsOn,
        "CONTAINS" => RelationshipKind::Contains,
        other => RelationshipKind::Other(other.to_owned()),
    };
    let to = match text(from, "relatedSpdxElement")? {
        none if none == NONE => Vec::new(),
        id => vec![id],
    };
    let mut relationship = Relationship::new(text(from, "spdxElementId")?, kind, to);
    let mut ours = write(&relationship);
    let ours = ours.pop().unwrap_or_default();
    relationship.extra = Extra::remember(Family::Spdx2, from.clone(), ours);
    Some(relationship)
}

/// One object for each end.
pub(super) fn write(relationship: &Relationship) -> Vec<Object> {
    let kind = match &relationship.kind {
        RelationshipKind::DependsOn => "DEPENDS_ON",
        RelationshipKind::Contains => "CONTAINS",
        RelationshipKind::Provides => "OTHER",
        RelationshipKind::Other(other) => other,
    };
    let one = |to: &str| {
        let mut object = Object::new();
        set(
            &mut object,
            "spdxElementId",
            Some(relationship.from.as_str()),
        );
        set(&mut object, "relationshipType", Some(kind));
        set(&mut object, "relatedSpdxElement", Some(to));
        relationship.extra.restore(Family::Spdx2, &mut object);
        object
    };
    if relationship.to.is_empty() {
        return vec![one(NONE)];
    }
    relationship.to.iter().map(|to| one(to)).collect()
}
