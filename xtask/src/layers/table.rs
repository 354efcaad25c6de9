//! The architecture as one table, and the rules that read it.

use super::graph::{Package, Shipped};

/// One crate of the workspace and what it may reach.
pub(super) struct Crate {
    /// Its name.
    pub(super) name: &'static str,
    /// The workspace crates it may name.
    may: &'static [&'static str],
    /// What it may not reach on any path, beyond what a pure crate may not.
    never: &'static [&'static str],
    /// Whether it knows no network, files, environment or clock.
    pub(super) pure: bool,
}

const fn pure(name: &'static str, may: &'static [&'static str]) -> Crate {
    Crate {
        name,
        may,
        never: SIGNING,
        pure: true,
    }
}

const fn edge(
    name: &'static str,
    may: &'static [&'static str],
    never: &'static [&'static str],
) -> Crate {
    Crate {
        name,
        may,
        never,
        pure: false,
    }
}

/// What makes a program able to sign.
const SIGNING: &[&str] = &[
    "palisade-keyless",
    "sigstore-fulcio",
    "sigstore-oidc",
    "sigstore-sign",
];

/// The crates, pure ones first, then edges, then binaries, then development.
pub(super) const CRATES: &[Crate] = &[
    pure("palisade-types", &[]),
    pure("palisade-attest", &["palisade-types"]),
    pure("palisade-bom", &["palisade-types"]),
    pure("palisade-catalog", &["palisade-bom", "palisade-types"]),
    pure("palisade-trust", &["palisade-attest", "palisade-types"]),
    pure(
        "palisade-policy",
        &["palisade-attest", "palisade-trust", "palisade-types"],
    ),
    edge("palisade-oci", &["palisade-types"], SIGNING),
    edge(
        "palisade-keyless",
        &["palisade-attest", "palisade-trust", "palisade-types"],
        &["palisade-deploy", "palisade-policy"],
    ),
    edge(
        "palisade-roots",
        &["palisade-trust", "palisade-types", "palisade-ui"],
        SIGNING,
    ),
    edge("palisade-ui", &["palisade-types"], NETWORK),
    edge("palisade", &["palisade-ui"], NETWORK),
    edge(
        "palisade-deploy",
        &[
            "palisade-attest",
            "palisade-oci",
            "palisade-roots",
            "palisade-trust",
            "palisade-types",
            "palisade-ui",
        ],
        &[
            "palisade-bom",
            "palisade-catalog",
            "palisade-keyless",
            "palisade-policy",
            "palisade-vuln",
            "sigstore-fulcio",
            "sigstore-oidc",
            "sigstore-sign",
        ],
    ),
    edge(
        "palisade-gate",
        &[
            "palisade-attest",
            "palisade-keyless",
            "palisade-oci",
            "palisade-policy",
            "palisade-roots",
            "palisade-trust",
            "palisade-types",
            "palisade-ui",
        ],
        &["palisade-deploy"],
    ),
    edge(
        "palisade-sbom",
        &[
            "palisade-attest",
            "palisade-bom",
            "palisade-catalog",
            "palisade-oci",
            "palisade-types",
            "palisade-ui",
        ],
        SIGNING,
    ),
    edge(
        "palisade-sign",
        &[
            "palisade-attest",
            "palisade-keyless",
            "palisade-oci",
            "palisade-roots",
            "palisade-trust",
            "palisade-types",
            "palisade-ui",
        ],
        &["palisade-deploy", "palisade-policy"],
    ),
    edge(
        "palisade-verify",
        &[
            "palisade-attest",
            "palisade-oci",
            "palisade-roots",
            "palisade-trust",
            "palisade-types",
            "palisade-ui",
        ],
        SIGNING,
    ),
    // Signs and verifies, as the conformance suite asks; never published.
    edge(
        "palisade-conformance",
        &[
            "palisade-attest",
            "palisade-keyless",
            "palisade-trust",
            "palisade-types",
            "palisade-ui",
        ],
        &["palisade-deploy", "palisade-policy"],
    ),
    // The lab shares no code with trust or keyless: a misread specification must not agree with
    // itself.
    edge(
        "palisade-lab",
        &["palisade-attest", "palisade-types", "palisade-ui"],
        &[
            "palisade-keyless",
            "palisade-oci",
            "palisade-trust",
            "sigstore-bundle",
            "sigstore-crypto",
            "sigstore-sign",
            "sigstore-types",
            "sigstore-verify",
        ],
    ),
];

