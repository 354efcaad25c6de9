//! People, organisations and tools.

/// What a party is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartyKind {
    /// A person.
    Person,
    /// An organisation.
    Organization,
    /// A program.
    Tool,
}

/// A person, an organisation or a tool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Party {
    /// What it is.
    pub kind: PartyKind,
    /// Its name.
    pub name: Option<String>,
    /// A tool's version.
    pub version: Option<String>,
    /// A tool's maker.
    pub vendor: Option<String>,
    /// Where mail reaches it.
    pub email: Option<String>,
    /// Where to read about it.
    pub url: Option<String>,
}

impl Party {
    /// A party of which only the name is known.
    pub fn named(kind: PartyKind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: Some(name.into()),
            version: None,
            vendor: None,
            email: None,
            url: None,
        }
    }
}
