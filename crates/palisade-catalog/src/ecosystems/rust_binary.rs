//! Rust programs built with `cargo auditable`: the dependency tree they carry in `.dep-v0`.
//!
//! We read it ourselves: `auditable-info` looks a section up by scanning the name table once for
//! each section, which a hostile file turns into hours, and does not check that a dependency's
//! index exists. The tests hold our reading against it.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::ZlibDecoder;
use palisade_types::Digest;
use palisade_types::{Entry, ImageFile};
use serde::Deserialize;

use super::{Ecosystem, each_file, elf, is_short, place};
use crate::distro::Distro;
use palisade_bom::inventory::{Component, ContentHash, Found, Kind, property};
use palisade_bom::purl::Purl;

pub(super) const ECOSYSTEM: Ecosystem = Ecosystem { wants, catalog };

/// The most bytes a dependency tree may inflate to; cargo-auditable's own readers stop here too.
const MAX_TREE: u64 = 8 << 20;

const SECTION: &str = ".dep-v0";
fn wants(entry: &Entry<'_>) -> Option<u64> {
    entry.head.starts_with(elf::MAGIC).then_some(elf::MAX_BYTES)
}

fn catalog(files: &[&ImageFile], _: Option<&Distro>) -> Found {
    each_file(files, |file, found| {
        if let Some(tree) = tree(&file.bytes)? {
            list(file, &tree, found);
        }
        Ok(())
    })
}

/// The dependency tree (cargo-auditable's `PARSING.md`, format 0 and later).
#[derive(Debug, Deserialize)]
struct Tree {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    source: String,
    #[serde(default)]
    kind: DependencyKind,
    #[serde(default)]
    dependencies: Vec<usize>,
    #[serde(default)]
    root: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DependencyKind {
    Build,
    #[default]
    Runtime,
}

/// The tree a program carries, if it carries one.
fn tree(bytes: &[u8]) -> Result<Option<Tree>, String> {
    let Some(compressed) = elf::section(bytes, SECTION)? else {
        return Ok(None);
    };
    let mut json = Vec::new();
    ZlibDecoder::new(compressed)
        .take(MAX_TREE + 1)
        .read_to_end(&mut json)
        .map_err(|error| format!("its `.dep-v0` section does not inflate: {error}"))?;
    if json.len() as u64 > MAX_TREE {
        return Err(format!(
            "its `.dep-v0` section inflates to more than {MAX_TREE} bytes"
        ));
    }
    let tree: Tree = serde_json::from_slice(&json)
        // The place alone: serde repeats the text it stumbled over, as long as it may be.
        .map_err(|error| {
            let column = error.column();
            format!("its `.dep-v0` section is not a dependency tree: at byte {column}")
        })?;
    check(&tree)?;
    Ok(Some(tree))
}

fn check(tree: &Tree) -> Result<(), String> {
    let count = tree.packages.len();
    if tree.packages.iter().filter(|package| package.root).count() != 1 {
        return Err("its dependency tree does not have exactly one root".to_owned());
    }
    let mut texts = tree
        .packages
        .iter()
        .flat_map(|package| [&package.name, &package.version, &package.source]);
    let is_unnamed = |package: &Package| package.name.is_empty();
    if !texts.all(|text| is_short(text)) || tree.packages.iter().any(is_unnamed) {
        return Err("its dependency tree has a name or version that is none".to_owned());
    }
    let outside = tree
        .packages
        .iter()
        .flat_map(|package| &package.dependencies)
        .any(|index| *index >= count);
    if outside {
        return Err("its dependency tree names a package that it does not hold".to_owned());
    }
    Ok(())
}

fn list(file: &ImageFile, tree: &Tree, found: &mut Found) {
    let first = found.components.len();
    for (index, package) in tree.packages.iter().enumerate() {
        found.components.push(component(file, package));
        let edges = package.dependencies.iter();
        found
            .edges
            .extend(edges.map(|used| (first + index, first + used)));
    }
}

fn component(file: &ImageFile, package: &Package) -> Component {
    let kind = if package.root {
        Kind::Application
    } else {
        Kind::Library
    };
    let mut component = Component::new(kind, &package.name, &package.version, place(file));
    // The tree says only `git` or `local`, not where: the property tells it from crates.io's.
    component.purl = Some(Purl::cargo(&package.name, &package.version, &[]));
    component.properties = BTreeMap::from([
        (property::FOUND_BY, "binary".to_owned()),
        (property::SOURCE, package.source.clone()),
    ]);
    component.build_only = package.kind == DependencyKind::Build;
    component.top_level = package.root;
    if package.root {
        component.hash = Some(ContentHash {
            digest: Digest::sha256_of(&file.bytes),
            of: "file",
        });
    }
    component
}

#[cfg(test)]
mod tests {
    use super::super::testing::file;
    use super::*;
    use crate::testing::{auditable_elf, elf};

