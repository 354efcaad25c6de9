//! Packages of npm as they are installed: the `package.json` files of `node_modules` folders.
//!
//! What a package depends on is found as node finds it: in the `node_modules` of its own folder,
//! then of each folder above (Node.js, *Loading from node_modules folders*).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use palisade_types::{Entry, ImageFile};
use serde_json::{Map, Value};

use super::{Ecosystem, is_short, place};
use crate::distro::Distro;
use palisade_bom::inventory::{Component, Found, Kind, MAX_EDGES, property};
use palisade_bom::purl::Purl;

pub(super) const ECOSYSTEM: Ecosystem = Ecosystem { wants, catalog };

/// The most bytes of one manifest we read.
const MAX_MANIFEST: u64 = 4 << 20;
/// The most folders we look into for what packages depend on.
const MAX_LOOKUPS: usize = 8 * MAX_EDGES;

const MANIFEST: &str = "package.json";
const FOLDER: &str = "node_modules";

fn wants(entry: &Entry<'_>) -> Option<u64> {
    folder_of(entry.path).map(|_| MAX_MANIFEST)
}

/// The folder whose manifest this is.
fn folder_of(path: &str) -> Option<&str> {
    match path.rsplit_once('/') {
        Some((folder, MANIFEST)) => Some(folder),
        None if path == MANIFEST => Some(""),
        _ => None,
    }
}

fn catalog(files: &[&ImageFile], _: Option<&Distro>) -> Found {
    let mut found = Found::default();
    let mut installs = Vec::new();
    let hosts: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| host_of(folder_of(&file.path)?))
        .collect();
    for file in files {
        let Some(folder) = folder_of(&file.path) else {
            continue;
        };
        let role = match host_of(folder) {
            Some(_) => Role::Package,
            None if hosts.contains(folder) => Role::Application,
            // A manifest within a package says how to load its files; it is no package.
            None => continue,
        };
        match Install::read(file, folder, role) {
            Ok(install) => installs.extend(install),
            Err(reason) => found.gap(&file.path, reason),
        }
    }
    list(&installs, &mut found);
    found
}

/// The folder that holds the `node_modules` which this folder is a package of: the name directly
/// below, or one level more below a scope.
fn host_of(folder: &str) -> Option<&str> {
    let (above, name) = folder.rsplit_once('/')?;
    if name.is_empty() || name.starts_with(['.', '@']) {
        return None;
    }
    let modules = match above.rsplit_once('/') {
        Some((modules, scope)) if scope.starts_with('@') => modules,
        None if above.starts_with('@') => return None,
        _ => above,
    };
    match modules.rsplit_once('/') {
        Some((host, FOLDER)) => Some(host),
        None if modules == FOLDER => Some(""),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Its folder is in a `node_modules`.
    Package,
    /// Its folder has a `node_modules`.
    Application,
}

/// How much a dependency is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Required,
    IfThere,
}

/// One installed package.
struct Install<'a> {
    file: &'a ImageFile,
    folder: &'a str,
    role: Role,
    name: String,
    version: String,
    licenses: Vec<String>,
    needs: BTreeMap<String, Need>,
}

impl<'a> Install<'a> {
    /// The package, unless the manifest is a mere note of its author: neither name nor version.
    fn read(file: &'a ImageFile, folder: &'a str, role: Role) -> Result<Option<Self>, String> {
        let manifest = parse(&file.bytes)?;
        let text = |field: &str| {
            let value = manifest.get(field).and_then(Value::as_str);
            value.filter(|text| !text.is_empty())
        };
        let (name, version) = match (text("name"), text("version")) {
            (None, None) => return Ok(None),
            // An application need not have a version.
            (Some(name), None) if role == Role::Application => (name, ""),
            (Some(name), Some(version)) => (name, version),
            (Some(name), None) => return Err(format!("`{name}` has no `version`")),
            (None, Some(_)) => return Err("a package without a `name`".to_owned()),
        };
        if !is_name(name) {
            return Err("a package whose `name` is none of npm's".to_owned());
        }
        if !is_short(version) || !version.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("the `version` of `{name}` is none"));
        }
        Ok(Some(Self {
            file,
            folder,
            role,
            name: name.to_owned(),
            version: version.to_owned(),
            licenses: licenses(&manifest),
            needs: needs(&manifest, role),
        }))
    }

    fn component(&self) -> Component {
        let kind = match self.role {
            Role::Application => Kind::Application,
            Role::Package => Kind::Library,
        };
        let mut component = Component::new(kind, &self.name, &self.version, place(self.file));
        component.purl = Some(Purl::npm(&self.name, &self.version));
        component.licenses.clone_from(&self.licenses);
        component.properties = BTreeMap::from([(property::FOUND_BY, "package folder".to_owned())]);
        component
    }
}

