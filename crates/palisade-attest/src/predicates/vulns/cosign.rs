//! cosign's vulnerability predicate: a scanner's own report (trivy's or grype's) in a wrapper.

use palisade_types::Timestamp;
use serde_json::Value;

use super::{Parts, Severity, Vulnerability, array, id, name_and_version, text, time};
use crate::predicates::PredicateError;

/// The most scanners of one predicate.
const MAX_SCANNERS: usize = 16;

pub(super) fn read(predicate: &Value) -> Result<Parts, PredicateError> {
    let scanners = scanners(predicate)?;
    let mut names = Vec::new();
    let mut updated = Vec::new();
    let mut findings = Vec::new();
    for scanner in scanners {
        let result = scanner
            .get("result")
            .ok_or_else(|| PredicateError::field("scanner.result", "is missing"))?;
        let (name, built, mut found) = report(result)?;
        names.push(text(scanner, "/uri").unwrap_or(&name).to_owned());
        updated.push(time(scanner, "/db/lastUpdate")?.or(built));
        findings.append(&mut found);
    }
    // The oldest database counts, and one of unknown age makes the age unknown.
    let oldest = updated.into_iter().collect::<Option<Vec<_>>>();
    let oldest = oldest.and_then(|times| times.into_iter().min());
    Ok((names.join(", "), oldest, findings))
}

/// The specification says a list `scanners`; cosign's code and trivy write one `scanner`.
fn scanners(predicate: &Value) -> Result<Vec<&Value>, PredicateError> {
    let scanners: Vec<&Value> = match (predicate.get("scanner"), array(predicate, "/scanners")?) {
        (Some(one), None) => vec![one],
        (None, Some(many)) => many.iter().collect(),
        _ => {
            return Err(PredicateError::field(
                "scanner",
                "is missing or stands twice",
            ));
        }
    };
    if scanners.is_empty() || scanners.len() > MAX_SCANNERS {
        let problem = format!("has {} entries, not 1 to {MAX_SCANNERS}", scanners.len());
        return Err(PredicateError::field("scanners", problem));
    }
    Ok(scanners)
}

fn report(result: &Value) -> Result<Parts, PredicateError> {
    let has = |key| result.get(key).is_some();
    let problem = match (has("SchemaVersion") || has("Results"), has("matches")) {
        (true, false) => return Ok(("trivy".to_owned(), None, trivy(result)?)),
        (false, true) => return Ok(("grype".to_owned(), grype_database(result)?, grype(result)?)),
        // Whichever half we read, the other could hold what matters.
        (true, true) => "is trivy's and grype's JSON report at once",
        (false, false) => "is neither trivy's nor grype's JSON report",
    };
    Err(PredicateError::field("scanner.result", problem))
}

/// The classes of trivy's results that say that packages were compared with a database.
const PACKAGE_CLASSES: [&str; 2] = ["lang-pkgs", "os-pkgs"];

/// Trivy's report, schema 2. It leaves out vulnerabilities where there are none, but it always
/// lists what it looked at: a report without one list of packages says nothing about packages.
fn trivy(report: &Value) -> Result<Vec<Vulnerability>, PredicateError> {
    if report.get("SchemaVersion").and_then(Value::as_u64) != Some(2) {
        return Err(PredicateError::field(
            "scanner.result.SchemaVersion",
            "is not 2",
        ));
    }
    let results = array(report, "/Results")?.map_or(&[][..], Vec::as_slice);
    let is_of_packages = |result: &Value| {
        text(result, "/Class").is_some_and(|class| PACKAGE_CLASSES.contains(&class))
    };
    if !results.iter().any(is_of_packages) {
        let problem =
            "has no entry of the class `os-pkgs` or `lang-pkgs`, so no package was looked at";
        return Err(PredicateError::field("scanner.result.Results", problem));
    }
    let mut findings = Vec::new();
    for result in results {
        for entry in array(result, "/Vulnerabilities")?.into_iter().flatten() {
            let name =
                || name_and_version(text(entry, "/PkgName"), text(entry, "/InstalledVersion"));
            findings.push(Vulnerability {
                severity: Severity::of_word(text(entry, "/Severity").unwrap_or_default()),
                id: id(entry, "/VulnerabilityID")?,
                component: text(entry, "/PkgIdentifier/PURL")
                    .map(str::to_owned)
                    .or_else(name),
                fixed: text(entry, "/FixedVersion").map(str::to_owned),
            });
        }
    }
    Ok(findings)
}

fn grype(report: &Value) -> Result<Vec<Vulnerability>, PredicateError> {
    // An empty list says that nothing was found; `null` says nothing.
    let matches = array(report, "/matches")?
        .ok_or_else(|| PredicateError::field("scanner.result.matches", "is no list"))?;
    matches
        .iter()
        .map(|entry| {
            let name = || {
                name_and_version(
                    text(entry, "/artifact/name"),
                    text(entry, "/artifact/version"),
                )
            };
            Ok(Vulnerability {
                severity: Severity::of_word(
                    text(entry, "/vulnerability/severity").unwrap_or_default(),
                ),
                id: id(entry, "/vulnerability/id")?,
                component: text(entry, "/artifact/purl")
                    .map(str::to_owned)
                    .or_else(name),
                fixed: text(entry, "/vulnerability/fix/versions/0").map(str::to_owned),
            })
        })
        .collect()
}

/// Older versions write `db.built`, newer ones `db.status.built`.
fn grype_database(report: &Value) -> Result<Option<Timestamp>, PredicateError> {
    Ok(time(report, "/descriptor/db/status/built")?.or(time(report, "/descriptor/db/built")?))
}

