//! The dependency graph as cargo sees it: what each manifest names, and what each crate ships.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::error::Error;
use crate::tool;

/// A package of the workspace and what its manifest names for use at run or build time.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) edges: Vec<String>,
    /// Which of them it asks for features meant for tests.
    pub(super) test_features: Vec<String>,
}

/// The features that make up what only verification may find out, and that show private parsers.
const TEST_FEATURES: &[&str] = &["assertion", "fuzz"];

/// A crate that ends up in what another ships, and one path by which it gets there.
#[derive(Debug)]
pub(super) struct Shipped {
    pub(super) name: String,
    pub(super) path: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
}

#[derive(Deserialize)]
struct MetadataPackage {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    features: Vec<String>,
}

impl Dependency {
    fn is_shipped(&self) -> bool {
        self.kind.as_deref() != Some("dev")
    }

    fn is_for_tests(&self) -> bool {
        self.features
            .iter()
            .any(|feature| TEST_FEATURES.contains(&feature.as_str()))
    }
}

/// What every manifest of the workspace names. Dependencies of tests are not shipped, and left out.
pub(super) fn declared(root: &Path) -> Result<Vec<Package>, Error> {
    let said = tool::stdout(cargo(root).args(["metadata", "--no-deps", "--format-version=1"]))?;
    let metadata: Metadata = serde_json::from_str(&said).map_err(|error| {
        Error::undecided(
            format!("cargo metadata is not understood: {error}"),
            "update xtask",
        )
    })?;
    let declared = metadata.packages.into_iter().map(|package| {
        let shipped = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.is_shipped());
        let for_tests = shipped
            .clone()
            .filter(|dependency| dependency.is_for_tests());
        Package {
            name: package.name,
            edges: shipped.map(|dependency| dependency.name.clone()).collect(),
            test_features: for_tests
                .map(|dependency| dependency.name.clone())
                .collect(),
        }
    });
    Ok(declared.collect())
}

/// Everything this crate links when it is built by itself, which is how it is shipped.
pub(super) fn shipped(root: &Path, name: &str) -> Result<Vec<Shipped>, Error> {
    let flags = [
        "tree",
        "--edges=normal",
        "--prefix=depth",
        "--format= {p}",
        "--package",
        name,
    ];
    let tree = tool::stdout(cargo(root).args(flags))?;
    Ok(paths(&tree))
}

fn cargo(root: &Path) -> Command {
    let mut command = tool::cargo(["--color=never"]);
    command.current_dir(root);
    command
}

/// Reads lines of `depth name version…`. A procedural macro runs in the compiler and is not
/// shipped, and neither is what stands below it.
fn paths(tree: &str) -> Vec<Shipped> {
    let mut path: Vec<String> = Vec::new();
    let mut below: Option<usize> = None;
    let mut shipped: Vec<Shipped> = Vec::new();
    for line in tree.lines() {
        let Some((depth, rest)) = line.split_once(' ') else {
            continue;
        };
        let Ok(depth) = depth.parse::<usize>() else {
            continue;
        };
        if below.is_some_and(|from| depth > from) {
            continue;
        }
        below = rest.contains("(proc-macro)").then_some(depth);
        let name = rest.split(' ').next().unwrap_or_default().to_owned();
        path.truncate(depth);
        path.push(name.clone());
        if below.is_none() && !shipped.iter().any(|other| other.name == name) {
            shipped.push(Shipped {
                name,
                path: path.clone(),
            });
        }
    }
    shipped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_reported_with_the_path_to_it() {
        let tree =
            "0 a v1 (/x)\n1 b v1\n2 c v1\n1 m v1 (proc-macro)\n2 tokio v1\n1 d v1\n2 c v1 (*)\n";
        let found: Vec<_> = paths(tree)
            .iter()
            .map(|shipped| shipped.path.join(">"))
            .collect();
        assert_eq!(found, ["a", "a>b", "a>b>c", "a>d"]);
    }
}
