//! Go programs: the modules they were built from, in `.go.buildinfo`.
//!
//! The list is flat: that the program uses a module is known, and what a module uses is not.

use std::collections::BTreeMap;

use palisade_types::{Digest, Entry, ImageFile};

use super::{Ecosystem, each_file, elf, is_short, place, utf8};
use crate::distro::Distro;
use palisade_bom::inventory::{Component, ContentHash, Found, Kind, property};
use palisade_bom::purl::Purl;

pub(super) const ECOSYSTEM: Ecosystem = Ecosystem { wants, catalog };

/// The most modules of one program we list.
const MAX_MODULES: usize = 100_000;

const SECTION: &str = ".go.buildinfo";
/// How the section starts (Go, `debug/buildinfo`).
const MAGIC: &[u8] = b"\xff Go buildinf:";
/// Where its texts start, and the bit that says so.
const TEXTS: usize = 32;
const HAS_TEXTS: u8 = 2;
/// The bytes before and after the list of modules, by which Go itself finds it.
const MARK: usize = 16;

fn wants(entry: &Entry<'_>) -> Option<u64> {
    entry.head.starts_with(elf::MAGIC).then_some(elf::MAX_BYTES)
}

fn catalog(files: &[&ImageFile], _: Option<&Distro>) -> Found {
    each_file(files, |file, found| {
        if let Some(section) = elf::section(&file.bytes, SECTION)? {
            list(file, &Built::read(section)?, found);
        }
        Ok(())
    })
}

/// What a program says of how it was built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Built<'a> {
    go: &'a str,
    /// The package of `main`.
    path: &'a str,
    main: Option<Module<'a>>,
    modules: Vec<Module<'a>>,
    revision: Option<&'a str>,
    modified: bool,
}

/// `PATH VERSION SUM`, and what was taken in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Module<'a> {
    path: &'a str,
    version: &'a str,
    sum: &'a str,
    instead_of: Option<(&'a str, &'a str)>,
}

impl<'a> Built<'a> {
    fn read(section: &'a [u8]) -> Result<Self, String> {
        let flags = section.get(MAGIC.len() + 1);
        let (true, Some(flags)) = (section.starts_with(MAGIC), flags) else {
            return Err(format!(
                "its `{SECTION}` section does not start as Go writes it"
            ));
        };
        if flags & HAS_TEXTS == 0 {
            return Err(
                "was built by Go before 1.18, whose module lists palisade does not \
                        read"
                    .to_owned(),
            );
        }
        let cut = || format!("its `{SECTION}` section was cut off");
        let rest = section.get(TEXTS..).ok_or_else(cut)?;
        let (go, rest) = text(rest).ok_or_else(cut)?;
        let (list, _) = text(rest).ok_or_else(cut)?;
        let go = utf8(go)?;
        if !is_short(go) {
            return Err(format!("its `{SECTION}` section names no version of Go"));
        }
        let mut built = Self {
            go,
            ..Self::default()
        };
        // Go gives an empty list to a program that was built without modules.
        if list.len() > 2 * MARK {
            built.read_list(utf8(&list[MARK..list.len() - MARK])?)?;
        }
        Ok(built)
    }

    /// Takes in the lines that `go version -m` shows.
    fn read_list(&mut self, text: &'a str) -> Result<(), String> {
        for (index, line) in text.lines().enumerate() {
            let wrong = |why: &str| format!("its list of modules, line {}: {why}", index + 1);
            let (key, rest) = line.split_once('\t').unwrap_or((line, ""));
            match key {
                "" => {}
                "path" if is_short(rest) => self.path = rest,
                "path" => return Err(wrong("is no path")),
                "mod" => {
                    let module = Module::read(rest).ok_or_else(|| wrong("is no module"))?;
                    self.main = Some(module);
                }
                "dep" => {
                    if self.modules.len() == MAX_MODULES {
                        return Err(wrong(&format!("more than {MAX_MODULES} modules")));
                    }
                    let module = Module::read(rest).ok_or_else(|| wrong("is no module"))?;
                    self.modules.push(module);
                }
                "=>" => {
                    let module = Module::read(rest).ok_or_else(|| wrong("is no module"))?;
                    let last = self.modules.last_mut().or(self.main.as_mut());
                    let last = last.ok_or_else(|| wrong("replaces no module"))?;
                    *last = module.instead_of(last);
                }
                "build" => match rest.split_once('=') {
                    Some(("vcs.revision", revision)) => self.revision = Some(revision),
                    Some(("vcs.modified", modified)) => self.modified = modified == "true",
                    Some(_) => {}
                    None => return Err(wrong("is no setting")),
                },
                _ => return Err(wrong("begins with a word that Go does not write")),
            }
        }
        Ok(())
    }
}

