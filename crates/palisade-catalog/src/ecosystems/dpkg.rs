//! Debian's package database: `var/lib/dpkg/status`, and `status.d/` of distroless images.

use std::collections::{BTreeMap, HashMap};

use palisade_types::{Entry, ImageFile};

use super::deb822::{Paragraph, paragraphs};
use super::installed::{Installed, resolve};
use super::{Ecosystem, dpkg_copyright, is_short, place};
use crate::distro::Distro;
use palisade_bom::inventory::{Component, Found, Kind, Place, property};
use palisade_bom::purl::Purl;

pub(super) const ECOSYSTEM: Ecosystem = Ecosystem { wants, catalog };

/// The most bytes of one status file we read.
const MAX_STATUS: u64 = 128 << 20;
/// The most packages of one image we list.
const MAX_PACKAGES: usize = 200_000;
/// The most bytes of licences we list: packages of one name repeat those of one file.
const MAX_LICENSES: usize = 64 << 20;

const STATUS: &str = "var/lib/dpkg/status";
const STATUS_D: &str = "var/lib/dpkg/status.d/";

/// dpkg's own name for where its packages come from, when no os-release says.
const DEFAULT_VENDOR: &str = "debian";

fn wants(entry: &Entry<'_>) -> Option<u64> {
    if is_status(entry.path) {
        Some(MAX_STATUS)
    } else {
        dpkg_copyright::package(entry.path).map(|_| dpkg_copyright::MAX_BYTES)
    }
}

fn is_status(path: &str) -> bool {
    let of_distroless = path
        .strip_prefix(STATUS_D)
        // Checksums stand beside each package's own file.
        .is_some_and(|name| !name.contains('/') && !name.ends_with(".md5sums"));
    path == STATUS || of_distroless
}

fn catalog(files: &[&ImageFile], distro: Option<&Distro>) -> Found {
    let mut found = Found::default();
    let texts: Vec<_> = files
        .iter()
        .filter(|file| is_status(&file.path))
        .map(|file| (*file, String::from_utf8_lossy(&file.bytes)))
        .collect();
    let mut packages = Vec::new();
    for (file, text) in &texts {
        read_file(file, text, &mut packages, &mut found);
    }
    let edges = resolve(&packages);
    if edges.cut {
        found.gap(STATUS, "has more dependencies than palisade follows");
    }
    let licenses = licenses(files);
    let mut left = MAX_LICENSES;
    for (package, complete) in packages.iter().zip(edges.complete) {
        let mut component = package.component(distro);
        component.edges_complete = complete;
        if let Some((license, size)) = licenses.get(package.name) {
            match left.checked_sub(*size) {
                Some(rest) => {
                    left = rest;
                    component.licenses.clone_from(license);
                }
                None => found.gap(&package.place.path, "has more licences than palisade lists"),
            }
        }
        found.components.push(component);
    }
    found.edges = edges.pairs;
    found
}

/// The declared licences by package, and the bytes they take.
fn licenses<'a>(files: &[&'a ImageFile]) -> HashMap<&'a str, (Vec<String>, usize)> {
    let named = files.iter().filter_map(|file| {
        let package = dpkg_copyright::package(&file.path)?;
        let licenses = dpkg_copyright::licenses(&file.bytes);
        let size = licenses.iter().map(|name| size_of::<String>() + name.len());
        let size = size.sum();
        Some((package, (licenses, size)))
    });
    named.collect()
}

fn read_file<'a>(
    file: &ImageFile,
    text: &'a str,
    packages: &mut Vec<Package<'a>>,
    found: &mut Found,
) {
    // dpkg ends every paragraph of its database with an empty line. A file of distroless holds
    // one package and ends as its writer liked.
    if file.path == STATUS && !text.is_empty() && !text.ends_with("\n\n") {
        found.gap(
            &file.path,
            "does not end with an empty line: it was cut off",
        );
    }
    for paragraph in paragraphs(text) {
        let paragraph = match paragraph {
            Ok(paragraph) => paragraph,
            Err(broken) => {
                found.gap(&file.path, format!("line {}: is no field", broken.line));
                continue;
            }
        };
        if packages.len() == MAX_PACKAGES {
            found.gap(&file.path, format!("more than {MAX_PACKAGES} packages"));
            return;
        }
        match Package::read(&paragraph, place(file), file.path == STATUS) {
            Ok(package) => packages.extend(package),
            Err(why) => found.gap(&file.path, format!("line {}: {why}", paragraph.line)),
        }
    }
}