    const TREE: &str = r#"{"packages":[
        {"name":"app","version":"1.0.0","source":"local","dependencies":[1,2],"root":true},
        {"name":"cc","version":"1.1.0","source":"crates.io","kind":"build"},
        {"name":"serde","version":"1.0.1","source":"crates.io"}]}"#;

    fn read(bytes: &[u8]) -> Found {
        catalog(&[&file("usr/bin/app", bytes)], None)
    }

    #[test]
    fn a_program_lists_its_crates_and_their_edges() {
        let bytes = auditable_elf(TREE);
        let found = read(&bytes);
        assert_eq!(
            (found.gaps.as_slice(), found.edges.as_slice()),
            (&[][..], &[(0, 1), (0, 2)][..])
        );
        let build: Vec<_> = found
            .components
            .iter()
            .map(|c| (c.name.as_str(), c.build_only))
            .collect();
        assert_eq!(build, [("app", false), ("cc", true), ("serde", false)]);
        assert!(
            found.components[0]
                .hash
                .as_ref()
                .is_some_and(|hash| hash.digest.matches(&bytes))
        );
    }

    #[test]
    fn an_independent_reader_sees_the_same_tree() {
        let theirs =
            auditable_info::audit_info_from_slice(&auditable_elf(TREE), 1 << 20).expect("valid");
        let ours = tree(&auditable_elf(TREE)).expect("valid").expect("there");
        let theirs: Vec<_> = theirs
            .packages
            .into_iter()
            .map(|p| (p.name, p.version.to_string(), p.dependencies, p.root))
            .collect();
        let ours: Vec<_> = ours
            .packages
            .into_iter()
            .map(|p| (p.name, p.version, p.dependencies, p.root))
            .collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn a_program_without_the_section_is_no_gap() {
        assert_eq!(read(&elf(&[(".text", b"x")])), Found::default());
    }

    #[test]
    fn a_program_that_was_cut_off_is_a_gap() {
        let bytes = auditable_elf(TREE);
        for end in [5, 20, 63, 64, bytes.len() / 2, bytes.len() - 1] {
            assert_eq!(read(&bytes[..end]).gaps.len(), 1, "{end}");
        }
    }

    #[test]
    fn a_damaged_section_is_a_gap() {
        let mut bytes = elf(&[(".dep-v0", b"\x78\x9cnot zlib")]);
        assert_eq!(read(&bytes).gaps.len(), 1);
        bytes = auditable_elf(TREE);
        let at = bytes
            .windows(2)
            .position(|pair| pair == b"\x78\x9c")
            .expect("zlib's first bytes");
        bytes[at + 12] ^= 0x40;
        assert_eq!(read(&bytes).gaps.len(), 1);
        assert_eq!(read(&bytes).components, []);
    }

    #[test]
    fn a_tree_that_contradicts_itself_is_a_gap() {
        for (from, to) in [
            ("[1,2]", "[1,3]"),
            (",\"root\":true", ""),
            ("\"kind\":\"build\"", "\"root\":true"),
            ("\"kind\":\"build\"", "\"kind\":\"dev\""),
            ("\"name\":\"cc\"", "\"name\":7"),
            ("\"name\":\"cc\"", "\"name\":\"\""),
        ] {
            let found = read(&auditable_elf(&TREE.replace(from, to)));
            assert_eq!(
                (found.gaps.len(), found.components.len()),
                (1, 0),
                "{from} → {to}"
            );
        }
    }

    #[test]
    fn a_name_that_is_too_long_is_a_gap() {
        let named = |length| TREE.replace("\"cc\"", &format!("\"{}\"", "c".repeat(length)));
        assert_eq!(read(&auditable_elf(&named(1024))).gaps, []);
        let found = read(&auditable_elf(&named(1025)));
        assert_eq!((found.gaps.len(), found.components.len()), (1, 0));
    }

    #[test]
    fn small_programs_that_inflate_to_more_than_is_listed_are_not_all_read() {
        let many = format!("\"dependencies\":[0{}]", ",0".repeat(3_000_000));
        let bytes = auditable_elf(&TREE.replace("\"dependencies\":[1,2]", &many));
        assert!(bytes.len() < 100_000);
        let files = ["a", "b", "c"].map(|path| file(path, &bytes));
        let found = catalog(&files.iter().collect::<Vec<_>>(), None);
        assert_eq!(found.components.len(), 6);
        let left_out: Vec<_> = found.gaps.iter().map(|gap| gap.source.as_str()).collect();
        assert_eq!(left_out, ["c"]);
    }

    #[test]
    fn a_tree_that_inflates_too_far_is_a_gap() {
        let padding = " ".repeat(usize::try_from(MAX_TREE).expect("fits"));
        let found = read(&auditable_elf(&format!("{TREE}{padding}")));
        assert!(
            found.gaps[0].reason.contains("inflates to more than"),
            "{:?}",
            found.gaps
        );
    }

    proptest::proptest! {
        #[test]
        fn no_damage_panics(at in 0usize..600, value: u8) {
            let mut bytes = auditable_elf(TREE);
            let at = at % bytes.len();
            bytes[at] = value;
            let _any = read(&bytes);
        }
    }
}
