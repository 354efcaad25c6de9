//! `--type`: the field's short names for predicate types, and URIs.

use palisade_attest::predicates::alias::{ALIASES, types_named};
use palisade_attest::predicates::{
    Predicate, PredicateError, cosign_sign, cyclonedx, provenance, vsa, vulns,
};
use palisade_ui::{escape, nearest};
use serde_json::Value;

use crate::error::Error;

/// The predicate types that a short name or a URI may mean, the usual one first.
pub(crate) fn parse(text: &str) -> Result<Vec<&str>, Error> {
    if let Some(types) = types_named(text) {
        return Ok(types.to_vec());
    }
    // in-toto attestation framework v1, *Field types*, TypeURI: a URI with a scheme.
    let has_scheme = text.split_once("://").is_some_and(|(scheme, rest)| {
        !rest.is_empty() && !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    let is_uri = has_scheme && text.bytes().all(|b| b.is_ascii_graphic());
    if is_uri && text != cosign_sign::TYPE {
        Ok(vec![text])
    } else {
        Err(unusable(text))
    }
}

/// The type to write: of those that a name stands for, the first that reads this predicate. What
/// none reads is of the usual type, together with why that one does not.
pub(crate) fn choose<'a>(
    types: &[&'a str],
    predicate: &Value,
) -> (&'a str, Result<(), PredicateError>) {
    let usual = types[0];
    match types.iter().find(|uri| readable(uri, predicate).is_ok()) {
        Some(uri) => (uri, Ok(())),
        None => (usual, readable(usual, predicate)),
    }
}

/// Whether a predicate of a type that palisade reads can be read. Other types always can.
fn readable(uri: &str, predicate: &Value) -> Result<(), PredicateError> {
    fn read<P: Predicate>(uri: &str, predicate: &Value) -> Result<(), PredicateError> {
        if P::TYPES.contains(&uri) {
            P::read(uri, predicate)?;
        }
        Ok(())
    }
    read::<cyclonedx::CycloneDx>(uri, predicate)?;
    read::<provenance::Provenance>(uri, predicate)?;
    read::<vsa::Vsa>(uri, predicate)?;
    read::<vulns::VulnReport>(uri, predicate)
}

fn unusable(text: &str) -> Error {
    let names = || ALIASES.iter().map(|alias| alias.name);
    let help = match nearest(text, names()) {
        // Only that type makes a statement a signature, and it is not for attesting.
        _ if text == cosign_sign::TYPE => {
            "that is how an image is signed: `palisade sign image`".to_owned()
        }
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "give a URI, or one of {}",
            names().collect::<Vec<_>>().join(", ")
        ),
    };
    let text = escape(text);
    Error::PredicateType { text, help }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn chosen(text: &str, predicate: &Value) -> (String, bool) {
        let types = parse(text).unwrap();
        let (uri, readable) = choose(&types, predicate);
        (uri.to_owned(), readable.is_ok())
    }

    #[test]
    fn names_mean_what_cosign_means_and_uris_mean_themselves() {
        let empty = json!({});
        assert_eq!(chosen("spdxjson", &empty).0, "https://spdx.dev/Document");
        assert_eq!(chosen("openvex", &empty).0, "https://openvex.dev/ns");
        assert_eq!(
            chosen("https://acme.test/v1", &empty).0,
            "https://acme.test/v1"
        );
    }

    #[test]
    fn a_predicate_that_the_gate_could_not_read_is_noticed() {
        let uri = "https://slsa.dev/provenance/v1";
        assert_eq!(
            chosen("slsaprovenance1", &json!({})),
            (uri.to_owned(), false)
        );
        assert_eq!(chosen(uri, &json!({})), (uri.to_owned(), false));
        assert!(chosen("https://acme.test/v1", &json!({})).1);
    }

    #[test]
    fn a_vulnerability_report_is_of_the_type_whose_form_it_has() {
        let cosign = json!({
            "invocation": {},
            "scanner": {"uri": "pkg:x/y", "result": {"SchemaVersion": 2, "Results": [{"Class": "os-pkgs"}]}},
            "metadata": {"scanFinishedOn": "2026-01-01T00:00:00Z"},
        });
        assert_eq!(
            chosen("vuln", &cosign),
            (vulns::COSIGN_TYPE.to_owned(), true)
        );
        assert_eq!(chosen("vuln", &json!({})), (vulns::TYPE.to_owned(), false));
    }

    #[test]
    fn slips_and_the_signature_s_own_type_are_refused() {
        for text in [
            "cyclondx",
            "",
            "https://",
            "://x",
            "acme.test/x",
            "https://a b",
        ] {
            assert!(
                matches!(parse(text), Err(Error::PredicateType { .. })),
                "{text}"
            );
        }
        let Err(Error::PredicateType { help, .. }) = parse(cosign_sign::TYPE) else {
            panic!("the signature's type was taken");
        };
        assert!(help.contains("sign image"), "{help}");
    }
}
