//! What was found in an image: components, what they depend on, and what could not be read.

use std::collections::{BTreeMap, BTreeSet};

use palisade_types::{Digest, Gap};

use crate::purl::Purl;

/// The most components one inventory may hold.
pub const MAX_COMPONENTS: usize = 500_000;
/// The most dependency edges one inventory may hold.
pub const MAX_EDGES: usize = 5_000_000;

/// The most gaps that are listed one by one; enough to see what is wrong.
pub const MAX_GAPS: usize = 1_000;

/// What a component is (CycloneDX 1.5, `component.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A program.
    Application,
    /// A package that others use. Also what a package database does not tell apart.
    Library,
    /// The distribution.
    OperatingSystem,
}

/// A digest, and the bytes it is of: a file in the image and an archive elsewhere are not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentHash {
    /// The digest.
    pub digest: Digest,
    /// What was hashed: `file`, or `crate archive`.
    pub of: &'static str,
}

/// Where in the image a component was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file that names it, without a leading slash.
    pub path: String,
    /// The digest of the layer that holds this file.
    pub layer: Digest,
}

/// One component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// What it is.
    pub kind: Kind,
    /// Its name, as its own ecosystem writes it.
    pub name: String,
    /// Its version; empty when its ecosystem gives none.
    pub version: String,
    /// Its package URL.
    pub purl: Option<Purl>,
    /// Where it was seen.
    pub place: Place,
    /// The digest of its bytes, when they are at hand or recorded.
    pub hash: Option<ContentHash>,
    /// Licences as declared, in order, unjudged.
    pub licenses: Vec<String>,
    /// Used to build what is in the image, and not in it.
    pub build_only: bool,
    /// The image has it for its own sake, not only because another component needs it.
    pub top_level: bool,
    /// Whether everything it depends on was found.
    pub edges_complete: bool,
    /// What else is known, by property name.
    pub properties: BTreeMap<&'static str, String>,
}

impl Component {
    /// A component with nothing known but this.
    pub fn new(kind: Kind, name: &str, version: &str, place: Place) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            version: version.to_owned(),
            purl: None,
            place,
            hash: None,
            licenses: Vec::new(),
            build_only: false,
            top_level: false,
            edges_complete: true,
            properties: BTreeMap::new(),
        }
    }

    /// What tells this component from every other of the image: its package URL and its place.
    /// The place is hashed in, since equal packages at two paths are two components.
    pub fn reference(&self) -> String {
        let source = self
            .properties
            .get(property::SOURCE)
            .map_or("", String::as_str);
        let place = Digest::sha256_of(format!("{}\0{source}", self.place.path).as_bytes());
        let place = &place.hex()[..16];
        match &self.purl {
            Some(purl) => format!("{purl}#{place}"),
            None => format!("{}@{}#{place}", self.name, self.version),
        }
    }
}

/// The names of properties, for [`Component::properties`].
pub mod property {
    /// How the component was found: `package database`, `package folder`, `binary` or `lock file`.
    pub const FOUND_BY: &str = "palisade:found-by";
    /// Where a crate comes from: `crates.io`, `git`, `local`, `registry`.
    pub const SOURCE: &str = "palisade:source";
    /// The source package of a package of Debian or Alpine.
    pub const SOURCE_NAME: &str = "palisade:source-name";
    /// The version of that source package.
    pub const SOURCE_VERSION: &str = "palisade:source-version";
    /// The commit a program, or the distribution's packaging of it, was built from.
    pub const SOURCE_COMMIT: &str = "palisade:source-commit";
    /// The checksum of the package that its database recorded, as it is written there.
    pub const RECORDED_CHECKSUM: &str = "palisade:recorded-checksum";
    /// The program that installed a Python distribution, by its own word.
    pub const INSTALLER: &str = "palisade:installer";
    /// The Go module, `PATH@VERSION`, in whose place this one was built in.
    pub const REPLACES: &str = "palisade:replaces";
    /// dpkg's status, when it is anything but `install ok installed`.
    pub const STATUS: &str = "palisade:status";
}

/// What one ecosystem found. Edges are pairs of indices into `components`, user first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The components.
    pub components: Vec<Component>,
    /// What depends on what.
    pub edges: Vec<(usize, usize)>,
    /// What should have been readable and was not.
    pub gaps: Vec<Gap>,
}

impl Found {
    /// Notes that a file could not be read, or not all of it.
    pub fn gap(&mut self, path: &str, reason: impl Into<String>) {
        note(&mut self.gaps, path, reason.into());
    }
}