/// Text behind its length (Go, `encoding/binary.Uvarint`).
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0usize;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return bytes[index + 1..].split_at_checked(length);
        }
    }
    None
}

impl<'a> Module<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut words = text.split('\t');
        let path = words.next().filter(|path| is_word(path))?;
        let module = Self {
            path,
            // Go, `debug.ParseBuildInfo`: the version is always there, and the sum need not be.
            version: words.next()?,
            sum: words.next().unwrap_or_default(),
            instead_of: None,
        };
        let is_version = module.version.is_empty() || is_word(module.version);
        (is_version && words.next().is_none()).then_some(module)
    }

    /// This module, taken in place of another. A folder has no name others know: the name stays.
    fn instead_of(self, other: &Self) -> Self {
        let replaced = Some((other.path, other.version));
        if self.is_folder() {
            Self {
                path: other.path,
                version: "",
                sum: "",
                instead_of: replaced,
            }
        } else {
            Self {
                instead_of: replaced,
                ..self
            }
        }
    }

    fn is_folder(&self) -> bool {
        self.path.starts_with(['.', '/'])
    }

    fn component(&self, kind: Kind, file: &ImageFile) -> Component {
        let mut component = component(kind, self.path, self.version, file);
        if !self.sum.is_empty() {
            let sum = self.sum.to_owned();
            component
                .properties
                .insert(property::RECORDED_CHECKSUM, sum);
        }
        if let Some((path, version)) = self.instead_of {
            let replaced = format!("{path}@{version}");
            component.properties.insert(property::REPLACES, replaced);
        }
        component
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && is_short(text) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn component(kind: Kind, path: &str, version: &str, file: &ImageFile) -> Component {
    // What Go calls a version it does not know.
    let version = if version == "(devel)" { "" } else { version };
    let mut component = Component::new(kind, path, version, place(file));
    component.purl = Some(Purl::golang(path, version));
    component.properties = BTreeMap::from([(property::FOUND_BY, "binary".to_owned())]);
    component.edges_complete = false;
    component
}

fn list(file: &ImageFile, built: &Built<'_>, found: &mut Found) {
    let first = found.components.len();
    let mut main = match &built.main {
        Some(module) => module.component(Kind::Application, file),
        None if built.path.is_empty() => component(Kind::Application, &file.path, "", file),
        None => component(Kind::Application, built.path, "", file),
    };
    if built.path.is_empty() && built.main.is_none() {
        // A path in an image is no module's.
        main.purl = None;
    }
    if let Some(revision) = built.revision {
        let said = if built.modified { " and changes" } else { "" };
        let said = format!("{revision}{said}");
        main.properties.insert(property::SOURCE_COMMIT, said);
    }
    main.hash = Some(ContentHash {
        digest: Digest::sha256_of(&file.bytes),
        of: "file",
    });
    main.top_level = true;
    let go = built.go.split(' ').next().unwrap_or_default();
    let mut standard = component(
        Kind::Library,
        "stdlib",
        go.strip_prefix("go").unwrap_or(built.go),
        file,
    );
    standard.edges_complete = true;
    found.components.extend([main, standard]);
    let modules = built.modules.iter();
    found
        .components
        .extend(modules.map(|module| module.component(Kind::Library, file)));
    let used = first + 1..found.components.len();
    found.edges.extend(used.map(|to| (first, to)));
}

#[cfg(test)]
mod tests {
    use super::super::testing::file;
    use super::*;
    use crate::testing::elf;

    /// The section of a program that Go built.
    const REAL: &[u8] = include_bytes!("../../../../fixtures/sbom/go/buildinfo");
    /// What `go version -m` says of that program.
    const TRUTH: &str = include_str!("../../../../fixtures/sbom/go/version-m.txt");

    fn read(section: &[u8]) -> Found {
        catalog(&[&file("usr/bin/hello", &elf(&[(SECTION, section)]))], None)
    }

    /// A section with this list of modules.
    fn section(list: &str) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([8, HAS_TEXTS]);
        bytes.resize(TEXTS, 0);
        let list = format!("{0}{list}{0}", "m".repeat(MARK));
        for text in ["go1.22.1 X:nocoverageredesign", list.as_str()] {
            let length = u16::try_from(text.len()).expect("short");
            bytes.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
            bytes.push(u8::try_from(length >> 7).expect("short"));
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    const LIST: &str = "path\texample.org/app/cmd\nmod\texample.org/app\t(devel)\t\n\
        dep\tgithub.com/Masterminds/semver/v3\tv3.2.1\th1:abc=\n\
        dep\texample.org/old\tv1.0.0\n=>\texample.org/new\tv1.1.0\th1:def=\n\
        dep\texample.org/here\tv1.0.0\n=>\t./here\t(devel)\t\n\
        build\tGOOS=linux\nbuild\tvcs.revision=0123abcd\nbuild\tvcs.modified=true\n";

    fn names(found: &Found) -> Vec<(&str, &str)> {
        let all = found.components.iter();
        all.map(|c| (c.name.as_str(), c.version.as_str())).collect()
    }

    #[test]
    fn a_real_program_lists_what_go_itself_says() {
        let found = read(REAL);
        assert_eq!(found.gaps, []);
        let (_, go) = TRUTH
            .lines()
            .next()
            .and_then(|l| l.split_once(": go"))
            .expect("go");
        let mut truth = vec![("stdlib", go)];
        for line in TRUTH.lines() {
            let words: Vec<_> = line.trim_start().split('\t').collect();
            match words[..] {
                ["mod", path, ..] => truth.insert(0, (path, "")),
                ["dep", path, version, ..] => truth.push((path, version)),
                ["=>", path, version, ..] => *truth.last_mut().expect("a dep") = (path, version),
                _ => {}
            }
        }
        assert_eq!(truth.len(), 4);
        assert_eq!(names(&found), truth);
        assert_eq!(found.edges, [(0, 1), (0, 2), (0, 3)]);
    }

    #[test]
    fn what_was_replaced_is_named_by_what_was_built() {
        let found = read(&section(LIST));
        assert_eq!(found.gaps, []);
        assert_eq!(
            names(&found),
            [
                ("example.org/app", ""),
                ("stdlib", "1.22.1"),
                ("github.com/Masterminds/semver/v3", "v3.2.1"),
                ("example.org/new", "v1.1.0"),
                ("example.org/here", ""),
            ]
        );
        let said = |index: usize, name: &str| found.components[index].properties.get(name);
        assert_eq!(
            said(3, property::REPLACES).map(String::as_str),
            Some("example.org/old@v1.0.0")
        );
        assert_eq!(
            said(0, property::SOURCE_COMMIT).map(String::as_str),
            Some("0123abcd and changes")
        );
        assert_eq!(
            said(2, property::RECORDED_CHECKSUM).map(String::as_str),
            Some("h1:abc=")
        );
        let unknown = found.components.iter().filter(|c| !c.edges_complete);
        assert_eq!(unknown.count(), 4, "all but the standard library");
    }

    #[test]
    fn a_program_without_a_list_of_modules_is_listed_with_its_go() {
        let found = read(&section(""));
        assert_eq!(found.gaps, []);
        assert_eq!(names(&found), [("usr/bin/hello", ""), ("stdlib", "1.22.1")]);
        assert!(found.components[0].purl.is_none());
        assert_eq!(catalog(&[&file("a", &elf(&[]))], None), Found::default());
    }

    #[test]
    fn a_list_that_go_does_not_write_is_a_gap_with_its_line() {
        for (from, to, want) in [
            ("dep\tgithub", "dop\tgithub", "line 3:"),
            ("v3.2.1", "v3 2", "line 3:"),
            ("dep\texample.org/old\t", "dep\t\t", "line 4:"),
            ("old\tv1.0.0", "old", "line 4:"),
            ("new\tv1.1.0\th1:def=", "new", "line 5:"),
            ("GOOS=linux", "GOOS", "line 8:"),
            ("path\texample.org/app/cmd\n", "=>\ta\tv1\n", "line 1:"),
            ("h1:abc=", "h1:abc=\tmore", "line 3:"),
        ] {
            let found = read(&section(&LIST.replace(from, to)));
            assert_eq!((found.components.len(), found.gaps.len()), (0, 1), "{to}");
            assert!(found.gaps[0].reason.contains(want), "{:?}", found.gaps);
        }
    }

    #[test]
    fn a_section_that_was_cut_off_or_is_older_is_a_gap() {
        for end in [0, 10, 15, 31, 32, 40, 60, 300] {
            assert_eq!(read(&REAL[..end]).gaps.len(), 1, "{end}");
        }
        let mut old = section(LIST);
        old[MAGIC.len() + 1] = 0;
        let found = read(&old);
        assert!(
            found.gaps[0].reason.contains("before 1.18"),
            "{:?}",
            found.gaps
        );
    }

    proptest::proptest! {
        #[test]
        fn no_damage_panics(at in 0usize..400, value: u8) {
            let mut bytes = section(LIST);
            let at = at % bytes.len();
            bytes[at] = value;
            let _any = read(&bytes);
        }
    }
}
