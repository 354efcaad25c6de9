//! A bill of materials as a graph, whatever format it was written in.
//!
//! Formats are codecs to this model. What a format says and the model has no word for is kept
//! beside the part it belongs to ([`Extra`]), so that reading and writing the same format loses
//! nothing, and converting can list what it loses.

mod component;
mod extra;
mod graph;
mod party;

pub use component::{
    Acknowledgement, Component, ExternalReference, Hash, License, LicenseName, Occurrence,
    Property, Scope,
};
pub use extra::{Extra, Family};
pub use graph::{Aggregate, Composition, Relationship, RelationshipKind};
pub use party::{Party, PartyKind};

/// The most components one document may hold, nested ones included.
pub const MAX_COMPONENTS: usize = 1_000_000;
/// The most ends of relationships one document may hold.
pub const MAX_EDGES: usize = 10_000_000;

/// A specification and its version: what a document was read from, or is to be written as.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spec {
    /// The family.
    pub family: Family,
    /// Its version as the document spells it: `1.7`, `SPDX-2.3`, `3.0.1`.
    pub version: String,
}

/// One bill of materials.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bom {
    /// What it was read from; `None` when it was made here.
    pub spec: Option<Spec>,
    /// What the document says of itself.
    pub document: Document,
    /// The ids of what the document is about.
    pub subjects: Vec<String>,
    /// Everything listed, what it is about included, in the document's order. A nested component
    /// comes after the one it is nested in.
    pub components: Vec<Component>,
    /// What stands in which relation to what.
    pub relationships: Vec<Relationship>,
    /// How complete the lists are said to be.
    pub compositions: Vec<Composition>,
    /// What else the document holds at its top.
    pub extra: Extra,
}

/// What a document says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Its unique address: the serial number (CycloneDX) or namespace (SPDX).
    pub id: Option<String>,
    /// Its name (SPDX).
    pub name: Option<String>,
    /// Its revision (CycloneDX `version`).
    pub version: Option<u64>,
    /// When it was made, as written (RFC 3339).
    pub timestamp: Option<String>,
    /// Who made it: people, organisations and tools.
    pub authors: Vec<Party>,
    /// Who supplies what it is about.
    pub supplier: Option<Party>,
    /// Notes as name and value.
    pub properties: Vec<Property>,
    /// What else is said there.
    pub extra: Extra,
}

impl Bom {
    /// The component of this id; the first, if a document repeats one.
    pub fn component(&self, id: &str) -> Option<&Component> {
        self.components.iter().find(|component| component.id == id)
    }
}