/// One installed package.
#[derive(Clone, Debug)]
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    architecture: &'a str,
    source: Option<&'a str>,
    status: Option<&'a str>,
    for_any_architecture: bool,
    depends: [Option<&'a str>; 2],
    provides: Option<&'a str>,
    place: Place,
}

impl<'a> Package<'a> {
    /// The package of a paragraph, if it is installed.
    fn read(
        paragraph: &Paragraph<'a>,
        place: Place,
        needs_status: bool,
    ) -> Result<Option<Self>, &'static str> {
        let status = paragraph.get("Status");
        match status {
            Some(status) if !is_unpacked(status)? => return Ok(None),
            None if needs_status => return Err("a package without a `Status`"),
            _ => {}
        }
        let field = |name: &str| paragraph.get(name).filter(|value| !value.is_empty());
        let package = Self {
            name: field("Package").ok_or("a paragraph without a `Package`")?,
            version: field("Version").ok_or("an installed package without a `Version`")?,
            architecture: field("Architecture")
                .ok_or("an installed package without an `Architecture`")?,
            source: field("Source"),
            status,
            for_any_architecture: matches!(field("Multi-Arch"), Some("foreign" | "allowed")),
            depends: [field("Pre-Depends"), field("Depends")],
            provides: field("Provides"),
            place,
        };
        if !is_name(package.name) || !is_name(package.architecture) {
            return Err("a package whose name or architecture is no word");
        }
        if !is_version(package.version) {
            return Err("a package whose `Version` is none");
        }
        Ok(Some(package))
    }

    fn component(&self, distro: Option<&Distro>) -> Component {
        let mut component =
            Component::new(Kind::Library, self.name, self.version, self.place.clone());
        let vendor = distro.map_or(DEFAULT_VENDOR, |distro| &distro.id);
        let qualifier = distro.map_or_else(String::new, Distro::qualifier);
        component.purl = Some(Purl::deb(
            vendor,
            self.name,
            self.version,
            &[("arch", self.architecture), ("distro", &qualifier)],
        ));
        component.top_level = true;
        let (source, source_version) = self.source();
        component.properties = BTreeMap::from([
            (property::FOUND_BY, "package database".to_owned()),
            (property::SOURCE_NAME, source.to_owned()),
            (property::SOURCE_VERSION, source_version.to_owned()),
        ]);
        if let Some(status) = self.status
            && status != "install ok installed"
        {
            component
                .properties
                .insert(property::STATUS, status.to_owned());
        }
        component
    }

    /// The source package: `Source: NAME (VERSION)`, each part as the binary's when left out
    /// (Debian Policy 5.6.1). A rebuilt binary, `+b1`, has a version its source does not have.
    fn source(&self) -> (&'a str, &'a str) {
        let Some(source) = self.source else {
            return (self.name, self.version);
        };
        match source.split_once('(') {
            Some((name, version)) => (name.trim(), version.trim_end_matches(')').trim()),
            None => (source, self.version),
        }
    }
}

impl<'a> Installed<'a> for Package<'a> {
    fn names(&self) -> impl Iterator<Item = &'a str> {
        let provided = self.provides.into_iter().flat_map(|list| list.split(','));
        std::iter::once(self.name).chain(provided.map(bare_name))
    }

    fn needs(&self) -> impl Iterator<Item = impl Iterator<Item = &'a str>> {
        let lists = self.depends.into_iter().flatten();
        lists
            .flat_map(|list| list.split(','))
            .filter(|need| !need.trim().is_empty())
            .map(|need| need.split('|').map(bare_name))
    }

    /// As far as architecture goes.
    fn can_use(&self, other: &Self) -> bool {
        self.architecture == other.architecture
            || self.architecture == "all"
            || other.architecture == "all"
            || other.for_any_architecture
    }
}

