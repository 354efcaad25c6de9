//! in-toto's own vulnerability predicate, versions 0.1 and 0.2.

use serde_json::Value;

use super::{Parts, Severity, Vulnerability, array, id, text, time};
use crate::predicates::PredicateError;

pub(super) fn read(predicate: &Value) -> Result<Parts, PredicateError> {
    let scanner = text(predicate, "/scanner/uri")
        .ok_or_else(|| PredicateError::field("scanner.uri", "is missing"))?;
    let updated = time(predicate, "/scanner/db/lastUpdate")?;
    // An empty list says that nothing was found; no list says nothing.
    let results = array(predicate, "/scanner/result")?
        .ok_or_else(|| PredicateError::field("scanner.result", "is missing"))?;
    let findings = results.iter().map(finding).collect::<Result<_, _>>()?;
    Ok((scanner.to_owned(), updated, findings))
}

fn finding(entry: &Value) -> Result<Vulnerability, PredicateError> {
    // 0.1 describes the fields inside `vulnerability` and shows them outside in its example.
    let entry = entry.get("vulnerability").unwrap_or(entry);
    Ok(Vulnerability {
        severity: severity(entry.get("severity")),
        id: id(entry, "/id")?,
        component: annotation(entry, "purl").or_else(|| annotation(entry, "package")),
        fixed: annotation(entry, "fixed"),
    })
}

/// The worst of the ratings; one that we cannot read may be the worst. The specification's text
/// says an object, its example a list; both are in use.
fn severity(value: Option<&Value>) -> Severity {
    let ratings = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => &[],
    };
    ratings
        .iter()
        .filter_map(rating)
        .max()
        .unwrap_or(Severity::Unknown)
}

/// A word under any method; a number only under one that is CVSS. EPSS alone is left out: it says
/// how likely an attack is, not how bad (an EPSS of 0.97 is no "low").
fn rating(rating: &Value) -> Option<Severity> {
    let method = text(rating, "/method")
        .unwrap_or_default()
        .to_ascii_lowercase();
    (!method.starts_with("epss")).then(|| severity_under(&method, rating))
}

fn severity_under(method: &str, rating: &Value) -> Severity {
    let is_cvss = method.contains("cvss") || method == "nvd";
    let number = match rating.get("score") {
        Some(Value::String(word)) => match word.trim().parse::<f64>() {
            Ok(number) => number,
            Err(_) => return Severity::of_word(word),
        },
        Some(Value::Number(number)) => number.as_f64().unwrap_or(f64::NAN),
        _ => f64::NAN,
    };
    if is_cvss {
        Severity::of_cvss(number)
    } else {
        Severity::Unknown
    }
}

/// `annotations` is a list of maps, or a map.
fn annotation(entry: &Value, key: &str) -> Option<String> {
    let annotations = entry.get("annotations")?;
    let one = |map: &Value| map.get(key).and_then(Value::as_str).map(str::to_owned);
    match annotations {
        Value::Array(maps) => maps.iter().find_map(one),
        map => one(map),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{TYPE, TYPE_V0_1, VulnReport};
    use super::*;
    use crate::predicates::Predicate;
    use serde_json::json;

    fn good() -> Value {
        json!({
            "scanner": {
                "uri": "pkg:github/aquasecurity/trivy@244fd47e",
                "db": {"lastUpdate": "2026-11-24T03:00:00Z"},
                "result": [{
                    "id": "CVE-2026-1",
                    "severity": [
                        {"method": "nvd", "score": "medium"},
                        {"method": "cvss_score", "score": "7.2"},
                        {"method": "epss", "score": "0.97"},
                    ],
                    "annotations": [{"purl": "pkg:deb/debian/openssl@3.0.1"}, {"fixed": "3.0.2"}],
                }],
            },
            "metadata": {"scanFinishedOn": "2026-11-24T08:00:00Z"},
        })
    }

    fn read(value: &Value) -> Result<VulnReport, PredicateError> {
        VulnReport::read(TYPE, value)
    }

    #[test]
    fn a_report_tells_its_worst_rating() {
        let report = read(&good()).expect("a report");
        assert_eq!(report.findings[0].severity, Severity::High);
        assert_eq!(report.findings[0].fixed.as_deref(), Some("3.0.2"));
        assert_eq!(report.at_or_above(Severity::High).count(), 1);
        assert_eq!(report.at_or_above(Severity::Critical).count(), 0);
    }

    #[test]
    fn a_rating_that_cannot_be_read_is_above_every_threshold() {
        for severity in [
            json!([]),
            json!("low"),
            json!({"method": "epss", "score": 0.1}),
            json!(null),
            json!([{"method": "nvd", "score": "low"}, {"method": "cvss", "score": "9,8"}]),
            json!([{"method": "nvd", "score": "low"}, {"method": "vendor", "score": "severe"}]),
            json!([{"method": "nvd", "score": "low"}, {"method": "vendor", "score": 9.8}]),
            json!([{"method": "nvd", "score": "low"}, "critical"]),
        ] {
            let mut odd = good();
            odd["scanner"]["result"][0]["severity"] = severity;
            let report = read(&odd).expect("a report");
            assert_eq!(report.at_or_above(Severity::Critical).count(), 1, "{odd}");
        }
    }

    #[test]
    fn an_epss_beside_a_rating_changes_nothing() {
        let mut rated = good();
        rated["scanner"]["result"][0]["severity"] =
            json!([{"method": "nvd", "score": "low"}, {"method": "epss", "score": "0,97"}]);
        let report = read(&rated).expect("a report");
        assert_eq!(report.findings[0].severity, Severity::Low);
    }

    #[test]
    fn an_empty_list_is_an_answer_and_a_missing_one_is_not() {
        let mut empty = good();
        empty["scanner"]["result"] = json!([]);
        assert_eq!(read(&empty).expect("nothing found").findings, []);
        for bad in [json!(null), json!({}), json!([{"severity": []}])] {
            let mut value = good();
            value["scanner"]["result"] = bad;
            assert!(read(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn the_older_version_nests_its_entries() {
        let mut old = good();
        let entry = old["scanner"]["result"][0].take();
        old["scanner"]["result"][0] = json!({"vulnerability": entry});
        let report = VulnReport::read(TYPE_V0_1, &old).expect("version 0.1");
        assert_eq!(report.findings[0].id, "CVE-2026-1");
    }

    #[test]
    fn no_end_of_the_scan_is_no_report() {
        for time in [json!(null), json!("yesterday"), json!(5)] {
            let mut bad = good();
            bad["metadata"]["scanFinishedOn"] = time;
            assert!(read(&bad).is_err(), "{bad}");
        }
        let mut bad = good();
        bad["scanner"]["db"]["lastUpdate"] = json!("soon");
        assert!(read(&bad).is_err());
    }
}
