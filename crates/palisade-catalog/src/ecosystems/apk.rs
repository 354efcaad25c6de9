//! Alpine's and Wolfi's package database: `lib/apk/db/installed`.

use std::collections::BTreeMap;

use palisade_types::{Entry, ImageFile};

use super::installed::{Installed, resolve};
use super::{Ecosystem, is_short, place, utf8};
use crate::distro::Distro;
use palisade_bom::inventory::{Component, Found, Kind, property};
use palisade_bom::purl::Purl;

pub(super) const ECOSYSTEM: Ecosystem = Ecosystem { wants, catalog };

/// The most bytes of one database we read.
const MAX_DATABASE: u64 = 128 << 20;
/// The most packages of one database we list.
const MAX_PACKAGES: usize = 200_000;

/// The database, and where distributions with one `/usr` keep it.
const PATHS: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

/// Whose packages these are when no os-release says.
const DEFAULT_VENDOR: &str = "alpine";

fn wants(entry: &Entry<'_>) -> Option<u64> {
    PATHS.contains(&entry.path).then_some(MAX_DATABASE)
}

fn catalog(files: &[&ImageFile], distro: Option<&Distro>) -> Found {
    let mut found = Found::default();
    for (index, file) in files.iter().enumerate() {
        // `/lib` may be a copy of `/usr/lib`: that is one database.
        if files[..index].iter().any(|other| other.bytes == file.bytes) {
            continue;
        }
        match utf8(&file.bytes) {
            Ok(text) => list(file, text, distro, &mut found),
            Err(reason) => found.gap(&file.path, reason),
        }
    }
    found
}

fn list(file: &ImageFile, text: &str, distro: Option<&Distro>, found: &mut Found) {
    // apk ends every package with an empty line.
    if !text.is_empty() && !text.ends_with("\n\n") {
        let why = "does not end with an empty line: it was cut off";
        found.gap(&file.path, why);
    }
    let packages = packages(file, text, found);
    let edges = resolve(&packages);
    if edges.cut {
        found.gap(&file.path, "has more dependencies than palisade follows");
    }
    let first = found.components.len();
    for (package, complete) in packages.iter().zip(edges.complete) {
        let mut component = package.component(file, distro);
        component.edges_complete = complete;
        found.components.push(component);
    }
    let pairs = edges.pairs.into_iter();
    found
        .edges
        .extend(pairs.map(|(from, to)| (first + from, first + to)));
}

/// The packages that are whole; one that is not is a gap with its line.
fn packages<'a>(file: &ImageFile, text: &'a str, found: &mut Found) -> Vec<Package<'a>> {
    let mut packages = Vec::new();
    let mut current = Package::default();
    let mut problem: Option<(usize, &'static str)> = None;
    let lines = text.lines().chain(std::iter::once(""));
    for (index, line) in lines.enumerate() {
        let number = index + 1;
        if !line.is_empty() {
            if current.line == 0 {
                current.line = number;
            }
            if !current.add(line) {
                problem = problem.or(Some((number, "is no field")));
            }
            continue;
        }
        let package = std::mem::take(&mut current);
        if package.line == 0 {
            continue;
        }
        let wrong = problem
            .take()
            .or_else(|| Some((package.line, package.check().err()?)));
        if let Some((line, why)) = wrong {
            found.gap(&file.path, format!("line {line}: {why}"));
        } else if packages.len() == MAX_PACKAGES {
            found.gap(&file.path, format!("more than {MAX_PACKAGES} packages"));
            break;
        } else {
            packages.push(package);
        }
    }
    packages
}

/// One installed package (apk-tools, `apk-package(5)` and `apk-installed(5)`).
#[derive(Clone, Debug, Default)]
struct Package<'a> {
    line: usize,
    name: &'a str,
    version: &'a str,
    architecture: &'a str,
    origin: &'a str,
    commit: &'a str,
    checksum: &'a str,
    license: &'a str,
    depends: &'a str,
    provides: &'a str,
}