/// Development packages: no other crate may name them, and they may name anything.
const DEVELOPMENT: &[&str] = &["palisade-fuzz", "palisade-tests", "xtask"];

/// What brings a network, an event loop or a command line into a pure crate.
const IMPURE: &[&str] = &[
    "async-std",
    "clap",
    "h2",
    "hyper",
    "mio",
    "oci-client",
    "reqwest",
    "rustls",
    "smol",
    "socket2",
    "tempfile",
    "tokio",
    "ureq",
];

/// What brings a network.
const NETWORK: &[&str] = &[
    "h2", "hyper", "mio", "reqwest", "rustls", "socket2", "tokio", "ureq",
];

/// External crates that only these may name, so that swapping one is local.
const OWNERS: &[(&str, &[&str])] = &[
    ("axum", &["palisade-lab"]),
    ("cyclonedx-bom", &["palisade-bom"]),
    ("oci-client", &["palisade-oci"]),
    ("sigstore-bundle", &["palisade-keyless"]),
    ("sigstore-crypto", &["palisade-keyless", "palisade-trust"]),
    ("sigstore-fulcio", &["palisade-keyless"]),
    ("sigstore-merkle", &["palisade-trust"]),
    ("sigstore-oidc", &["palisade-keyless"]),
    ("sigstore-rekor", &["palisade-keyless"]),
    ("sigstore-sign", &["palisade-keyless"]),
    (
        "sigstore-trust-root",
        &["palisade-keyless", "palisade-trust"],
    ),
    ("sigstore-tsa", &["palisade-keyless"]),
    ("sigstore-tuf", &["palisade-roots"]),
    ("sigstore-types", &["palisade-keyless", "palisade-trust"]),
    ("sigstore-verify", &["palisade-keyless", "palisade-trust"]),
    ("tar", &["palisade-lab", "palisade-oci"]),
];

/// The pure crates.
pub(super) fn pure_crates() -> impl Iterator<Item = &'static Crate> {
    CRATES.iter().filter(|krate| krate.pure)
}

/// Crates that are not in the table, and so would be held to nothing.
pub(super) fn unknown_crates(declared: &[Package]) -> Vec<String> {
    declared
        .iter()
        .filter(|package| !is_known(&package.name) && !is_development(&package.name))
        .map(|package| format!("{} is not in the table of crates", package.name))
        .collect()
}

/// Edges between crates of the workspace that the table does not allow.
pub(super) fn forbidden_edges(declared: &[Package]) -> Vec<String> {
    let is_ours = |name: &str| declared.iter().any(|package| package.name == name);
    let mut faults = Vec::new();
    for krate in CRATES {
        for edge in edges_of(declared, krate.name).filter(|edge| is_ours(edge)) {
            if !krate.may.contains(&edge) {
                faults.push(format!("{} may not depend on {edge}", krate.name));
            }
        }
    }
    faults
}

/// Features meant for tests, asked for by something that is shipped.
pub(super) fn test_features(declared: &[Package]) -> Vec<String> {
    let shipped = declared
        .iter()
        .filter(|package| !is_development(&package.name));
    let faults = shipped.flat_map(|package| {
        let named = package.test_features.iter();
        named.map(|name| {
            format!(
                "{} ships with a feature of {name} meant for tests",
                package.name
            )
        })
    });
    faults.collect()
}

/// External crates named by somebody else than their owner.
pub(super) fn foreign_names(declared: &[Package]) -> Vec<String> {
    let mut faults = Vec::new();
    for package in declared
        .iter()
        .filter(|package| !is_development(&package.name))
    {
        for (name, owners) in OWNERS {
            if package.edges.iter().any(|edge| edge == name)
                && !owners.contains(&package.name.as_str())
            {
                let owners = owners.join(" and ");
                faults.push(format!(
                    "{} names {name}, which only {owners} may",
                    package.name
                ));
            }
        }
    }
    faults
}

