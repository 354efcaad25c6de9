//! CycloneDX as a predicate: enough of it to know that it is an inventory of something.

use serde_json::Value;

use super::{Predicate, PredicateError};

/// The predicate type (in-toto, *CycloneDX*; what cosign's `--type cyclonedx` writes).
pub const TYPE: &str = "https://cyclonedx.org/bom";

/// An inventory in CycloneDX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CycloneDx {
    /// The version of the specification, for example `1.5`.
    pub spec_version: String,
    /// What the inventory is of: the name of `metadata.component`.
    pub about: String,
    /// How many components it lists. Never zero: an empty inventory says nothing.
    pub components: usize,
}

impl Predicate for CycloneDx {
    const TYPES: &'static [&'static str] = &[TYPE];

    /// Refuses what is no CycloneDX document, lists nothing, or does not say what it is of.
    fn read(_predicate_type: &str, predicate: &Value) -> Result<Self, PredicateError> {
        let text = |pointer: &str| predicate.pointer(pointer).and_then(Value::as_str);
        if text("/bomFormat") != Some("CycloneDX") {
            return Err(PredicateError::field("bomFormat", "is not `CycloneDX`"));
        }
        let spec_version = text("/specVersion")
            .filter(|version| version.starts_with("1."))
            .ok_or_else(|| PredicateError::field("specVersion", "is not 1.x"))?;
        let about = text("/metadata/component/name")
            .filter(|name| !name.is_empty())
            .ok_or_else(|| PredicateError::field("metadata.component.name", "is missing"))?;
        let components = predicate
            .get("components")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        if components == 0 {
            return Err(PredicateError::field("components", "is missing or empty"));
        }
        Ok(Self {
            spec_version: spec_version.to_owned(),
            about: about.to_owned(),
            components,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Value {
        json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "metadata": {"component": {"type": "container", "name": "app"}},
            "components": [{"type": "library", "name": "serde"}],
        })
    }

    #[test]
    fn an_inventory_of_something_is_read() {
        let bom = CycloneDx::read(TYPE, &good()).expect("an inventory");
        assert_eq!((bom.components, bom.about.as_str()), (1, "app"));
    }

    #[test]
    fn an_inventory_of_nothing_is_none() {
        for (pointer, value) in [
            ("/bomFormat", json!("SPDX")),
            ("/specVersion", json!(1.5)),
            ("/metadata/component/name", json!("")),
            ("/components", json!([])),
        ] {
            let mut bad = good();
            *bad.pointer_mut(pointer).expect("is there") = value;
            assert!(CycloneDx::read(TYPE, &bad).is_err(), "{pointer}");
        }
    }
}
