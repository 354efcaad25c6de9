//! Python distributions as they are installed: `*.dist-info` and `*.egg-info`.
//!
//! A distribution depends on others of the same folder. Nothing is ever run: what an interpreter
//! would say is taken from paths, and is otherwise unknown.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use palisade_types::{Entry, ImageFile};
use serde::Deserialize;

use super::cargo_lock::without_password;
use super::python_marker::{Holds, Interpreter, Requirement, holds, is_name, normal};
use super::{Ecosystem, MAX_URL, is_short, place, utf8};
use crate::distro::Distro;
use palisade_bom::inventory::{Component, Found, Kind, MAX_EDGES, property};
use palisade_bom::purl::Purl;

pub(super) const ECOSYSTEM: Ecosystem = Ecosystem { wants, catalog };

/// The most bytes of one file we read; long descriptions stand in the same file.
const MAX_METADATA: u64 = 8 << 20;
/// The most requirements we look at, counted again for each extra that is asked for. A long one
/// counts as several.
const MAX_REQUIREMENTS: usize = MAX_EDGES;

fn wants(entry: &Entry<'_>) -> Option<u64> {
    part_of(entry.path).map(|_| MAX_METADATA)
}

/// A file of a distribution's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Metadata,
    Installer,
    DirectUrl,
    Requires,
}

/// The folder (or file) that describes the distribution, and what this file tells of it.
fn part_of(path: &str) -> Option<(&str, Part)> {
    let has_end = |text: &str, end: &str| text.len() > end.len() && text.ends_with(end);
    if has_end(path, ".egg-info") {
        return Some((path, Part::Metadata));
    }
    let (folder, name) = path.rsplit_once('/')?;
    let is_egg = has_end(folder, ".egg-info") || has_end(folder, ".egg/EGG-INFO");
    let is_dist = has_end(folder, ".dist-info");
    let part = match name {
        "METADATA" if is_dist => Part::Metadata,
        "PKG-INFO" if is_egg => Part::Metadata,
        "requires.txt" if is_egg => Part::Requires,
        "INSTALLER" if is_dist => Part::Installer,
        "direct_url.json" if is_dist => Part::DirectUrl,
        _ => return None,
    };
    Some((folder, part))
}

fn catalog(files: &[&ImageFile], _: Option<&Distro>) -> Found {
    let mut found = Found::default();
    let mut beside: HashMap<&str, Vec<(Part, &ImageFile)>> = HashMap::new();
    for file in files {
        if let Some((folder, part)) = part_of(&file.path) {
            beside.entry(folder).or_default().push((part, *file));
        }
    }
    let mut dists = Vec::new();
    for file in files {
        if let Some((folder, Part::Metadata)) = part_of(&file.path) {
            let others = beside.get(folder).map_or(&[][..], Vec::as_slice);
            dists.extend(Dist::read(file, folder, others, &mut found));
        }
    }
    let edges = resolve(&dists);
    if let Some(at) = edges.cut {
        let why = "and others have more requirements than palisade follows";
        found.gap(&dists[at].file.path, why);
    }
    for (index, dist) in dists.into_iter().enumerate() {
        let mut component = dist.component;
        component.edges_complete &= edges.complete[index] && edges.cut.is_none();
        component.top_level = !edges.used[index];
        found.components.push(component);
    }
    found.edges = edges.pairs;
    found
}

/// One installed distribution.
struct Dist<'a> {
    file: &'a ImageFile,
    /// The folder that holds it, as it would be imported from.
    site: &'a str,
    key: String,
    requirements: Vec<(Requirement<'a>, Option<Condition<'a>>)>,
    component: Component,
}

/// The section of a `requires.txt` a requirement stands in: `[EXTRA:MARKER]`.
type Condition<'a> = (&'a str, &'a str);

