//! Writing an older version: what did not exist in it yet is taken out, and listed.

use serde_json::Value;

use super::write;
use crate::formats::fields::Object;
use crate::formats::prune::{Rules, prune};
use crate::model::{Bom, Family, Spec};
use crate::schema::{Fault, NoSchema, Schema};

/// Why a document cannot be written as this version.
#[derive(Debug, thiserror::Error)]
pub enum LowerError {
    /// There is no such version.
    #[error(transparent)]
    Version(#[from] NoSchema),
    /// What is left is still not valid.
    #[error("{} at `{}`", .0.reason, .0.path)]
    Invalid(Fault),
}

/// Writes the document as `version`, without what that version has no place for, and where that
/// was, as JSON pointers.
///
/// What comes out is valid by the official schema, or nothing comes out.
pub fn lowered(bom: &Bom, version: &str) -> Result<(Value, Vec<String>), LowerError> {
    let schema = Schema::of(&Spec {
        family: Family::CycloneDx,
        version: version.to_owned(),
    })?;
    let mut document = write(bom, version);
    let mut removed = Vec::new();
    if let Some(object) = document.as_object_mut() {
        if object.contains_key("$schema") {
            let address = format!("http://cyclonedx.org/schema/bom-{version}.schema.json");
            object.insert("$schema".to_owned(), address.into());
        }
        for (since, lower) in STEPS {
            if version < *since {
                lower(object, &mut removed);
            }
        }
    }
    let rules = Rules {
        may_go: is_detail,
        instead: fallback,
    };
    removed.extend(prune(&schema, &mut document, &rules));
    removed.sort();
    removed.dedup();
    match schema.faults(&document).into_iter().next() {
        None => Ok((document, removed)),
        Some(fault) => Err(LowerError::Invalid(fault)),
    }
}

/// A change to a document for versions before the one it is named with.
type Step = fn(&mut Object, &mut Vec<String>);

/// What has another form in older versions. Compared as text: no version has two digits.
const STEPS: &[(&str, Step)] = &[
    ("1.7", licenses_or_one_expression),
    ("1.6", licenses_without_acknowledgement),
    ("1.6", one_identity),
    ("1.6", manufacturer_as_manufacture),
    ("1.5", tools_as_list),
];

/// Calls `change` for every list of licences, and where it is.
fn each_licenses(document: &mut Object, path: &str, change: &mut dyn FnMut(&mut Vec<Value>, &str)) {
    fn visit(value: &mut Value, path: &str, change: &mut dyn FnMut(&mut Vec<Value>, &str)) {
        match value {
            Value::Object(object) => each_licenses(object, path, change),
            Value::Array(list) => {
                for (index, value) in list.iter_mut().enumerate() {
                    visit(value, &format!("{path}/{index}"), change);
                }
            }
            _ => {}
        }
    }
    for (name, value) in document {
        let path = format!("{path}/{name}");
        match value {
            Value::Array(choices) if name == "licenses" => change(choices, &path),
            value => visit(value, &path, change),
        }
    }
}

/// Both forms of a licence stand in a `oneOf`, of which the schema cannot say which was meant.
fn licenses_without_acknowledgement(document: &mut Object, removed: &mut Vec<String>) {
    each_licenses(document, "", &mut |choices, path| {
        for choice in choices.iter_mut().filter_map(Value::as_object_mut) {
            let mut gone = choice.remove("acknowledgement").is_some();
            if let Some(Value::Object(license)) = choice.get_mut("license") {
                gone |= license.remove("acknowledgement").is_some();
            }
            if gone {
                removed.push(format!("{path}/acknowledgement"));
            }
        }
    });
}

/// Before 1.7 there are licences or one expression, and an expression has no details.
fn licenses_or_one_expression(document: &mut Object, removed: &mut Vec<String>) {
    each_licenses(document, "", &mut |choices, path| {
        for choice in choices.iter_mut().filter_map(Value::as_object_mut) {
            for field in ["expressionDetails", "licensing", "properties"] {
                if choice.contains_key("expression") && choice.remove(field).is_some() {
                    removed.push(format!("{path}/{field}"));
                }
            }
        }
        let is_expression = |choice: &Value| choice.get("expression").is_some();
        let expressions = choices
            .iter()
            .filter(|choice| is_expression(choice))
            .count();
        if expressions == 0 || choices.len() == 1 {
            return;
        }
        removed.push(format!("{path}/expression"));
        if expressions < choices.len() {
            choices.retain(|choice| !is_expression(choice));
        } else {
            choices.truncate(1);
        }
    });
}

/// Before 1.6 the evidence of an identity is one, not a list.
fn one_identity(document: &mut Object, removed: &mut Vec<String>) {
    fn visit(value: &mut Value, path: &str, removed: &mut Vec<String>) {
        let Value::Object(object) = value else {
            return;
        };
        if let Some(Value::Array(list)) = object.get("evidence").and_then(|one| one.get("identity"))
            && let Some(first) = list.first().cloned()
        {
            if list.len() > 1 {
                removed.push(format!("{path}/evidence/identity"));
            }
            object["evidence"]["identity"] = first;
        }
        if let Some(Value::Array(nested)) = object.get_mut("components") {
            for (index, one) in nested.iter_mut().enumerate() {
                visit(one, &format!("{path}/components/{index}"), removed);
            }
        }
    }
    if let Some(subject) = document
        .get_mut("metadata")
        .and_then(|one| one.get_mut("component"))
    {
        visit(subject, "/metadata/component", removed);
    }
    let mut top = Value::Object(std::mem::take(document));
    visit(&mut top, "", removed);
    if let Value::Object(top) = top {
        *document = top;
    }
}

fn manufacturer_as_manufacture(document: &mut Object, _: &mut Vec<String>) {
    if let Some(Value::Object(metadata)) = document.get_mut("metadata")
        && let Some(maker) = metadata.remove("manufacturer")
    {
        metadata.entry("manufacture").or_insert(maker);
    }
}

fn tools_as_list(document: &mut Object, removed: &mut Vec<String>) {
    let Some(Value::Object(metadata)) = document.get_mut("metadata") else {
        return;
    };
    let Some(Value::Object(mut tools)) = metadata.get("tools").cloned() else {
        return;
    };
    let components = match tools.remove("components") {
        Some(Value::Array(components)) => components,
        _ => Vec::new(),
    };
    removed.extend(tools.keys().map(|name| format!("/metadata/tools/{name}")));
    let tool = |(index, mut tool): (usize, Value)| {
        let from = tool.as_object_mut()?;
        let mut to = Object::new();
        for (theirs, ours) in [
            ("group", "vendor"),
            ("name", "name"),
            ("version", "version"),
            ("hashes", "hashes"),
        ] {
            if let Some(value) = from.remove(theirs) {
                to.insert(ours.to_owned(), value);
            }
        }
        from.remove("type");
        let lost = from.keys();
        removed.extend(lost.map(|name| format!("/metadata/tools/components/{index}/{name}")));
        Some(Value::Object(to))
    };
    let list = components
        .into_iter()
        .enumerate()
        .filter_map(tool)
        .collect();
    metadata.insert("tools".to_owned(), Value::Array(list));
}

/// Whether a place is a detail of what is listed, which may go: not a list of components, not one of
/// its members, and not what the document is about.
fn is_detail(path: &str) -> bool {
    let deep = path.split('/').count() > 2;
    let is_index = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let is_component = path
        .rsplit_once('/')
        .is_some_and(|(list, name)| list.ends_with("/components") && is_index(name));
    let is_whole = path.ends_with("/components") || path.ends_with("/component");
    deep && !is_component && !is_whole
}

/// The word that stands for all others, where there is one.
fn fallback(place: &str) -> Option<&'static str> {
    let parent = place.strip_suffix("/type")?;
    let (list, _) = parent.rsplit_once('/')?;
    if list.ends_with("/externalReferences") {
        Some("other")
    } else if list.ends_with("/components") || parent.ends_with("/component") {
        Some("library")
    } else {
        None
    }
}
