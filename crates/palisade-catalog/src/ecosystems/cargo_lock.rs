//! `Cargo.lock` files inside an image, versions 1 to 4.
//!
//! We read them ourselves: `cargo-lock` 11.1 panics on a checksum of 64 bytes that are not ASCII,
//! and compares every dependency with every package. The tests hold our reading against it.

use std::collections::{BTreeMap, HashMap};

use palisade_types::Digest;
use palisade_types::{Entry, ImageFile};
use serde::Deserialize;

use super::{Ecosystem, MAX_URL, each_file, is_short, place};
use crate::distro::Distro;
use palisade_bom::inventory::{Component, ContentHash, Found, Kind, property};
use palisade_bom::purl::Purl;

pub(super) const ECOSYSTEM: Ecosystem = Ecosystem { wants, catalog };

/// The most bytes of one lock file we read.
const MAX_LOCK: u64 = 32 << 20;
/// The newest version of the format we know.
const MAX_VERSION: u32 = 4;

fn wants(entry: &Entry<'_>) -> Option<u64> {
    let (_, name) = entry.path.rsplit_once('/').unwrap_or(("", entry.path));
    (name == "Cargo.lock").then_some(MAX_LOCK)
}

fn catalog(files: &[&ImageFile], _: Option<&Distro>) -> Found {
    each_file(files, |file, found| {
        list(file, &parse(&file.bytes)?, found);
        Ok(())
    })
}

#[derive(Debug, Deserialize)]
struct Lock {
    version: Option<u32>,
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

fn parse(bytes: &[u8]) -> Result<Lock, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
    let lock: Lock = toml::from_str(text).map_err(|error| {
        // The place alone: the text there may be a URL with a password in it.
        let start = error.span().map_or(0, |span| span.start);
        let line = 1 + text
            .bytes()
            .take(start)
            .filter(|byte| *byte == b'\n')
            .count();
        format!("line {line}: is not a lock file's")
    })?;
    let is_usual = |package: &Package| {
        let source = package.source.as_deref().unwrap_or_default();
        let is_named = !package.name.is_empty() && is_short(&package.name);
        is_named && is_short(&package.version) && source.len() <= MAX_URL
    };
    if !lock.package.iter().all(is_usual) {
        return Err("has a package whose name, version or source is none".to_owned());
    }
    match lock.version {
        Some(version) if version > MAX_VERSION => Err(format!(
            "has version {version}; the newest that palisade reads is {MAX_VERSION}"
        )),
        _ => Ok(lock),
    }
}

fn list(file: &ImageFile, lock: &Lock, found: &mut Found) {
    let first = found.components.len();
    let names = Names::of(&lock.package);
    let no_root = lock.package.iter().all(|package| package.source.is_some());
    for (index, package) in lock.package.iter().enumerate() {
        let mut component = component(file, package);
        component.top_level = no_root || package.source.is_none();
        for dependency in &package.dependencies {
            if let Some(to) = names.find(dependency) {
                found.edges.push((first + index, first + to));
            } else {
                component.edges_complete = false;
                let name = name_and_version(dependency);
                let why = format!("`{}` depends on `{name}`, which is not there", package.name);
                found.gap(&file.path, why);
            }
        }
        if package.checksum.is_some() && component.hash.is_none() {
            found.gap(
                &file.path,
                format!("the checksum of `{}` is no SHA-256", package.name),
            );
        }
        found.components.push(component);
    }
}

/// A name, and the version and source beside it when given.
type Name<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

/// Every way a dependency may name a package; cargo writes as much as is needed to tell the
/// packages of the file apart.
struct Names<'a>(HashMap<Name<'a>, Named>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    One(usize),
    Several,
}

impl<'a> Names<'a> {
    fn of(packages: &'a [Package]) -> Self {
        let mut names = HashMap::new();
        for (index, package) in packages.iter().enumerate() {
            let version = Some(package.version.as_str());
            let source = package.source.as_deref().map(without_commit);
            let with_source = source.map(|source| (package.name.as_str(), version, Some(source)));
            let others = [
                (package.name.as_str(), version, None),
                (package.name.as_str(), None, None),
            ];
            for name in others.into_iter().chain(with_source) {
                names
                    .entry(name)
                    .and_modify(|named| *named = Named::Several)
                    .or_insert(Named::One(index));
            }
        }
        Self(names)
    }