impl<'a> Dist<'a> {
    fn read(
        file: &'a ImageFile,
        folder: &'a str,
        beside: &[(Part, &'a ImageFile)],
        found: &mut Found,
    ) -> Option<Self> {
        let headers = match headers(&file.bytes) {
            Ok(headers) => headers,
            Err(reason) => {
                found.gap(&file.path, reason);
                return None;
            }
        };
        let all = |name: &'static str| {
            let named = headers
                .iter()
                .filter(move |(key, _)| key.eq_ignore_ascii_case(name));
            named
                .map(|(_, value)| *value)
                .filter(|value| !value.is_empty())
        };
        let name = all("Name").next().filter(|name| is_name(name));
        let is_version =
            |text: &&str| is_short(text) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let version = all("Version").next().filter(is_version);
        let (Some(name), Some(version)) = (name, version) else {
            let what = if name.is_none() { "Name" } else { "Version" };
            found.gap(&file.path, format!("has no `{what}`, or one that is none"));
            return None;
        };
        let folder = folder.strip_suffix("/EGG-INFO").unwrap_or(folder);
        let mut component = Component::new(Kind::Library, name, version, place(file));
        component.licenses = licenses(all("License-Expression"), all("Classifier"), all("License"));
        component.properties = BTreeMap::from([(property::FOUND_BY, "package folder".to_owned())]);
        let mut qualifier = None;
        let mut requirements = Vec::new();
        for text in all("Requires-Dist") {
            requirements.extend(requirement(file, text, &mut component, found).map(|r| (r, None)));
        }
        for (part, other) in beside {
            match part {
                Part::Metadata => {}
                Part::Installer => {
                    let text = String::from_utf8_lossy(&other.bytes);
                    if let Some(word) = text.split_whitespace().next() {
                        component
                            .properties
                            .insert(property::INSTALLER, word.to_owned());
                    }
                }
                Part::DirectUrl => match direct_url(&other.bytes) {
                    Ok(from) => qualifier = from,
                    Err(reason) => found.gap(&other.path, reason),
                },
                Part::Requires => {
                    let Ok(text) = std::str::from_utf8(&other.bytes) else {
                        found.gap(&other.path, "is not UTF-8");
                        component.edges_complete = false;
                        continue;
                    };
                    let mut section = None;
                    for line in text.lines().map(str::trim) {
                        if line.is_empty() || line.starts_with('#') {
                            continue;
                        }
                        let inside = line.strip_prefix('[').and_then(|l| l.strip_suffix(']'));
                        if let Some(inside) = inside {
                            section = Some(inside.split_once(':').unwrap_or((inside, "")));
                        } else {
                            let read = requirement(other, line, &mut component, found);
                            requirements.extend(read.map(|r| (r, section)));
                        }
                    }
                }
            }
        }
        let qualifiers: Vec<_> = qualifier
            .iter()
            .map(|(key, url)| (*key, url.as_str()))
            .collect();
        component.purl = Some(Purl::pypi(name, version, &qualifiers));
        Some(Self {
            file,
            site: folder.rsplit_once('/').map_or("", |(site, _)| site),
            key: normal(name),
            requirements,
            component,
        })
    }

    /// How many requirements of common length these are as much work as.
    fn weight(&self) -> usize {
        let each = self.requirements.iter().map(|(requirement, condition)| {
            let of_section = condition.map_or(0, |(name, marker)| name.len() + marker.len());
            let length = requirement.text.len() + of_section;
            1 + requirement.extras.len() + length / 64
        });
        each.sum()
    }
}

fn requirement<'a>(
    file: &ImageFile,
    text: &'a str,
    component: &mut Component,
    found: &mut Found,
) -> Option<Requirement<'a>> {
    let read = Requirement::read(text);
    if read.is_none() {
        component.edges_complete = false;
        found.gap(&file.path, "has a requirement that begins with no name");
    }
    read
}

/// The headers before the first empty line (PyPA, *Core metadata*), the first line of each.
fn headers(bytes: &[u8]) -> Result<Vec<(&str, &str)>, String> {
    // The text after the headers may be in any encoding.
    let ends = [&b"\n\n"[..], b"\n\r\n"];
    let end = ends
        .iter()
        .filter_map(|end| bytes.windows(end.len()).position(|window| window == *end))
        .min();
    let bytes = &bytes[..end.unwrap_or(bytes.len())];
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = utf8(bytes)?;
    let mut headers = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with([' ', '\t']) && index > 0 {
            continue;
        }
        let (name, value) = line
            .split_once(':')
            .filter(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()))
            .ok_or_else(|| format!("line {}: is no header", index + 1))?;
        headers.push((name, value.trim()));
    }
    Ok(headers)
}

