//! SLSA provenance v1: who built it, how, and from which source.

use palisade_types::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{Predicate, PredicateError};
use crate::statement::ResourceDescriptor;

/// The predicate type (SLSA 1.0 and 1.1, *Provenance*).
pub const TYPE: &str = "https://slsa.dev/provenance/v1";
/// The most `resolvedDependencies` we read.
const MAX_DEPENDENCIES: usize = 10_000;

/// How an artifact was built, as its builder says.
#[derive(Clone, Debug, PartialEq)]
pub struct Provenance {
    /// The URI that says how to read `external_parameters`.
    pub build_type: String,
    /// The builder: the party that ran the build and is responsible for this record.
    pub builder_id: String,
    /// Where the source came from, when the record says.
    pub source: Option<Source>,
    /// What the build's user could choose.
    pub external_parameters: Value,
    /// The run, for example the URL of a GitHub Actions run.
    pub invocation_id: Option<String>,
    /// When the build began.
    pub started_on: Option<Timestamp>,
    /// When it ended.
    pub finished_on: Option<Timestamp>,
}

/// A revision of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The repository's URL without `git+`, `.git` and revision.
    pub repository: String,
    /// The branch or tag as a full git reference: `refs/heads/main`.
    pub reference: Option<String>,
    /// The commit, lower-case hexadecimal.
    pub commit: Option<String>,
}

impl Source {
    /// Reads `git+https://host/path@refs/heads/main`. The `@` of a reference comes after the last
    /// `://` host part, so `git@host` in an SSH address is no reference.
    pub fn parse(uri: &str) -> Self {
        let url = uri.strip_prefix("git+").unwrap_or(uri);
        let path_at = url
            .find("://")
            .and_then(|scheme| url[scheme + 3..].find('/').map(|slash| scheme + 3 + slash))
            .unwrap_or(0);
        let (url, reference) = match url[path_at..].split_once('@') {
            Some((path, reference)) => (&url[..path_at + path.len()], Some(reference.to_owned())),
            None => (url, None),
        };
        Self {
            repository: normal_repository(url).to_owned(),
            reference,
            commit: None,
        }
    }
}

