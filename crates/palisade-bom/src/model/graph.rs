//! Edges of the graph, and how complete they are.

use super::Extra;

/// In what relation one component stands to others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelationshipKind {
    /// It needs them (CycloneDX `dependsOn`, SPDX `DEPENDS_ON`).
    DependsOn,
    /// They are parts of it (SPDX `CONTAINS`).
    Contains,
    /// It implements them (CycloneDX 1.6 `provides`).
    Provides,
    /// Another relation, by the name its own format gives it.
    Other(String),
}

/// One component's relation to others. Without others it says that there are none.
#[derive(Clone, Debug, PartialEq)]
pub struct Relationship {
    /// The id of the component.
    pub from: String,
    /// The relation.
    pub kind: RelationshipKind,
    /// The ids of the others. An id may name something outside the document.
    pub to: Vec<String>,
    /// What else is said of it.
    pub extra: Extra,
}

impl Relationship {
    /// A relation of which nothing else is known.
    pub fn new(from: impl Into<String>, kind: RelationshipKind, to: Vec<String>) -> Self {
        Self {
            from: from.into(),
            kind,
            to,
            extra: Extra::default(),
        }
    }
}

/// How complete a list is said to be (CycloneDX `compositions.aggregate`, SPDX 3 `completeness`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aggregate {
    /// Everything is listed.
    Complete,
    /// Something is known to be missing.
    Incomplete,
    /// Nobody knows.
    Unknown,
    /// Nothing is said about it (CycloneDX `not_specified`, SPDX `NOASSERTION`).
    NotSpecified,
    /// A finer word of CycloneDX: `incomplete_first_party_only`.
    Other(String),
}

/// How complete the parts and dependencies of some components are.
#[derive(Clone, Debug, PartialEq)]
pub struct Composition {
    /// How complete.
    pub aggregate: Aggregate,
    /// The components whose parts it is about.
    pub assemblies: Vec<String>,
    /// The components whose dependencies it is about.
    pub dependencies: Vec<String>,
    /// What else is said.
    pub extra: Extra,
}