impl<'a> Package<'a> {
    /// Takes in `X:VALUE`. False if the line is nothing like it.
    fn add(&mut self, line: &'a str) -> bool {
        let Some((key, value)) = line.split_once(':') else {
            return false;
        };
        let field = match key {
            "P" => &mut self.name,
            "V" => &mut self.version,
            "A" => &mut self.architecture,
            "o" => &mut self.origin,
            "c" => &mut self.commit,
            "C" => &mut self.checksum,
            "L" => &mut self.license,
            "D" => &mut self.depends,
            "p" => &mut self.provides,
            _ => return key.len() == 1 && key.bytes().all(|byte| byte.is_ascii_alphabetic()),
        };
        // apk writes each of these once.
        let first = field.is_empty();
        *field = value;
        first
    }

    fn check(&self) -> Result<(), &'static str> {
        if !is_word(self.name) {
            Err("a package whose name (`P:`) is missing or no word")
        } else if !is_word(self.version) {
            Err("a package whose version (`V:`) is missing or none")
        } else if !is_word(self.architecture) {
            Err("a package whose architecture (`A:`) is missing or no word")
        } else {
            Ok(())
        }
    }

    fn component(&self, file: &ImageFile, distro: Option<&Distro>) -> Component {
        let mut component = Component::new(Kind::Library, self.name, self.version, place(file));
        let vendor = distro.map_or(DEFAULT_VENDOR, |distro| &distro.id);
        let qualifier = distro.map_or_else(String::new, Distro::qualifier);
        component.purl = Some(Purl::apk(
            vendor,
            self.name,
            self.version,
            &[("arch", self.architecture), ("distro", &qualifier)],
        ));
        component.top_level = true;
        if !self.license.is_empty() {
            component.licenses = vec![self.license.to_owned()];
        }
        let source = if self.origin.is_empty() {
            self.name
        } else {
            self.origin
        };
        component.properties = BTreeMap::from([
            (property::FOUND_BY, "package database".to_owned()),
            (property::SOURCE_NAME, source.to_owned()),
            (property::SOURCE_VERSION, self.version.to_owned()),
        ]);
        for (name, value) in [
            (property::SOURCE_COMMIT, self.commit),
            (property::RECORDED_CHECKSUM, self.checksum),
        ] {
            if !value.is_empty() {
                component.properties.insert(name, value.to_owned());
            }
        }
        component
    }
}

impl<'a> Installed<'a> for Package<'a> {
    /// Its own, and `so:`, `cmd:`, `pc:`.
    fn names(&self) -> impl Iterator<Item = &'a str> {
        std::iter::once(self.name).chain(self.provides.split_whitespace().map(bare_name))
    }

    /// `!NAME` is a conflict.
    fn needs(&self) -> impl Iterator<Item = impl Iterator<Item = &'a str>> {
        let all = self.depends.split_whitespace();
        all.filter(|name| !name.starts_with('!'))
            .map(|name| std::iter::once(bare_name(name)))
    }
}

/// What apk lets a name or version be made of; `.NAME` is a package of `apk add --virtual`.
fn is_word(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._~".contains(&byte);
    !text.is_empty() && is_short(text) && text.bytes().all(allowed)
}

/// The name in `NAME>=VERSION` and `NAME@REPOSITORY`.
fn bare_name(relation: &str) -> &str {
    let end = relation.find(['<', '>', '=', '~', '@']);
    &relation[..end.unwrap_or(relation.len())]
}

#[cfg(test)]
mod tests {
    use super::super::testing::file;
    use super::*;

    const REAL: &str = include_str!("../../../../fixtures/sbom/apk/installed");
    const SMALL: &str = "C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:app\nV:1.0-r2\nA:x86_64\nL:MIT AND Zlib\n\
        o:apps\nc:0123abcd\nD:so:libx.so.1 cmd:sh pc:x>=1 !old lib@edge~2\n\n\
        P:lib\nV:2.1-r0\nA:x86_64\np:so:libx.so.1=1.2.3 pc:x=2.1\n\n\
        P:sh\nV:5-r0\nA:x86_64\np:cmd:sh=5-r0\nF:bin\nR:sh\na:0:0:755\nZ:Q1x=\n\n\
        P:old\nV:1-r0\nA:noarch\n\n";

    fn distro() -> Distro {
        Distro {
            id: "alpine".to_owned(),
            version: Some("3.20.1".to_owned()),
        }
    }

    fn read(text: &str) -> Found {
        catalog(&[&file(PATHS[0], text.as_bytes())], Some(&distro()))
    }

