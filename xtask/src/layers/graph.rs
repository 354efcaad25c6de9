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
}

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
    let packages = metadata.packages.into_iter().map(|package| Package {
        name: package.name,
        edges: package
            .dependencies
            .into_iter()
            .filter(|dependency| dependency.kind.as_deref() != Some("dev"))
            .map(|dependency| dependency.name)
            .collect(),
    });
    Ok(packages.collect())
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
    let mut skipped: Option<usize> = None;
    let mut shipped: Vec<Shipped> = Vec::new();
    for line in tree.lines() {
        let Some((depth, rest)) = line.split_once(' ') else {
            continue;
        };
        let Ok(depth) = depth.parse::<usize>() else {
            continue;
        };
        if skipped.is_some_and(|from| depth > from) {
            continue;
        }
        skipped = rest.contains("(proc-macro)").then_some(depth);
        let name = rest.split(' ').next().unwrap_or_default().to_owned();
        path.truncate(depth);
        path.push(name.clone());
        if skipped.is_none() && !shipped.iter().any(|other| other.name == name) {
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