/// The expression; else what classifiers say; else the free text's first line.
fn licenses<'a>(
    mut expression: impl Iterator<Item = &'a str>,
    classifiers: impl Iterator<Item = &'a str>,
    mut text: impl Iterator<Item = &'a str>,
) -> Vec<String> {
    if let Some(expression) = expression.next() {
        return vec![expression.to_owned()];
    }
    let classified: BTreeSet<&str> = classifiers
        .filter_map(|classifier| classifier.strip_prefix("License ::"))
        .filter_map(|path| path.rsplit("::").next())
        .map(str::trim)
        .filter(|name| !name.is_empty() && *name != "OSI Approved")
        .collect();
    if !classified.is_empty() {
        return classified.into_iter().map(str::to_owned).collect();
    }
    let known = text.next().filter(|text| *text != "UNKNOWN");
    known.map(str::to_owned).into_iter().collect()
}

/// Where a distribution came from, if not from an index (PyPA, *Direct URL data structure*).
#[derive(Debug, Deserialize)]
struct DirectUrl {
    url: String,
    vcs_info: Option<VcsInfo>,
}

#[derive(Debug, Deserialize)]
struct VcsInfo {
    vcs: String,
    commit_id: String,
}

fn direct_url(bytes: &[u8]) -> Result<Option<(&'static str, String)>, String> {
    let from: DirectUrl = serde_json::from_slice(bytes)
        .map_err(|error| format!("line {}: is no direct URL", error.line()))?;
    if from.url.len() > MAX_URL {
        return Err(format!("its URL is longer than {MAX_URL} bytes"));
    }
    let url = without_password(&from.url);
    Ok(match from.vcs_info {
        Some(info) if !is_short(&info.vcs) || !is_short(&info.commit_id) => {
            return Err("its commit is none".to_owned());
        }
        Some(info) => Some(("vcs_url", format!("{}+{url}@{}", info.vcs, info.commit_id))),
        // A folder of the machine that built the image.
        None if url.starts_with("file:") => None,
        None => Some(("download_url", url)),
    })
}

struct Edges {
    pairs: Vec<(usize, usize)>,
    /// For each distribution, whether all that it needs was found.
    complete: Vec<bool>,
    /// For each distribution, whether another needs it.
    used: Vec<bool>,
    /// Where the limit was reached.
    cut: Option<usize>,
}

