//! The official JSON schemas: what a document has to look like to be what it says it is.

use jsonschema::{Registry, Validator};
use serde_json::Value;

use crate::model::{Family, Spec};

/// The most faults of one document that are listed.
pub const MAX_FAULTS: usize = 1_000;

/// One place where a document is not what its schema demands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where in the document, as a JSON pointer (RFC 6901).
    pub path: String,
    /// What is wrong there.
    pub reason: String,
}

/// There is no official JSON schema of this version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no JSON schema of version `{version}`")]
pub struct NoSchema {
    /// The version asked for.
    pub version: String,
}

macro_rules! schema {
    ($name:literal) => {
        include_str!(concat!("../../../fixtures/sbom/", $name))
    };
}

/// Schemas that the CycloneDX ones refer to, by the name they are referred to.
const REFERRED: &[(&str, &str)] = &[
    ("spdx", schema!("schema-cyclonedx/spdx.schema.json")),
    ("jsf-0.82", schema!("schema-cyclonedx/jsf-0.82.schema.json")),
    (
        "cryptography-defs",
        schema!("schema-cyclonedx/cryptography-defs.schema.json"),
    ),
];

fn text(spec: &Spec) -> Option<&'static str> {
    // The plain schemas of 1.2 and 1.3 allow any field; the strict ones are what later versions are.
    Some(match (spec.family, spec.version.as_str()) {
        (Family::CycloneDx, "1.2") => schema!("schema-cyclonedx/bom-1.2-strict.schema.json"),
        (Family::CycloneDx, "1.3") => schema!("schema-cyclonedx/bom-1.3-strict.schema.json"),
        (Family::CycloneDx, "1.4") => schema!("schema-cyclonedx/bom-1.4.schema.json"),
        (Family::CycloneDx, "1.5") => schema!("schema-cyclonedx/bom-1.5.schema.json"),
        (Family::CycloneDx, "1.6") => schema!("schema-cyclonedx/bom-1.6.schema.json"),
        (Family::CycloneDx, "1.7") => schema!("schema-cyclonedx/bom-1.7.schema.json"),
        (Family::Spdx2, "SPDX-2.2") => schema!("schema-spdx/spdx-schema-v2.2.json"),
        (Family::Spdx2, "SPDX-2.3") => schema!("schema-spdx/spdx-schema-v2.3.json"),
        (Family::Spdx3, "3.0.1") => schema!("schema-spdx/spdx-schema-v3.0.1.json"),
        _ => return None,
    })
}

/// The schema of one version.
#[derive(Debug)]
pub struct Schema(Validator);

impl Schema {
    /// The official schema of this version.
    pub fn of(spec: &Spec) -> Result<Self, NoSchema> {
        let text = text(spec).ok_or_else(|| NoSchema {
            version: spec.version.clone(),
        })?;
        let parse = |text| serde_json::from_str::<Value>(text).expect("a schema is JSON");
        let mut registry = Registry::new();
        for (name, text) in REFERRED {
            let address = format!("http://cyclonedx.org/schema/{name}.schema.json");
            registry = registry.add(address, parse(text)).expect("an address");
        }
        let registry = registry.prepare();
        let validator = jsonschema::options()
            .with_registry(&registry.expect("schemas refer to one another only"))
            .should_validate_formats(true)
            .build(&parse(text))
            .expect("an official schema is one");
        Ok(Self(validator))
    }

    /// The errors of the validator, for whoever can mend them.
    pub(crate) fn errors<'i>(
        &'i self,
        document: &'i Value,
    ) -> impl Iterator<Item = jsonschema::ValidationError<'i>> {
        self.0.iter_errors(document)
    }

    /// Everything in which the document is not valid, up to [`MAX_FAULTS`], ordered by place.
    /// Nothing means that it is valid.
    pub fn faults(&self, document: &Value) -> Vec<Fault> {
        let errors = self.0.iter_errors(document).take(MAX_FAULTS);
        let mut faults: Vec<_> = errors
            .map(|error| Fault {
                path: error.instance_path().to_string(),
                reason: error.to_string(),
            })
            .collect();
        faults.sort();
        faults
    }
}