#[cfg(test)]
mod tests {
    use super::super::{COSIGN_TYPE, VulnReport};
    use super::*;
    use crate::predicates::Predicate;
    use serde_json::json;

    fn wrap(result: &Value) -> Value {
        json!({
            "invocation": {"parameters": null, "uri": ""},
            "scanner": {"uri": "pkg:github/aquasecurity/trivy@0.76", "result": result},
            "metadata": {"scanFinishedOn": "2026-11-24T08:00:00Z"},
        })
    }

    fn read(value: &Value) -> Result<VulnReport, PredicateError> {
        VulnReport::read(COSIGN_TYPE, value)
    }

    fn trivy_report() -> Value {
        json!({"SchemaVersion": 2, "ArtifactName": "app", "Results": [
            {"Target": "app", "Class": "os-pkgs", "Vulnerabilities": [{
                "VulnerabilityID": "CVE-2026-1", "PkgName": "openssl",
                "InstalledVersion": "3.0.1", "FixedVersion": "3.0.2", "Severity": "HIGH",
            }]},
            {"Target": "empty"},
        ]})
    }

    #[test]
    fn trivy_and_grype_say_the_same_thing() {
        let trivy = read(&wrap(&trivy_report())).expect("trivy's report");
        let grype = read(&wrap(&json!({
            "matches": [{
                "vulnerability": {"id": "CVE-2026-1", "severity": "High", "fix": {"versions": ["3.0.2"]}},
                "artifact": {"name": "openssl", "version": "3.0.1"},
            }],
            "descriptor": {"db": {"status": {"built": "2026-11-24T01:00:00Z"}}},
        })))
        .expect("grype's report");
        assert_eq!(trivy.findings, grype.findings);
        assert_eq!(
            trivy.findings[0].component.as_deref(),
            Some("openssl 3.0.1")
        );
        assert_eq!(trivy.database_updated, None);
        assert!(grype.database_updated.is_some());
    }

    #[test]
    fn another_scanner_s_report_is_not_an_empty_one() {
        for result in [
            json!({}),
            json!([]),
            json!({"SchemaVersion": 3, "Results": [{"Class": "os-pkgs"}]}),
            json!({"Results": [{"Class": "os-pkgs"}]}),
            json!({"matches": {}}),
        ] {
            assert!(read(&wrap(&result)).is_err(), "{result}");
        }
    }

    #[test]
    fn a_report_that_says_nothing_is_not_a_clean_one() {
        for (clean, says_nothing) in [
            (json!({"matches": []}), json!({"matches": null})),
            (
                json!({"SchemaVersion": 2, "Results": [{"Class": "os-pkgs"}]}),
                json!({"SchemaVersion": 2}),
            ),
            (
                json!({"SchemaVersion": 2, "Results": [{"Class": "lang-pkgs"}]}),
                json!({"SchemaVersion": 2, "Results": null}),
            ),
            (
                json!({"SchemaVersion": 2, "Results": [{"Class": "secret"}, {"Class": "os-pkgs"}]}),
                json!({"SchemaVersion": 2, "Results": [{"Class": "secret"}, {"Class": "config"}]}),
            ),
            (
                json!({"SchemaVersion": 2, "Results": [{"Class": "os-pkgs"}]}),
                json!({"SchemaVersion": 2, "Results": []}),
            ),
        ] {
            assert_eq!(read(&wrap(&clean)).expect("clean").findings, [], "{clean}");
            assert!(read(&wrap(&says_nothing)).is_err(), "{says_nothing}");
        }
    }

    #[test]
    fn a_report_in_two_shapes_hides_neither_half() {
        let critical = json!([{"vulnerability": {"id": "CVE-2026-1", "severity": "Critical"}}]);
        let one = json!({"matches": critical.clone()});
        assert_eq!(read(&wrap(&one)).expect("grype's").findings.len(), 1);
        for both in [
            json!({"matches": critical.clone(), "SchemaVersion": 2}),
            json!({"matches": critical, "SchemaVersion": 2, "Results": [{"Class": "os-pkgs"}]}),
            json!({"matches": null, "SchemaVersion": 2, "Results": [{"Class": "os-pkgs"}]}),
        ] {
            assert!(read(&wrap(&both)).is_err(), "{both}");
        }
    }

    #[test]
    fn several_scanners_add_up_and_the_oldest_database_counts() {
        let scanner = |updated: Value, result: Value| json!({"uri": "s", "db": {"lastUpdate": updated}, "result": result});
        let many = |first: Value| {
            json!({
                "scanners": [
                    scanner(first, trivy_report()),
                    scanner(json!("2026-11-23T00:00:00Z"), json!({"matches": []})),
                ],
                "metadata": {"scanFinishedOn": "2026-11-24T08:00:00Z"},
            })
        };
        let report = read(&many(json!("2026-11-24T00:00:00Z"))).expect("two scanners");
        assert_eq!(report.findings.len(), 1);
        let oldest = "2026-11-23T00:00:00Z".parse().expect("a time");
        assert_eq!(report.database_updated, Some(oldest));
        let report = read(&many(Value::Null)).expect("two scanners");
        assert_eq!(report.database_updated, None);
    }

    #[test]
    fn no_scanner_or_two_answers_to_which_is_refused() {
        let mut none = wrap(&trivy_report());
        none.as_object_mut().expect("an object").remove("scanner");
        assert!(read(&none).is_err());
        none["scanners"] = json!([]);
        assert!(read(&none).is_err());
        let mut both = wrap(&trivy_report());
        both["scanners"] = json!([]);
        assert!(read(&both).is_err());
    }
}