    #[test]
    fn a_real_database_is_listed_in_full() {
        let found = read(REAL);
        let all: Vec<_> = found
            .components
            .iter()
            .map(|c| (c.name.as_str(), c.version.as_str(), c.licenses.join(",")))
            .collect();
        assert_eq!(
            all,
            [
                ("libc-utils", "0.7.2-r0", "BSD".to_owned()),
                ("musl-utils", "1.1.24-r2", "MIT BSD GPL2+".to_owned())
            ]
        );
        assert_eq!((found.edges, found.gaps), (vec![(0, 1)], vec![]));
        let complete: Vec<_> = found.components.iter().map(|c| c.edges_complete).collect();
        assert_eq!(complete, [true, false], "scanelf is not there");
    }

    #[test]
    fn dependencies_lead_through_what_is_provided_and_a_conflict_is_none() {
        let found = read(SMALL);
        assert_eq!(found.gaps, []);
        let mut edges = found.edges;
        edges.sort_unstable();
        edges.dedup();
        assert_eq!(edges, [(0, 1), (0, 2)]);
        let app = &found.components[0];
        assert!(app.edges_complete);
        assert_eq!(
            app.purl.as_ref().map(Purl::as_str),
            Some("pkg:apk/alpine/app@1.0-r2?arch=x86_64&distro=alpine-3.20.1")
        );
        assert_eq!(app.properties[property::SOURCE_NAME], "apps");
        assert_eq!(app.properties[property::SOURCE_COMMIT], "0123abcd");
        assert_eq!(
            app.properties[property::RECORDED_CHECKSUM],
            "Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA="
        );
    }

    #[test]
    fn a_need_that_nothing_provides_leaves_the_edges_incomplete() {
        let found = read(&SMALL.replace("pc:x=2.1", "pc:y=2.1"));
        assert!(!found.components[0].edges_complete);
        assert!(found.components[1].edges_complete);
    }

    #[test]
    fn a_broken_package_is_a_gap_with_its_line_and_the_others_are_listed() {
        for (from, to, line) in [
            ("P:lib\n", "P:\n", "line 10:"),
            ("P:lib\n", "P:li b\n", "line 10:"),
            ("V:2.1-r0\n", "", "line 10:"),
            ("A:noarch\n", "", "line 24:"),
            ("V:2.1-r0\n", "V:2.1-r0\nV:3\n", "line 12:"),
            ("A:noarch\n", "A:noarch\nnothing\n", "line 27:"),
            ("A:noarch\n", "A:noarch\n%%:x\n", "line 27:"),
        ] {
            let found = read(&SMALL.replace(from, to));
            assert_eq!(found.components.len(), 3, "{from} → {to}");
            assert_eq!(found.gaps.len(), 1, "{from} → {to}");
            let reason = &found.gaps[0].reason;
            assert!(reason.starts_with(line), "{reason}, want {line}");
        }
    }

    #[test]
    fn a_database_that_was_cut_off_or_is_no_text_is_a_gap() {
        assert_eq!(read(SMALL.trim_end()).gaps.len(), 1);
        assert_eq!(read("\n").gaps.len(), 1);
        assert_eq!(read("").gaps, []);
        let mut bytes = SMALL.as_bytes().to_vec();
        bytes[40] = 0xff;
        let found = catalog(&[&file(PATHS[0], &bytes)], None);
        assert_eq!((found.components.len(), found.gaps.len()), (0, 1));
        assert!(found.gaps[0].reason.contains("line 3"), "{:?}", found.gaps);
    }

    #[test]
    fn one_database_at_two_paths_is_read_once() {
        let [a, b] = PATHS.map(|path| file(path, SMALL.as_bytes()));
        assert_eq!(catalog(&[&a, &b], None).components.len(), 4);
        let other = file(PATHS[1], SMALL.replace("P:sh", "P:ash").as_bytes());
        assert_eq!(catalog(&[&a, &other], None).components.len(), 8);
    }

    proptest::proptest! {
        #[test]
        fn no_damage_panics(at in 0usize..300, value: u8) {
            let mut bytes = SMALL.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = value;
            let _any = catalog(&[&file(PATHS[0], &bytes)], None);
        }
    }
}