    /// The one package that `NAME`, `NAME VERSION` or `NAME VERSION (SOURCE)` names.
    fn find(&self, dependency: &'a str) -> Option<usize> {
        let mut words = dependency.splitn(3, ' ');
        let (name, version) = (words.next()?, words.next());
        let source = words
            .next()
            .map(|source| source.trim_start_matches('(').trim_end_matches(')'));
        match self.0.get(&(name, version, source.map(without_commit))) {
            Some(Named::One(index)) => Some(*index),
            Some(Named::Several) | None => None,
        }
    }
}

/// A dependency without its source: that may hold a password.
fn name_and_version(dependency: &str) -> &str {
    let end = dependency.match_indices(' ').nth(1).map(|(at, _)| at);
    &dependency[..end.unwrap_or(dependency.len())]
}

/// A dependency names a git source without the commit.
fn without_commit(source: &str) -> &str {
    source.split_once('#').map_or(source, |(before, _)| before)
}

/// Where a package comes from.
enum Source {
    CratesIo,
    Git(String),
    Local,
    Registry(String),
}

impl Source {
    fn read(source: Option<&str>) -> Self {
        let Some(source) = source else {
            return Self::Local;
        };
        match source {
            "registry+https://github.com/rust-lang/crates.io-index"
            | "sparse+https://index.crates.io/" => return Self::CratesIo,
            _ => {}
        }
        match source.split_once('+') {
            Some(("git", url)) => {
                let (url, commit) = url.split_once('#').unwrap_or((url, ""));
                let (url, _) = url.split_once('?').unwrap_or((url, ""));
                let at = if commit.is_empty() { "" } else { "@" };
                Self::Git(format!("git+{}{at}{commit}", without_password(url)))
            }
            Some((_, url)) => Self::Registry(without_password(url)),
            None => Self::Registry(without_password(source)),
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::CratesIo => "crates.io",
            Self::Git(_) => "git",
            Self::Local => "local",
            Self::Registry(_) => "registry",
        }
    }
}

/// A URL without the user and password that people put before the host.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn component(file: &ImageFile, package: &Package) -> Component {
    let kind = if package.source.is_none() {
        Kind::Application
    } else {
        Kind::Library
    };
    let mut component = Component::new(kind, &package.name, &package.version, place(file));
    let source = Source::read(package.source.as_deref());
    let qualifiers: &[(&str, &str)] = match &source {
        Source::CratesIo | Source::Local => &[],
        Source::Git(url) => &[("vcs_url", url)],
        Source::Registry(url) => &[("repository_url", url)],
    };
    component.purl = Some(Purl::cargo(&package.name, &package.version, qualifiers));
    component.properties = BTreeMap::from([
        (property::FOUND_BY, "lock file".to_owned()),
        (property::SOURCE, source.name().to_owned()),
    ]);
    component.hash = package.checksum.as_ref().and_then(|checksum| {
        let digest: Digest = format!("sha256:{checksum}").parse().ok()?;
        Some(ContentHash {
            digest,
            of: "crate archive",
        })
    });
    component
}

#[cfg(test)]
mod tests {
    use super::super::testing::file;
    use super::*;

    const LOCK: &str = r#"
version = 4
[[package]]
name = "app"
version = "0.1.0"
dependencies = ["a 1.0.0", "a 2.0.0", "b"]
[[package]]
name = "a"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
[[package]]
name = "a"
version = "2.0.0"
source = "git+https://user:secret@example.org/a.git?branch=main#0123abc"
[[package]]
name = "b"
version = "1.0.0"
source = "sparse+https://crates.example.org/index/"
"#;

    fn read(text: &str) -> Found {
        catalog(&[&file("src/Cargo.lock", text.as_bytes())], None)
    }

    fn purls(found: &Found) -> Vec<&str> {
        found
            .components
            .iter()
            .filter_map(|component| Some(component.purl.as_ref()?.as_str()))
            .collect()
    }

    #[test]
    fn every_source_is_told_from_crates_io_and_no_password_gets_out() {
        let found = read(LOCK);
        assert_eq!(found.gaps, []);
        assert_eq!(
            purls(&found),
            [
                "pkg:cargo/app@0.1.0",
                "pkg:cargo/a@1.0.0",
                "pkg:cargo/a@2.0.0?vcs_url=git%2Bhttps:%2F%2Fexample.org%2Fa.git%400123abc",
                "pkg:cargo/b@1.0.0?repository_url=https:%2F%2Fcrates.example.org%2Findex%2F",
            ]
        );
        let sources: Vec<_> = found
            .components
            .iter()
            .map(|c| c.properties[property::SOURCE].as_str())
            .collect();
        assert_eq!(sources, ["local", "crates.io", "git", "registry"]);
    }