/// The edges within each folder. An extra counts when another distribution asks for it; that a
/// person did is written nowhere.
fn resolve(dists: &[Dist<'_>]) -> Edges {
    let by_name: HashMap<(&str, &str), usize> = dists
        .iter()
        .enumerate()
        .map(|(index, dist)| ((dist.site, dist.key.as_str()), index))
        .collect();
    let mut edges = Edges {
        pairs: Vec::new(),
        complete: vec![true; dists.len()],
        used: vec![false; dists.len()],
        cut: None,
    };
    let mut todo: Vec<(usize, String)> = (0..dists.len()).map(|at| (at, String::new())).collect();
    let mut seen: BTreeSet<(usize, String)> = todo.iter().cloned().collect();
    let weights: Vec<usize> = dists.iter().map(Dist::weight).collect();
    let mut looked_at = 0;
    while let Some((index, extra)) = todo.pop() {
        let dist = &dists[index];
        looked_at += weights[index];
        if looked_at > MAX_REQUIREMENTS {
            edges.cut = Some(index);
            break;
        }
        let interpreter = Interpreter::of(dist.site);
        for (requirement, condition) in &dist.requirements {
            let asked = needed(requirement, *condition, &interpreter, &extra);
            if asked == Holds::No {
                continue;
            }
            let Some(&to) = by_name.get(&(dist.site, normal(requirement.name).as_str())) else {
                edges.complete[index] = false;
                continue;
            };
            edges.pairs.push((index, to));
            edges.used[to] |= to != index;
            for name in &requirement.extras {
                let asks = (to, normal(name));
                if seen.insert(asks.clone()) {
                    todo.push(asks);
                }
            }
        }
    }
    edges.pairs.sort_unstable();
    edges.pairs.dedup();
    edges
}

/// Whether a requirement counts when this extra (empty: none) is asked for.
fn needed(
    requirement: &Requirement<'_>,
    condition: Option<Condition<'_>>,
    interpreter: &Interpreter,
    extra: &str,
) -> Holds {
    let of_marker = |marker: &str| holds(marker, interpreter, extra);
    let own = requirement.marker.map_or(Holds::Yes, of_marker);
    let of_section = condition.map_or(Holds::Yes, |(name, marker)| {
        if !name.is_empty() && normal(name) != extra {
            Holds::No
        } else if marker.is_empty() {
            Holds::Yes
        } else {
            of_marker(marker)
        }
    });
    own.min(of_section)
}

#[cfg(test)]
mod tests {
    use super::super::testing::file;
    use super::*;

    /// The metadata of a virtual environment that pip made, by path.
    const SITE: &str = include_str!("../../../../fixtures/sbom/python/site.json");
    const EXPECTED: &str = include_str!("../../../../fixtures/sbom/python/expected.tsv");
    const EDGES: &str = include_str!("../../../../fixtures/sbom/python/edges.tsv");

    fn read(files: &[(&str, &str)]) -> Found {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| file(path, text.as_bytes()))
            .collect();
        catalog(&files.iter().collect::<Vec<_>>(), None)
    }

    fn edges(found: &Found) -> Vec<String> {
        let name = |index: usize| normal(&found.components[index].name);
        let edges = found.edges.iter();
        let mut edges: Vec<_> = edges
            .map(|(from, to)| format!("{}\t{}", name(*from), name(*to)))
            .collect();
        edges.sort_unstable();
        edges
    }

    #[test]
    fn a_real_environment_is_what_python_itself_says() {
        let site: BTreeMap<String, String> = serde_json::from_str(SITE).expect("JSON");
        let files: Vec<_> = site.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
        let found = read(&files);
        let mut list: Vec<_> = found
            .components
            .iter()
            .map(|c| format!("{}\t{}", c.name, c.version))
            .collect();
        list.sort_unstable();
        let mut expected: Vec<_> = EXPECTED.lines().collect();
        expected.sort_unstable();
        assert_eq!(list, expected);
        assert_eq!(edges(&found), EDGES.lines().collect::<Vec<_>>());
        assert_eq!(found.gaps, []);
        assert!(found.components.iter().all(|c| c.edges_complete));
        let top = |name: &str| {
            found
                .components
                .iter()
                .any(|c| c.name == name && c.top_level)
        };
        assert!(top("requests") && top("jaraco.text") && !top("urllib3"));
        assert!(
            found
                .components
                .iter()
                .all(|c| c.properties[property::INSTALLER] == "pip")
        );
    }

    const SITE_DIR: &str = "opt/lib/python3.11/site-packages";

    fn dist(name: &str, more: &str) -> (String, String) {
        (
            format!("{SITE_DIR}/{name}-1.0.dist-info/METADATA"),
            format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{more}\nText: with\n"),
        )
    }

    fn read_dists(dists: &[(String, String)]) -> Found {
        let files: Vec<_> = dists
            .iter()
            .map(|(p, t)| (p.as_str(), t.as_str()))
            .collect();
        read(&files)
    }

    #[test]
    fn an_extra_counts_when_another_asks_for_it() {
        let b = dist("b", "Requires-Dist: c; extra == 'fast'\n");
        let c = dist("C", "");
        let asks = dist("a", "Requires-Dist: b[Fast]>=1\n");
        let found = read_dists(&[asks, b.clone(), c.clone()]);
        assert_eq!(edges(&found), ["a\tb", "b\tc"]);
        let does_not = dist("a", "Requires-Dist: b>=1\n");
        assert_eq!(edges(&read_dists(&[does_not, b, c])), ["a\tb"]);
    }

    #[test]
    fn what_is_needed_and_not_in_the_same_folder_leaves_the_edges_incomplete() {
        let a = dist("a", "Requires-Dist: b\n");
        let mut b = dist("b", "");
        assert!(read_dists(&[a.clone(), b.clone()]).components[0].edges_complete);
        b.0 = b.0.replace("opt/", "srv/");
        let found = read_dists(&[a, b]);
        assert_eq!((found.edges, found.gaps), (vec![], vec![]));
        assert!(!found.components[0].edges_complete);
        let windows = dist("a", "Requires-Dist: b; sys_platform == 'win32'\n");
        assert!(read_dists(&[windows]).components[0].edges_complete);
    }

    #[test]
    fn a_long_marker_that_many_extras_ask_for_is_a_gap() {
        let extras: Vec<_> = (0..20_000).map(|at| format!("e{at}")).collect();
        let a = dist("a", &format!("Requires-Dist: b[{}]\n", extras.join(",")));
        let marker = "x ".repeat(1 << 20);
        let b = dist("b", &format!("Requires-Dist: c; {marker}\n"));
        let found = read_dists(&[a, b, dist("c", "")]);
        assert_eq!((found.components.len(), found.gaps.len()), (3, 1));
        assert!(!found.components[1].edges_complete);
    }

    #[test]
    fn eggs_are_read_as_folder_and_as_file() {
        let info = "Metadata-Version: 1.1\nName: Old_Egg\nVersion: 2\nLicense: BSD\n";
        let found = read(&[
            ("l/site-packages/Old_Egg.egg-info/PKG-INFO", info),
            (
                "l/site-packages/Old_Egg.egg-info/requires.txt",
                "six\n\n[fast]\nnumpy\n\n[:python_version < '3']\nenum34\n",
            ),
            (
                "l/site-packages/six-1.egg-info",
                "Name: six\nVersion: 1\nLicense: UNKNOWN\n",
            ),
            (
                "l/numpy-1.egg/EGG-INFO/PKG-INFO",
                "Name: numpy\nVersion: 1\n",
            ),
            (".egg-info", "no"),
        ]);
        assert_eq!(found.gaps, []);
        assert_eq!(edges(&found), ["old-egg\tsix"]);
        let egg = found
            .components
            .iter()
            .find(|c| c.name == "Old_Egg")
            .expect("there");
        assert!(!egg.edges_complete, "the interpreter is not known");
        assert_eq!(egg.licenses, ["BSD"]);
        let purl = egg.purl.as_ref().map(Purl::as_str);
        assert_eq!(purl, Some("pkg:pypi/old-egg@2"));
        assert_eq!(found.components.len(), 3);
    }

    #[test]
    fn an_expression_goes_before_classifiers_and_those_before_text() {
        let all = "License: text\nClassifier: License :: OSI Approved :: MIT License\n\
            License-Expression: MIT OR Apache-2.0\n";
        let of = |more: &str| {
            read_dists(&[dist("a", more)]).components[0]
                .licenses
                .clone()
        };
        assert_eq!(of(all), ["MIT OR Apache-2.0"]);
        assert_eq!(of(&all.replace("License-E", "X-E")), ["MIT License"]);
        assert_eq!(of("License: text\n"), ["text"]);
        assert_eq!(of("License: UNKNOWN\n"), [""; 0]);
    }

    #[test]
    fn a_direct_url_is_told_from_an_index_and_keeps_no_password() {
        let a = dist("a", "");
        let path = format!("{SITE_DIR}/a-1.0.dist-info/direct_url.json");
        let with = |text: &str| read_dists(&[a.clone(), (path.clone(), text.to_owned())]);
        let git = with(
            r#"{"url":"https://u:secret@example.org/a.git","vcs_info":{"vcs":"git","commit_id":"0123"}}"#,
        );
        let purl = git.components[0].purl.as_ref().map(Purl::as_str);
        assert_eq!(
            purl,
            Some("pkg:pypi/a@1.0?vcs_url=git%2Bhttps:%2F%2Fexample.org%2Fa.git%400123")
        );
        let broken = with("{\n}");
        assert_eq!((broken.components.len(), broken.gaps.len()), (1, 1));
        assert!(
            broken.gaps[0].reason.starts_with("line 2:"),
            "{:?}",
            broken.gaps
        );
    }

    #[test]
    fn metadata_that_does_not_read_is_a_gap() {
        let path = format!("{SITE_DIR}/a-1.0.dist-info/METADATA");
        for (text, want) in [
            ("", "no `Name`"),
            ("Name: a\n", "no `Version`"),
            ("Name: a b\nVersion: 1\n", "no `Name`"),
            ("Name: a\nVersion: 1 0\n", "no `Version`"),
            ("Name: a\nno header\nVersion: 1\n", "line 2: is no header"),
        ] {
            let found = read(&[(path.as_str(), text)]);
            assert_eq!((found.components.len(), found.gaps.len()), (0, 1), "{text}");
            assert!(found.gaps[0].reason.contains(want), "{:?}", found.gaps);
        }
        let odd = dist("a", "Requires-Dist: >=1\n");
        let found = read_dists(&[odd]);
        assert_eq!((found.components.len(), found.gaps.len()), (1, 1));
        assert!(!found.components[0].edges_complete);
        let bytes = b"Name: a\nVersion: \xff\n";
        let found = catalog(&[&file(&path, bytes)], None);
        assert!(
            found.gaps[0].reason.starts_with("line 2:"),
            "{:?}",
            found.gaps
        );
    }

    proptest::proptest! {
        #[test]
        fn no_metadata_panics(text in "(Name: a\n)?(Version: 1\n)?(Requires-Dist: )?.{0,60}") {
            let _any = read_dists(&[("a.dist-info/METADATA".to_owned(), text)]);
        }
    }
}