fn parse(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|error| {
        let line = error.line();
        format!("line {line}: is not a package's manifest")
    })
}

/// A package's name, `NAME` or `@SCOPE/NAME`, with the capitals that old ones have.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!'()*".contains(&byte);
        !part.is_empty() && part != "." && part != ".." && part.bytes().all(allowed)
    };
    let is_one = match name.strip_prefix('@') {
        Some(scoped) => scoped
            .split_once('/')
            .is_some_and(|(scope, name)| is_part(scope) && is_part(name)),
        None => is_part(name),
    };
    is_one && is_short(name)
}

/// The licence as npm has had it over time: an expression, an object with a `type`, or a list.
fn licenses(manifest: &Map<String, Value>) -> Vec<String> {
    let one = |value: &Value| {
        let text = value.as_str().or_else(|| value.get("type")?.as_str())?;
        (!text.trim().is_empty()).then(|| text.trim().to_owned())
    };
    let fields = ["license", "licenses"];
    let values = fields.iter().filter_map(|field| manifest.get(*field));
    let all: BTreeSet<String> = values
        .flat_map(|value| match value {
            Value::Array(list) => list.iter().filter_map(one).collect(),
            other => Vec::from_iter(one(other)),
        })
        .collect();
    all.into_iter().collect()
}

/// What it depends on. npm lists optional dependencies twice, and installs no peer that is
/// optional; of development dependencies only those of the application are ever installed.
fn needs(manifest: &Map<String, Value>, role: Role) -> BTreeMap<String, Need> {
    let object = |field: &str| manifest.get(field).and_then(Value::as_object);
    let names = |field: &str| object(field).into_iter().flat_map(Map::keys).cloned();
    let mut needs = BTreeMap::new();
    if role == Role::Application {
        needs.extend(names("devDependencies").map(|name| (name, Need::IfThere)));
    }
    let optional_peer = |name: &str| {
        let of_name = object("peerDependenciesMeta").and_then(|meta| meta.get(name));
        of_name.and_then(|of_name| of_name.get("optional")) == Some(&Value::Bool(true))
    };
    needs.extend(names("peerDependencies").map(|name| {
        let need = if optional_peer(&name) {
            Need::IfThere
        } else {
            Need::Required
        };
        (name, need)
    }));
    needs.extend(names("dependencies").map(|name| (name, Need::Required)));
    needs.extend(names("optionalDependencies").map(|name| (name, Need::IfThere)));
    needs
}

fn list(installs: &[Install<'_>], found: &mut Found) {
    let by_folder: HashMap<&str, usize> = installs
        .iter()
        .enumerate()
        .map(|(index, install)| (install.folder, index))
        .collect();
    let mut lookups = 0;
    let mut used = vec![false; installs.len()];
    found.components = installs.iter().map(Install::component).collect();
    'all: for (index, install) in installs.iter().enumerate() {
        for (name, need) in &install.needs {
            match find(install.folder, name, &by_folder, &mut lookups) {
                Some(to) => {
                    found.edges.push((index, to));
                    used[to] |= to != index;
                }
                None if *need == Need::Required => found.components[index].edges_complete = false,
                None => {}
            }
            if lookups > MAX_LOOKUPS || found.edges.len() > MAX_EDGES {
                let why = "and what follows have more dependencies than palisade follows";
                found.gap(&install.file.path, why);
                for component in &mut found.components[index..] {
                    component.edges_complete = false;
                }
                break 'all;
            }
        }
    }
    for (index, install) in installs.iter().enumerate() {
        let is_outermost = host_of(install.folder)
            .is_some_and(|host| host_of(host).is_none() && !by_folder.contains_key(host));
        found.components[index].top_level =
            install.role == Role::Application || is_outermost || !used[index];
    }
}