    #[test]
    fn a_gap_repeats_no_source() {
        let broken = r#"dependencies = ["c 1.0.0 (git+https://user:secret@example.org/c)"]"#;
        for text in [
            LOCK.replace(r#"dependencies = ["a 1.0.0", "a 2.0.0", "b"]"#, broken),
            LOCK.replace(
                "version = 4",
                r#"version = "git+https://user:secret@example.org/c""#,
            ),
        ] {
            let found = read(&text);
            assert_eq!(found.gaps.len(), 1);
            assert!(!found.gaps[0].reason.contains("secret"), "{:?}", found.gaps);
        }
    }

    #[test]
    fn edges_find_the_version_they_name() {
        let found = read(LOCK);
        assert_eq!(found.edges, [(0, 1), (0, 2), (0, 3)]);
        let top: Vec<_> = found
            .components
            .iter()
            .map(|component| component.top_level)
            .collect();
        assert_eq!(top, [true, false, false, false]);
    }

    #[test]
    fn an_edge_that_names_nothing_or_two_things_is_a_gap() {
        for dependency in [
            "\"a\"",
            "\"a 3.0.0\"",
            "\"c\"",
            "\"a 1.0.0 (registry+https://x)\"",
        ] {
            let found = read(&LOCK.replace("\"a 1.0.0\"", dependency));
            assert_eq!(
                (found.gaps.len(), found.components[0].edges_complete),
                (1, false),
                "{dependency}"
            );
        }
    }

    #[test]
    fn a_lock_file_that_is_none_is_a_gap() {
        for (from, to) in [
            ("version = 4", "version = 5"),
            ("version = 4", "version = "),
            ("name = \"app\"", "nom = \"app\""),
            ("name = \"app\"", "name = 7"),
            ("name = \"app\"", "name = \"\""),
        ] {
            let found = read(&LOCK.replacen(from, to, 1));
            assert_eq!(
                (found.gaps.len(), found.components.len()),
                (1, 0),
                "{from} → {to}"
            );
        }
        assert_eq!(read(&LOCK.replace("e3b0", "E3b0")).gaps.len(), 1);
    }

    #[test]
    fn nesting_without_end_is_a_gap() {
        let deep = |text: &str| text.repeat(200_000);
        for text in [
            format!("{}a = 1", deep("a.")),
            format!("[{}a]", deep("a.")),
            format!("a = {}", deep("[")),
            format!("a = {}1{}", deep("["), deep("]")),
            format!("a = {}", deep("{a=")),
            format!("a = {{ {}a = 1 }}", deep("a.")),
        ] {
            let found = read(&text);
            assert_eq!((found.gaps.len(), found.components.len()), (1, 0));
        }
    }

    #[test]
    fn a_checksum_that_is_not_ascii_does_not_panic() {
        let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let text = LOCK.replace(sha256, &format!("a{}a", "é".repeat(31)));
        assert_eq!(read(&text).gaps.len(), 1);
        // Why we do not use `cargo-lock`. Should this fail one day, it can be looked at again.
        let theirs = std::panic::catch_unwind(|| text.parse::<cargo_lock::Lockfile>());
        assert!(theirs.is_err());
    }

    #[test]
    fn an_independent_reader_sees_the_same_edges() {
        let text = include_str!("../../../../Cargo.lock");
        let found = read(text);
        assert_eq!(found.gaps, []);
        let name = |index: usize| {
            format!(
                "{}@{}",
                found.components[index].name, found.components[index].version
            )
        };
        let mut ours: Vec<_> = found
            .edges
            .iter()
            .map(|(user, used)| (name(*user), name(*used)))
            .collect();
        let theirs: cargo_lock::Lockfile = text.parse().expect("valid");
        let mut want: Vec<_> = theirs
            .packages
            .iter()
            .flat_map(|package| {
                let user = format!("{}@{}", package.name, package.version);
                package
                    .dependencies
                    .iter()
                    .map(move |used| (user.clone(), format!("{}@{}", used.name, used.version)))
            })
            .collect();
        ours.sort();
        want.sort();
        assert!(!want.is_empty());
        assert_eq!(ours, want);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(at in 0usize..700, text in "\\PC{0,6}") {
            let mut lock: Vec<char> = LOCK.chars().collect();
            let at = at % lock.len();
            lock.splice(at..at, text.chars());
            let _any = read(&lock.into_iter().collect::<String>());
        }
    }
}
