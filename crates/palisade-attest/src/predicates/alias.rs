//! Short names for predicate types, as cosign's `--type` takes them.

use super::vulns;

/// A short name and the types it stands for: first the one to write, then all that are read.
pub struct Alias {
    /// The name on the command line.
    pub name: &'static str,
    /// The predicate types, exactly as they stand in statements.
    pub types: &'static [&'static str],
}

/// Every short name, in alphabetical order. A name never stands for a family by prefix: a type
/// that is not listed is written out in full.
pub const ALIASES: &[Alias] = &[
    alias("custom", &["https://cosign.sigstore.dev/attestation/v1"]),
    alias("cyclonedx", &[super::cyclonedx::TYPE]),
    alias("link", &["https://in-toto.io/Link/v1"]),
    alias(
        "openvex",
        &["https://openvex.dev/ns", "https://openvex.dev/ns/v0.2.0"],
    ),
    alias("slsaprovenance", &["https://slsa.dev/provenance/v0.2"]),
    alias("slsaprovenance02", &["https://slsa.dev/provenance/v0.2"]),
    alias("slsaprovenance1", &[super::provenance::TYPE]),
    alias("spdx", SPDX),
    alias("spdxjson", SPDX),
    alias("vsa", &[super::vsa::TYPE]),
    alias("vuln", &[vulns::TYPE, vulns::TYPE_V0_1, vulns::COSIGN_TYPE]),
];

/// cosign writes the first; GitHub's SBOM action appends the version.
const SPDX: &[&str] = &[
    "https://spdx.dev/Document",
    "https://spdx.dev/Document/v2.2",
    "https://spdx.dev/Document/v2.3",
];

const fn alias(name: &'static str, types: &'static [&'static str]) -> Alias {
    Alias { name, types }
}

/// The types a short name stands for.
pub fn types_named(name: &str) -> Option<&'static [&'static str]> {
    ALIASES
        .iter()
        .find(|alias| alias.name == name)
        .map(|alias| alias.types)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_in_order() {
        assert!(ALIASES.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(ALIASES.iter().all(|alias| !alias.types.is_empty()));
    }

    #[test]
    fn a_name_is_found_and_a_part_of_one_is_not() {
        assert_eq!(
            types_named("slsaprovenance1"),
            Some(&["https://slsa.dev/provenance/v1"][..])
        );
        assert_eq!(types_named("slsaprovenance3"), None);
        assert_eq!(types_named("slsa"), None);
    }
}
