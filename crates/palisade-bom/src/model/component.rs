//! One thing that is listed.

use super::{Extra, Party};

/// A note as name and value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Property {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// A digest of a component's bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash {
    /// The algorithm as CycloneDX spells it: `SHA-256`.
    pub algorithm: String,
    /// The digest in hexadecimal, as written.
    pub value: String,
}

/// Who says that a licence applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Acknowledgement {
    /// The authors of the component.
    Declared,
    /// Whoever made the document, from what they read.
    Concluded,
}

/// A licence, and how well it is named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LicenseName {
    /// An identifier of the SPDX licence list: `Apache-2.0`.
    Id(String),
    /// A name that is on no list.
    Name(String),
    /// An SPDX licence expression: `MIT OR Apache-2.0`.
    Expression(String),
    /// Nobody has looked (SPDX `NOASSERTION`).
    NoAssertion,
    /// There is none (SPDX `NONE`).
    None,
}

/// A licence of a component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct License {
    /// What it is called.
    pub name: LicenseName,
    /// Who says so.
    pub acknowledgement: Option<Acknowledgement>,
    /// Where its text is.
    pub url: Option<String>,
}

impl License {
    /// A licence of which only the name is known.
    pub fn new(name: LicenseName) -> Self {
        Self {
            name,
            acknowledgement: None,
            url: None,
        }
    }
}

/// Where more is to be found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExternalReference {
    /// What is there, as CycloneDX calls it: `website`, `vcs`.
    pub kind: String,
    /// Its address.
    pub url: String,
    /// What there is to say about it.
    pub comment: Option<String>,
    /// Digests of what is there.
    pub hashes: Vec<Hash>,
}

/// Whether a component is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// At run time.
    Required,
    /// Not always.
    Optional,
    /// Not at run time: for building or testing.
    Excluded,
}

/// A place where a component was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occurrence {
    /// The path.
    pub location: String,
}

/// One thing that is listed: a package, a file, an image, an operating system.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Component {
    /// What other parts of the document call it.
    pub id: String,
    /// The index of the component it is nested in.
    pub parent: Option<usize>,
    /// What it is, as CycloneDX calls it: `library`, `operating-system`. Empty when not said.
    pub kind: String,
    /// What comes before its name: a Maven group, an npm scope.
    pub group: Option<String>,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its package URL, as written.
    pub purl: Option<String>,
    /// Its CPE names, as written.
    pub cpes: Vec<String>,
    /// Who supplies it.
    pub supplier: Option<Party>,
    /// Who made it.
    pub manufacturer: Option<Party>,
    /// What it is for.
    pub description: Option<String>,
    /// Who holds the rights.
    pub copyright: Option<String>,
    /// Its licences.
    pub licenses: Vec<License>,
    /// Digests of its bytes.
    pub hashes: Vec<Hash>,
    /// Where more is to be found.
    pub references: Vec<ExternalReference>,
    /// Whether it is needed.
    pub scope: Option<Scope>,
    /// Where it was seen.
    pub occurrences: Vec<Occurrence>,
    /// Notes as name and value.
    pub properties: Vec<Property>,
    /// What else is said of it.
    pub extra: Extra,
}

impl Component {
    /// Its name and version as people write them: `name@1.2`, with the group in front.
    pub fn label(&self) -> String {
        let (mut text, mut end) = (String::new(), String::new());
        if let Some(group) = self.group.as_ref().filter(|group| !group.is_empty()) {
            text = format!("{group}/");
        }
        if let Some(version) = self.version.as_ref().filter(|version| !version.is_empty()) {
            end = format!("@{version}");
        }
        format!("{text}{}{end}", self.name)
    }
}