/// Whether a package's files are in place. The third word decides: a package on hold
/// (`hold ok installed`) or half configured is there to be attacked all the same, and
/// `deinstall ok config-files` is not.
fn is_unpacked(status: &str) -> Result<bool, &'static str> {
    let state = status
        .split_whitespace()
        .nth(2)
        .ok_or("a `Status` without three words")?;
    match state {
        "installed" | "triggers-awaited" | "triggers-pending" | "half-configured" | "unpacked" => {
            Ok(true)
        }
        "config-files" | "half-installed" | "not-installed" => Ok(false),
        _ => Err("a `Status` dpkg does not have"),
    }
}

/// Debian Policy 5.6.7, with the capitals and underscores that dpkg itself lets through.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && is_short(text)
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-._".contains(&b))
}

/// Debian Policy 5.6.12.
fn is_version(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"+-.~:".contains(&b);
    is_short(text) && text.bytes().all(allowed)
}

/// The name in `NAME:ARCH (>= VERSION) [ARCH]`.
fn bare_name(relation: &str) -> &str {
    let relation = relation.trim();
    let end = relation.find(|c: char| c.is_whitespace() || matches!(c, '(' | ':' | '['));
    &relation[..end.unwrap_or(relation.len())]
}

#[cfg(test)]
mod tests {
    use super::super::testing::file;
    use super::*;

    const LIBC: &str = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\n\
        Multi-Arch: same\nSource: glibc (2.36-9)\nVersion: 2.36-9+b1\nDescription: x\n .\n y\n\n";
    const BASH: &str = "Package: bash\nStatus: install ok installed\nArchitecture: amd64\n\
        Version: 5.2\nPre-Depends: libc6 (>= 2.36)\nDepends: awk | missing, debconf-2.0\n\n";
    const MAWK: &str = "Package: mawk\nStatus: install ok installed\nArchitecture: amd64\n\
        Version: 1:1.3\nProvides: awk, editor (= 1)\n\n";

    fn status(text: &str) -> Found {
        catalog(&[&file(STATUS, text.as_bytes())], None)
    }

    fn names(found: &Found) -> Vec<&str> {
        found
            .components
            .iter()
            .map(|component| component.name.as_str())
            .collect()
    }

    #[test]
    fn the_source_version_is_not_the_binary_s() {
        let found = status(LIBC);
        let component = &found.components[0];
        assert_eq!(component.properties[property::SOURCE_NAME], "glibc");
        assert_eq!(component.properties[property::SOURCE_VERSION], "2.36-9");
        assert_eq!(component.version, "2.36-9+b1");
        assert_eq!(found.gaps, []);
    }

    #[test]
    fn a_removed_package_is_not_listed_and_one_on_hold_is() {
        let removed = LIBC.replace("install ok installed", "deinstall ok config-files");
        assert_eq!(names(&status(&removed)), Vec::<&str>::new());
        let held = status(&LIBC.replace("install ok", "hold ok"));
        assert_eq!(
            held.components[0].properties[property::STATUS],
            "hold ok installed"
        );
    }

    #[test]
    fn edges_go_through_provides_and_an_unmet_need_is_known() {
        let found = status(&format!("{LIBC}{BASH}{MAWK}"));
        assert_eq!(found.edges, [(1, 0), (1, 2)]);
        let complete: Vec<_> = found.components.iter().map(|c| c.edges_complete).collect();
        assert_eq!(complete, [true, false, true]);
        let met = status(&format!(
            "{LIBC}{}{MAWK}",
            BASH.replace(", debconf-2.0", "")
        ));
        assert!(
            met.components
                .iter()
                .all(|component| component.edges_complete)
        );
    }

    #[test]
    fn a_dependency_stays_in_its_architecture_unless_multi_arch_says_otherwise() {
        let i386 = |multi_arch| LIBC.replace("amd64", "i386").replace("same", multi_arch);
        let bash = BASH.replace("awk | missing, debconf-2.0", "libc6");
        assert_eq!(status(&format!("{bash}{}", i386("same"))).edges, []);
        assert!(
            !status(&format!("{bash}{}", i386("foreign")))
                .edges
                .is_empty()
        );
    }

