//! What the packages of one database depend on: who has the names that each needs.

use std::collections::HashMap;

use palisade_bom::inventory::MAX_EDGES;

/// A package as its database has it.
pub(super) trait Installed<'a> {
    /// The names that a dependency on this package may use.
    fn names(&self) -> impl Iterator<Item = &'a str>;

    /// What it needs: for each need, the names that satisfy it.
    fn needs(&self) -> impl Iterator<Item = impl Iterator<Item = &'a str>>;

    /// Whether a package that has the name satisfies a need of this one.
    fn can_use(&self, _other: &Self) -> bool {
        true
    }
}

/// What the packages depend on.
pub(super) struct Edges {
    /// Pairs of indices, user first.
    pub(super) pairs: Vec<(usize, usize)>,
    /// For each package, whether all that it needs is installed.
    pub(super) complete: Vec<bool>,
    /// Whether the limit was reached before the end.
    pub(super) cut: bool,
}

/// The edges between packages. Of alternatives, each installed one is used. Versions are not
/// compared: the package manager did, to install.
pub(super) fn resolve<'a, P: Installed<'a>>(packages: &[P]) -> Edges {
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, package) in packages.iter().enumerate() {
        for name in package.names() {
            by_name.entry(name).or_default().push(index);
        }
    }
    let mut edges = Edges {
        pairs: Vec::new(),
        complete: vec![false; packages.len()],
        cut: false,
    };
    let mut compared = 0;
    for (index, package) in packages.iter().enumerate() {
        let mut all_met = true;
        for need in package.needs() {
            let mut met = false;
            for &other in need.filter_map(|name| by_name.get(name)).flatten() {
                compared += 1;
                if compared > MAX_EDGES {
                    edges.cut = true;
                    return edges;
                }
                if package.can_use(&packages[other]) {
                    met = true;
                    edges.pairs.push((index, other));
                }
            }
            all_met &= met;
        }
        edges.complete[index] = all_met;
    }
    edges
}
