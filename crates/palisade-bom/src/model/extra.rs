//! What a format says and the model has no word for.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A family of formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// `CycloneDX`, any version, as JSON or XML.
    CycloneDx,
    /// SPDX 2.
    Spdx2,
    /// SPDX 3.
    Spdx3,
}

/// How an object of a document differs from what our writer makes of the model of it.
///
/// Made by comparing the two ([`Extra::remember`]), so it cannot forget a field: writing and
/// then [`Extra::restore`] gives back the object that was read. A field whose model was changed in
/// between is written as the model now says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra {
    family: Option<Family>,
    fields: BTreeMap<String, Field>,
}

#[derive(Clone, Debug, PartialEq)]
struct Field {
    ours: Option<Value>,
    theirs: Option<Value>,
}

impl Extra {
    /// Keeps every field in which `theirs`, as read, differs from `ours`, as written from its model.
    pub fn remember(
        family: Family,
        theirs: Map<String, Value>,
        mut ours: Map<String, Value>,
    ) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in theirs {
            let written = ours.remove(&name);
            if written.as_ref() != Some(&value) {
                let field = Field {
                    ours: written,
                    theirs: Some(value),
                };
                fields.insert(name, field);
            }
        }
        for (name, value) in ours {
            let field = Field {
                ours: Some(value),
                theirs: None,
            };
            fields.insert(name, field);
        }
        Self {
            family: (!fields.is_empty()).then_some(family),
            fields,
        }
    }

    /// Puts the remembered fields back into an object of the same family.
    pub fn restore(&self, family: Family, object: &mut Map<String, Value>) {
        if self.family != Some(family) {
            return;
        }
        for (name, field) in &self.fields {
            if object.get(name) != field.ours.as_ref() {
                continue;
            }
            match &field.theirs {
                Some(value) => object.insert(name.clone(), value.clone()),
                None => object.remove(name),
            };
        }
    }

    /// The names of the fields of which something is lost when the object is written as another
    /// family, and whether all of the field is.
    pub fn lost(&self, family: Family) -> impl Iterator<Item = (&str, bool)> {
        let other = self.family.is_some_and(|known| known != family);
        self.fields
            .iter()
            .filter(move |(_, field)| other && field.theirs.as_ref().is_some_and(says_something))
            .map(|(name, field)| (name.as_str(), field.ours.is_none()))
    }
}

/// Whether a value is more than an empty place.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            _ => panic!("an object"),
        }
    }

    #[test]
    fn what_was_read_comes_back_and_a_changed_field_stays_changed() {
        let theirs = object(json!({"a": 1, "b": [1, {"x": 2}], "d": 4}));
        let ours = object(json!({"a": 1, "b": [1], "c": 3}));
        let extra = Extra::remember(Family::CycloneDx, theirs.clone(), ours.clone());

        let mut written = ours.clone();
        extra.restore(Family::CycloneDx, &mut written);
        assert_eq!(written, theirs);

        let mut changed = ours.clone();
        changed.insert("b".to_owned(), json!([7]));
        extra.restore(Family::CycloneDx, &mut changed);
        assert_eq!(changed["b"], json!([7]));

        let mut foreign = ours.clone();
        extra.restore(Family::Spdx2, &mut foreign);
        assert_eq!(foreign, ours);
    }

    #[test]
    fn what_another_family_cannot_hold_is_listed() {
        let theirs = object(json!({"b": [1, {"x": 2}], "d": 4, "e": []}));
        let ours = object(json!({"b": [1], "c": 3}));
        let extra = Extra::remember(Family::CycloneDx, theirs, ours);
        let lost: Vec<_> = extra.lost(Family::Spdx2).collect();
        assert_eq!(lost, [("b", false), ("d", true)]);
        assert_eq!(extra.lost(Family::CycloneDx).count(), 0);
    }
}