    #[test]
    fn a_status_cut_anywhere_is_a_gap() {
        let whole = format!("{LIBC}{BASH}{MAWK}");
        assert_eq!(status(&whole).gaps, []);
        for end in 1..whole.len() {
            // Only a cut exactly between two packages cannot be seen.
            let between = whole[..end].ends_with("\n\n");
            assert_eq!(
                status(&whole[..end]).gaps.is_empty(),
                between,
                "cut at {end}"
            );
        }
    }

    #[test]
    fn a_package_that_cannot_be_read_is_a_gap_and_its_neighbours_are_listed() {
        for (from, to) in [
            ("Version: 5.2\n", ""),
            ("Version: 5.2", "Version: 5 2"),
            ("Package: bash", "Package: ba/sh"),
            ("Status: install ok installed\n", ""),
            ("install ok installed", "install ok"),
            ("install ok installed", "install ok perhaps"),
            ("Version: 5.2", "Version 5.2"),
        ] {
            let found = status(&format!("{LIBC}{}{MAWK}", BASH.replace(from, to)));
            assert_eq!(names(&found), ["libc6", "mawk"], "{from} → {to}");
            assert_eq!(found.gaps.len(), 1, "{from} → {to}");
        }
    }

    #[test]
    fn distroless_writes_one_file_for_each_package_and_no_status() {
        let text = LIBC.replace("Status: install ok installed\n", "");
        let found = catalog(
            &[&file("var/lib/dpkg/status.d/libc6", text.trim().as_bytes())],
            None,
        );
        assert_eq!((names(&found), found.gaps.len()), (vec!["libc6"], 0));
        let wanted = |path: &str| wants(&super::super::entry(&file(path, b""))).is_some();
        assert!(wanted("var/lib/dpkg/status.d/libc6") && wanted("var/lib/dpkg/status"));
        assert!(
            !wanted("var/lib/dpkg/status.d/libc6.md5sums") && !wanted("var/lib/dpkg/status-old")
        );
    }

    #[test]
    fn licences_come_from_the_package_s_own_copyright_file() {
        let copyright = b"Format: x/copyright-format/1.0/\n\nFiles: *\nLicense: GPL-3+\n";
        let status = file(STATUS, format!("{LIBC}{MAWK}").as_bytes());
        let found = catalog(
            &[&file("usr/share/doc/mawk/copyright", copyright), &status],
            None,
        );
        assert_eq!(found.components[0].licenses, Vec::<String>::new());
        assert_eq!(found.components[1].licenses, ["GPL-3+"]);
    }

    #[test]
    fn licences_that_packages_of_one_name_repeat_without_end_are_a_gap() {
        let long = "x".repeat(MAX_LICENSES / 3);
        let copyright = format!("Format: copyright-format/1.0\n\nFiles: *\nLicense: {long}\n");
        let copyright = file("usr/share/doc/mawk/copyright", copyright.as_bytes());
        let found = catalog(
            &[&copyright, &file(STATUS, MAWK.repeat(4).as_bytes())],
            None,
        );
        let licenses: Vec<_> = found.components.iter().map(|c| c.licenses.len()).collect();
        assert_eq!((licenses, found.gaps.len()), (vec![1, 1, 0, 0], 2));
    }

    #[test]
    fn dependencies_without_end_are_a_gap() {
        let package = |index: usize| {
            format!(
                "Package: p{index}\nStatus: install ok installed\nArchitecture: amd64\n\
                 Version: 1\nProvides: x\nDepends: x\n\n"
            )
        };
        let all: String = (0..3_000).map(package).collect();
        let found = status(&all);
        assert_eq!((found.gaps.len(), found.components.len()), (1, 3_000));
        assert!(!found.components[2_999].edges_complete);
    }

    proptest::proptest! {
        #[test]
        fn no_status_panics(
            lines in proptest::collection::vec("(Package|Status|Version|Architecture|Depends|Provides|Source)?:? ?[ -~é|,():\\[]{0,20}", 0..30)
        ) {
            let _any = status(&lines.join("\n"));
        }
    }
}