/// Adds a gap. The one after the last that is listed says so, and those behind it add nothing.
pub fn note(gaps: &mut Vec<Gap>, path: &str, reason: String) {
    if gaps.len() <= MAX_GAPS {
        let more = gaps.len() == MAX_GAPS;
        gaps.push(Gap {
            source: path.to_owned(),
            reason: if more {
                format!("and more: only {MAX_GAPS} are listed")
            } else {
                reason
            },
        });
    }
}

/// More components or edges than [`MAX_COMPONENTS`] or [`MAX_EDGES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the image holds more than the limit of {limit} {what}")]
pub struct TooMuch {
    /// `components` or `dependencies`.
    pub what: &'static str,
    /// The limit.
    pub limit: usize,
}

/// Everything found in one image, in a stable order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The components by [`Component::reference`].
    pub components: BTreeMap<String, Component>,
    /// The references each component depends on; one entry per component.
    pub depends_on: BTreeMap<String, BTreeSet<String>>,
    /// What could not be read, sorted, each once.
    pub gaps: Vec<Gap>,
    edges: usize,
}

impl Inventory {
    /// Takes in what an ecosystem found. The same component found twice is one.
    pub fn add(&mut self, found: Found) -> Result<(), TooMuch> {
        let references: Vec<String> = found.components.iter().map(Component::reference).collect();
        for (reference, component) in references.iter().zip(found.components) {
            self.depends_on.entry(reference.clone()).or_default();
            match self.components.get_mut(reference) {
                Some(known) => merge(known, &component),
                None => {
                    self.components.insert(reference.clone(), component);
                }
            }
        }
        for (from, to) in found.edges {
            let (from, to) = (&references[from], &references[to]);
            let needs = self.depends_on.entry(from.clone()).or_default();
            self.edges += usize::from(from != to && needs.insert(to.clone()));
        }
        self.add_gaps(found.gaps);
        check("components", self.components.len(), MAX_COMPONENTS)?;
        check("dependencies", self.edges, MAX_EDGES)
    }

    /// Takes in more that could not be read.
    pub fn add_gaps(&mut self, gaps: Vec<Gap>) {
        self.gaps.extend(gaps);
        self.gaps.sort();
        self.gaps.dedup();
    }

    /// How many dependency edges there are.
    pub const fn edges(&self) -> usize {
        self.edges
    }
}

fn merge(known: &mut Component, again: &Component) {
    known.build_only &= again.build_only;
    known.top_level |= again.top_level;
    known.edges_complete &= again.edges_complete;
}

const fn check(what: &'static str, count: usize, limit: usize) -> Result<(), TooMuch> {
    if count > limit {
        Err(TooMuch { what, limit })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(path: &str) -> Component {
        let place = Place {
            path: path.to_owned(),
            layer: Digest::sha256_of(b"layer"),
        };
        let mut component = Component::new(Kind::Library, "a", "1", place);
        component.purl = Some(Purl::cargo("a", "1", &[]));
        component
    }

    fn found(components: Vec<Component>, edges: Vec<(usize, usize)>) -> Found {
        Found {
            components,
            edges,
            gaps: Vec::new(),
        }
    }

    #[test]
    fn equal_packages_at_two_paths_are_two_and_at_one_path_are_one() {
        let mut inventory = Inventory::default();
        inventory
            .add(found(vec![component("x"), component("x")], vec![(0, 1)]))
            .expect("few");
        assert_eq!((inventory.components.len(), inventory.edges()), (1, 0));
        inventory
            .add(found(vec![component("x"), component("y")], vec![(0, 1)]))
            .expect("few");
        assert_eq!((inventory.components.len(), inventory.edges()), (2, 1));
    }

    #[test]
    fn what_anything_uses_at_run_time_is_not_build_only() {
        let mut inventory = Inventory::default();
        let mut build = component("x");
        build.build_only = true;
        inventory
            .add(found(vec![build.clone()], Vec::new()))
            .expect("few");
        assert!(
            inventory
                .components
                .values()
                .all(|component| component.build_only)
        );
        inventory
            .add(found(vec![component("x")], Vec::new()))
            .expect("few");
        assert!(
            inventory
                .components
                .values()
                .all(|component| !component.build_only)
        );
    }

    #[test]
    fn gaps_without_end_are_counted_as_one_more() {
        let mut found = Found::default();
        for line in 0..MAX_GAPS + 10 {
            found.gap("a", format!("line {line}"));
        }
        assert_eq!(found.gaps.len(), MAX_GAPS + 1);
        assert!(found.gaps[MAX_GAPS].reason.starts_with("and more"));
    }

    #[test]
    fn a_limit_is_kept_exactly() {
        assert_eq!(check("components", 5, 5), Ok(()));
        assert!(check("components", 6, 5).is_err());
    }
}