/// What a crate's shipped dependencies reach and it may not, each with the path to it.
pub(super) fn forbidden_reach(krate: &Crate, shipped: &[Shipped]) -> Vec<String> {
    let mut faults = Vec::new();
    for Shipped { name, path } in shipped {
        let path = path.join(" → ");
        if krate.pure && IMPURE.contains(&name.as_str()) {
            faults.push(format!("{} is pure and reaches {name}: {path}", krate.name));
        }
        if krate.never.contains(&name.as_str()) || is_development(name) {
            faults.push(format!("{} may never reach {name}: {path}", krate.name));
        }
    }
    faults
}

fn edges_of<'a>(declared: &'a [Package], name: &str) -> impl Iterator<Item = &'a str> {
    let package = declared.iter().find(|package| package.name == name);
    package
        .into_iter()
        .flat_map(|package| package.edges.iter().map(String::as_str))
}

fn is_known(name: &str) -> bool {
    CRATES.iter().any(|krate| krate.name == name)
}

fn is_development(name: &str) -> bool {
    DEVELOPMENT.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, edges: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            edges: edges.iter().map(|&edge| edge.to_owned()).collect(),
            test_features: Vec::new(),
        }
    }

    fn krate(name: &str) -> &'static Crate {
        CRATES
            .iter()
            .find(|krate| krate.name == name)
            .expect("in the table")
    }

    fn reached(path: &[&str]) -> Shipped {
        Shipped {
            name: (*path.last().expect("a path ends somewhere")).to_owned(),
            path: path.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    #[test]
    fn an_allowed_edge_passes_and_its_forbidden_twin_does_not() {
        let types = package("palisade-types", &[]);
        let attest = package("palisade-attest", &["palisade-types", "serde"]);
        assert!(forbidden_edges(&[types, attest]).is_empty());
        let types = package("palisade-types", &["palisade-attest"]);
        let attest = package("palisade-attest", &[]);
        assert_eq!(
            forbidden_edges(&[types, attest]),
            ["palisade-types may not depend on palisade-attest"]
        );
    }

    #[test]
    fn a_crate_outside_the_table_is_a_fault() {
        assert_eq!(
            unknown_crates(&[package("palisade-utils", &[])]),
            ["palisade-utils is not in the table of crates"]
        );
        assert!(unknown_crates(&[package("xtask", &[])]).is_empty());
    }

    #[test]
    fn only_the_owner_names_an_opinionated_crate() {
        assert!(foreign_names(&[package("palisade-trust", &["sigstore-verify"])]).is_empty());
        assert_eq!(
            foreign_names(&[package("palisade-gate", &["sigstore-verify"])]),
            [
                "palisade-gate names sigstore-verify, which only palisade-keyless and palisade-trust may"
            ]
        );
    }

    #[test]
    fn reaching_over_three_corners_is_still_reaching() {
        let path = ["palisade-verify", "a", "palisade-keyless"];
        let faults = forbidden_reach(krate("palisade-verify"), &[reached(&path)]);
        assert_eq!(
            faults,
            [
                "palisade-verify may never reach palisade-keyless: palisade-verify → a → palisade-keyless"
            ]
        );
        assert!(forbidden_reach(krate("palisade-sign"), &[reached(&path)]).is_empty());
    }

    #[test]
    fn the_walls_between_judging_signing_and_deploying_are_in_the_table() {
        let wall = |name: &str, other: &str| {
            let faults = forbidden_reach(krate(name), &[reached(&[name, other])]);
            assert_eq!(faults.len(), 1, "{name} may reach {other}");
        };
        wall("palisade-gate", "palisade-deploy");
        wall("palisade-deploy", "palisade-policy");
        wall("palisade-deploy", "palisade-keyless");
        wall("palisade-verify", "palisade-keyless");
        wall("palisade-lab", "palisade-trust");
        wall("palisade-lab", "palisade-keyless");
        for krate in pure_crates() {
            wall(krate.name, "tokio");
            wall(krate.name, "palisade-keyless");
        }
    }
}