/// The spelling repositories are compared in: byte for byte, without a trailing slash or `.git`.
pub fn normal_repository(url: &str) -> &str {
    let url = url
        .strip_prefix("git+")
        .unwrap_or(url)
        .trim_end_matches('/');
    url.strip_suffix(".git").unwrap_or(url)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    build_definition: BuildDefinition,
    run_details: RunDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition {
    build_type: String,
    #[serde(default)]
    external_parameters: Value,
    #[serde(default)]
    resolved_dependencies: Vec<ResourceDescriptor>,
}

#[derive(Deserialize)]
struct RunDetails {
    builder: Builder,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Builder {
    id: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    invocation_id: Option<String>,
    started_on: Option<Timestamp>,
    finished_on: Option<Timestamp>,
}

impl Predicate for Provenance {
    const TYPES: &'static [&'static str] = &[TYPE];

    fn read(_predicate_type: &str, predicate: &Value) -> Result<Self, PredicateError> {
        let wire = Wire::deserialize(predicate)
            .map_err(|error| PredicateError::field("predicate", error.to_string()))?;
        let definition = wire.build_definition;
        for (field, text) in [
            ("buildDefinition.buildType", &definition.build_type),
            ("runDetails.builder.id", &wire.run_details.builder.id),
        ] {
            if text.is_empty() {
                return Err(PredicateError::field(field, "is empty"));
            }
        }
        if definition.resolved_dependencies.len() > MAX_DEPENDENCIES {
            let problem = format!("has more than {MAX_DEPENDENCIES} entries");
            return Err(PredicateError::field("resolvedDependencies", problem));
        }
        let source = source(&definition)?;
        let metadata = wire.run_details.metadata;
        Ok(Self {
            build_type: definition.build_type,
            builder_id: wire.run_details.builder.id,
            source,
            external_parameters: definition.external_parameters,
            invocation_id: metadata.invocation_id,
            started_on: metadata.started_on,
            finished_on: metadata.finished_on,
        })
    }
}

/// The source is what the parameters name, with the commit of the dependency that is the same
/// repository. A record without such a parameter (the generic delegator) lists it as its only git
/// dependency; among several, nothing says which one was built (SLSA 1.0 gives the order of
/// `resolvedDependencies` no meaning), so the source is unknown. A record whose two halves name
/// different sources is refused: one of them lies.
fn source(definition: &BuildDefinition) -> Result<Option<Source>, PredicateError> {
    let resolved: Vec<Source> = definition
        .resolved_dependencies
        .iter()
        .filter_map(resolved_source)
        .collect();
    let Some(named) = named_source(&definition.external_parameters) else {
        let first = resolved.first();
        let is_only = resolved.iter().all(|other| Some(other) == first);
        return Ok(first.filter(|_| is_only).cloned());
    };
    let same = |other: &&Source| {
        other.repository == named.repository
            && (named.reference.is_none()
                || other.reference.is_none()
                || named.reference == other.reference)
    };
    let twin = resolved.iter().find(same);
    if twin.is_none() && !resolved.is_empty() {
        let problem = format!(
            "names the source `{}`, which is not among the resolved dependencies",
            named.repository
        );
        return Err(PredicateError::field("externalParameters", problem));
    }
    let commit = twin.and_then(|twin| twin.commit.clone());
    if named.commit.is_some() && commit.is_some() && named.commit != commit {
        let problem = "names another commit than the resolved dependencies";
        return Err(PredicateError::field("externalParameters", problem));
    }
    let reference = named.reference.clone();
    Ok(Some(Source {
        reference: reference.or_else(|| twin.and_then(|twin| twin.reference.clone())),
        commit: commit.or_else(|| named.commit.clone()),
        repository: named.repository,
    }))
}

fn resolved_source(dependency: &ResourceDescriptor) -> Option<Source> {
    let uri = dependency.uri.as_deref()?;
    if !uri.starts_with("git+") {
        return None;
    }
    let commit = commit_of(|name| dependency.digest.get(name).map(String::as_str));
    Some(Source {
        commit,
        ..Source::parse(uri)
    })
}

/// Where the two common writers put it: `workflow` (GitHub's own build type) and `source` (the
/// container-based builder; a descriptor or a bare URI).
fn named_source(parameters: &Value) -> Option<Source> {
    let text = |pointer: &str| parameters.pointer(pointer).and_then(Value::as_str);
    if let Some(repository) = text("/workflow/repository") {
        return Some(Source {
            reference: text("/workflow/ref").map(str::to_owned),
            ..Source::parse(repository)
        });
    }
    let uri = text("/source/uri").or_else(|| text("/source"))?;
    let commit = commit_of(|name| text(&format!("/source/digest/{name}")));
    Some(Source {
        commit,
        ..Source::parse(uri)
    })
}

/// in-toto DigestSet: `gitCommit`, and `sha1` as older writers spell it.
fn commit_of<'a>(digest: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    digest("gitCommit")
        .or_else(|| digest("sha1"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn github() -> Value {
        json!({
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": {"workflow": {
                    "ref": "refs/heads/main",
                    "repository": "https://github.com/acme/app",
                    "path": ".github/workflows/release.yml",
                }},
                "resolvedDependencies": [{
                    "uri": "git+https://github.com/acme/app@refs/heads/main",
                    "digest": {"gitCommit": "283bf967"},
                }],
            },
            "runDetails": {
                "builder": {"id": "https://github.com/actions/runner/github-hosted"},
                "metadata": {"invocationId": "run/1", "startedOn": "2026-11-24T08:00:00Z"},
            },
        })
    }

    fn read(value: &Value) -> Result<Provenance, PredicateError> {
        Provenance::read(TYPE, value)
    }

    #[test]
    fn github_s_own_record_tells_builder_source_and_run() {
        let provenance = read(&github()).expect("as GitHub writes it");
        let source = provenance.source.expect("a source");
        assert_eq!(source.repository, "https://github.com/acme/app");
        assert_eq!(source.reference.as_deref(), Some("refs/heads/main"));
        assert_eq!(source.commit.as_deref(), Some("283bf967"));
        assert_eq!(provenance.invocation_id.as_deref(), Some("run/1"));
    }

    #[test]
    fn a_record_whose_halves_name_different_sources_is_refused() {
        for (pointer, value) in [
            (
                "/buildDefinition/externalParameters/workflow/repository",
                "https://github.com/acme/other",
            ),
            (
                "/buildDefinition/externalParameters/workflow/ref",
                "refs/heads/evil",
            ),
        ] {
            let mut forged = github();
            *forged.pointer_mut(pointer).expect("is there") = json!(value);
            assert!(read(&forged).is_err(), "{pointer}");
        }
    }

    #[test]
    fn the_container_builder_and_the_delegator_are_read_too() {
        let mut container = github();
        container["buildDefinition"]["externalParameters"] = json!({"source": {
            "uri": "git+https://github.com/acme/app@refs/heads/main",
            "digest": {"sha1": "283bf967"},
        }});
        let source = read(&container).expect("valid").source.expect("a source");
        assert_eq!(source.commit.as_deref(), Some("283bf967"));
        container["buildDefinition"]["externalParameters"]["source"]["digest"]["sha1"] = json!("0");
        assert!(read(&container).is_err(), "another commit");

        let mut delegator = github();
        delegator["buildDefinition"]["externalParameters"] = json!({"inputs": {}, "vars": {}});
        let source = read(&delegator).expect("valid").source.expect("a source");
        assert_eq!(source.repository, "https://github.com/acme/app");
    }

    #[test]
    fn the_only_git_dependency_is_the_source_and_the_first_of_two_is_not() {
        let mut record = github();
        record["buildDefinition"]["externalParameters"] = json!({});
        let dependencies = "/buildDefinition/resolvedDependencies";
        let app = record.pointer(dependencies).expect("a list")[0].clone();
        let mut with = |others: Value| {
            let list = record.pointer_mut(dependencies).expect("a list");
            *list = json!([app]);
            let others = others.as_array().expect("a list").iter().cloned();
            list.as_array_mut().expect("a list").extend(others);
            read(&record).expect("valid").source
        };
        let builder = json!({"uri": "https://builder.example/image", "digest": {"sha256": "00"}});
        for others in [json!([]), json!([app]), json!([builder])] {
            let source = with(others.clone()).expect("the only one");
            assert_eq!(source.repository, "https://github.com/acme/app", "{others}");
        }
        for uri in [
            "git+https://github.com/acme/other@refs/heads/main",
            "git+https://github.com/acme/app@refs/heads/evil",
        ] {
            let other = json!([{"uri": uri, "digest": {"gitCommit": "283bf967"}}]);
            assert_eq!(with(other), None, "{uri}");
        }
        let other_commit = json!([{"uri": app["uri"], "digest": {"gitCommit": "00000000"}}]);
        assert_eq!(with(other_commit), None);
    }

    #[test]
    fn no_builder_is_no_provenance() {
        for pointer in ["/runDetails/builder", "/buildDefinition/buildType"] {
            let mut bad = github();
            let (parent, key) = pointer.rsplit_once('/').expect("has a slash");
            bad.pointer_mut(parent)
                .and_then(Value::as_object_mut)
                .expect("an object")
                .remove(key);
            assert!(read(&bad).is_err(), "{pointer}");
        }
        let mut empty = github();
        empty["runDetails"]["builder"]["id"] = json!("");
        assert!(read(&empty).is_err());
    }

    #[test]
    fn repositories_are_compared_without_their_decoration() {
        let source = Source::parse("git+https://github.com/acme/app.git@refs/tags/v1");
        assert_eq!(source.repository, "https://github.com/acme/app");
        assert_eq!(source.reference.as_deref(), Some("refs/tags/v1"));
        let ssh = Source::parse("git+ssh://git@github.com/acme/app");
        assert_eq!(
            (ssh.repository.as_str(), ssh.reference),
            ("ssh://git@github.com/acme/app", None)
        );
    }
}