/// The install that `require(NAME)` in this folder loads.
fn find(
    folder: &str,
    name: &str,
    by_folder: &HashMap<&str, usize>,
    lookups: &mut usize,
) -> Option<usize> {
    let mut at = Some(folder);
    while let Some(folder) = at {
        // A long path costs more to look up, and so does a long name.
        *lookups += 1 + (folder.len() + name.len()) / 64;
        let (above, last) = match folder.rsplit_once('/') {
            Some((above, last)) => (Some(above), last),
            None if folder.is_empty() => (None, ""),
            None => (Some(""), folder),
        };
        if last != FOLDER {
            let slash = if folder.is_empty() { "" } else { "/" };
            let candidate = format!("{folder}{slash}{FOLDER}/{name}");
            if let Some(to) = by_folder.get(candidate.as_str()) {
                return Some(*to);
            }
        }
        at = above;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::testing::file;
    use super::*;

    /// The manifests of a tree that `npm install` made, by path.
    const TREE: &str = include_str!("../../../../fixtures/sbom/npm/manifests.json");
    /// What `npm ls --all --json` says of that tree: `parent@version`, `child@version`.
    const EDGES: &str = include_str!("../../../../fixtures/sbom/npm/edges.tsv");

    fn tree() -> Vec<ImageFile> {
        let all: Map<String, Value> = serde_json::from_str(TREE).expect("the fixture is JSON");
        all.iter()
            .map(|(path, manifest)| file(path, manifest.to_string().as_bytes()))
            .collect()
    }

    fn read(files: &[ImageFile]) -> Found {
        catalog(&files.iter().collect::<Vec<_>>(), None)
    }

    fn label(found: &Found, index: usize) -> String {
        let component = &found.components[index];
        format!("{}@{}", component.name, component.version)
    }

    fn edges(found: &Found) -> BTreeSet<(String, String)> {
        let edges = found.edges.iter();
        edges
            .map(|(from, to)| (label(found, *from), label(found, *to)))
            .collect()
    }

    #[test]
    fn the_edges_of_a_real_tree_are_those_npm_itself_lists() {
        let found = read(&tree());
        let truth: BTreeSet<_> = EDGES
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(from, to)| (from.to_owned(), to.to_owned()))
            .collect();
        assert!(truth.len() > 30);
        assert_eq!(edges(&found), truth);
        assert_eq!(found.gaps, []);
        // One manifest in the tree for each package, and the application's.
        assert_eq!(found.components.len(), tree().len());
        let top: Vec<_> = (0..found.components.len())
            .filter(|index| found.components[*index].top_level)
            .map(|index| label(&found, index))
            .collect();
        assert_eq!(top, ["web@1.2.3"]);
        assert!(found.components.iter().all(|c| c.edges_complete));
        let frame = found
            .components
            .iter()
            .find(|c| c.name == "@babel/code-frame");
        let frame = frame.expect("it is in the tree");
        assert_eq!(
            frame.purl.as_ref().map(Purl::as_str),
            Some("pkg:npm/%40babel/code-frame@7.22.5")
        );
        assert_eq!(frame.licenses, ["MIT"]);
    }

    #[test]
    fn a_package_that_was_deleted_leaves_those_that_need_it_incomplete() {
        let mut files = tree();
        files.retain(|file| file.path != "srv/web/node_modules/send/node_modules/ms/package.json");
        let found = read(&files);
        // Node then loads the other `ms`, one folder up.
        assert!(edges(&found).contains(&("send@0.18.0".to_owned(), "ms@2.0.0".to_owned())));
        files.retain(|file| file.path != "srv/web/node_modules/ms/package.json");
        let found = read(&files);
        let incomplete: Vec<_> = found
            .components
            .iter()
            .filter(|c| !c.edges_complete)
            .map(|c| c.name.as_str())
            .collect();
        assert_eq!(incomplete, ["debug", "send"]);
    }

    #[test]
    fn only_the_root_of_a_package_is_one() {
        let manifest = br#"{"name":"x","version":"1.0.0"}"#;
        for (path, count) in [
            ("a/node_modules/x/package.json", 1),
            ("node_modules/x/package.json", 1),
            ("a/node_modules/@s/x/package.json", 1),
            ("a/node_modules/.pnpm/x@1/node_modules/x/package.json", 1),
            ("a/node_modules/x/dist/package.json", 0),
            ("a/node_modules/@s/package.json", 0),
            ("a/node_modules/.cache/package.json", 0),
            ("a/node_modules/package.json", 0),
            ("a/package.json", 0),
            ("package.json", 0),
        ] {
            let found = read(&[file(path, manifest)]);
            assert_eq!(
                (found.components.len(), found.gaps.len()),
                (count, 0),
                "{path}"
            );
        }
        let note = file("a/node_modules/x/package.json", br#"{"type":"module"}"#);
        assert_eq!(read(&[note]), Found::default());
    }

    #[test]
    fn a_manifest_that_does_not_parse_is_a_gap() {
        for (text, want) in [
            ("{\"name\":\"x\",\n\"version\":", "line 2: "),
            ("[]", "line 1: "),
            ("", "line 1: "),
            (r#"{"name":"x"}"#, "`x` has no `version`"),
            (r#"{"version":"1.0.0"}"#, "without a `name`"),
            (r#"{"name":"../x","version":"1.0.0"}"#, "none of npm's"),
            (
                r#"{"name":"x","version":"1 0"}"#,
                "`version` of `x` is none",
            ),
        ] {
            let found = read(&[file("a/node_modules/x/package.json", text.as_bytes())]);
            assert_eq!((found.components.len(), found.gaps.len()), (0, 1), "{text}");
            assert!(found.gaps[0].reason.contains(want), "{:?}", found.gaps);
        }
    }

    #[test]
    fn what_is_optional_may_be_missing_and_what_is_required_may_not() {
        let user = |needs: &str| {
            let text = format!(r#"{{"name":"x","version":"1.0.0",{needs}}}"#);
            let found = read(&[file("node_modules/x/package.json", text.as_bytes())]);
            found.components[0].edges_complete
        };
        assert!(!user(r#""dependencies":{"y":"1"}"#));
        assert!(user(r#""devDependencies":{"y":"1"}"#));
        assert!(user(
            r#""dependencies":{"y":"1"},"optionalDependencies":{"y":"1"}"#
        ));
        assert!(!user(r#""peerDependencies":{"y":"1"}"#));
        assert!(user(
            r#""peerDependencies":{"y":"1"},"peerDependenciesMeta":{"y":{"optional":true}}"#
        ));
    }

    #[test]
    fn an_alias_is_found_by_its_folder_and_named_by_its_manifest() {
        let found = read(&[
            file(
                "package.json",
                br#"{"name":"app","dependencies":{"old":"npm:x@1"}}"#,
            ),
            file(
                "node_modules/old/package.json",
                br#"{"name":"x","version":"1.0.0","licenses":[{"type":"MIT"},"ISC"]}"#,
            ),
        ]);
        assert_eq!(found.gaps, []);
        assert_eq!(
            edges(&found),
            BTreeSet::from([("app@".to_owned(), "x@1.0.0".to_owned())])
        );
        let licenses: Vec<_> = found.components.iter().map(|c| c.licenses.len()).collect();
        assert_eq!(licenses.iter().sum::<usize>(), 2);
    }

    #[test]
    fn a_long_name_costs_more_to_look_up() {
        let cost = |name: &str| {
            let mut lookups = 0;
            assert_eq!(find("a/b", name, &HashMap::new(), &mut lookups), None);
            lookups
        };
        assert_eq!(cost("y"), 3);
        assert!(cost(&"y".repeat(64 << 10)) > 3 << 10);
    }

    proptest::proptest! {
        #[test]
        fn no_path_and_no_text_panics(path in "[a@./]{0,8}(node_modules/)?[a@./]{0,6}package.json", text in ".{0,60}") {
            let _any = read(&[file(&path, text.as_bytes())]);
        }
    }
}
