//! Taking out of a document what its official schema has no place for.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use crate::schema::Schema;

/// How often what the schema refuses is taken out before giving up. Each turn goes one level down.
const MAX_TURNS: usize = 16;

/// What may be done about a place that is not as the schema demands, other than a field it does not
/// know: those are taken out.
pub(super) struct Rules {
    /// Whether what stands there may be taken out.
    pub(super) may_go: fn(&str) -> bool,
    /// The word to write there instead, if there is one.
    pub(super) instead: fn(&str) -> Option<&'static str>,
}

/// Takes out what the schema does not know or allow, and replaces words that it does not have.
/// Returns where that was, as JSON pointers. What is left may still not be valid.
pub(super) fn prune(schema: &Schema, document: &mut Value, rules: &Rules) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..MAX_TURNS {
        let gone = turn(schema, document, rules);
        if gone.is_empty() {
            break;
        }
        all.extend(gone);
    }
    all
}

fn turn(schema: &Schema, document: &mut Value, rules: &Rules) -> Vec<String> {
    let mut places = BTreeSet::new();
    for error in schema.errors(document) {
        let path = error.instance_path().to_string();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                places.extend(unexpected.iter().map(|name| {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    format!("{path}/{name}")
                }));
            }
            _ if (rules.may_go)(&path) => {
                places.insert(path);
            }
            _ => {}
        }
    }
    // What holds others goes with them.
    let is_held = |place: &str| {
        let ends = place.match_indices('/').map(|(end, _)| end);
        ends.skip(1).any(|end| places.contains(&place[..end]))
    };
    let is_there = |place: &&String| document.pointer(place).is_some();
    let outer = places.iter().filter(|place| !is_held(place));
    let mut outer: Vec<_> = outer.filter(is_there).cloned().collect();
    // From the end, so that the places in a list stay what they are.
    outer.sort_by(|a, b| in_document_order(b, a));
    for place in &outer {
        let word = (rules.instead)(place);
        match word.and_then(|word| Some((document.pointer_mut(place)?, word))) {
            Some((value, word)) if *value != *word => *value = word.into(),
            _ => remove(document, place),
        }
    }
    outer
}

/// Places by their names, and in lists by number: 2 comes before 10.
fn in_document_order(a: &str, b: &str) -> Ordering {
    let mut pairs = a.split('/').zip(b.split('/'));
    let first = pairs.find(|(a, b)| a != b);
    match first {
        None => a.len().cmp(&b.len()),
        Some((a, b)) => match (a.parse::<usize>(), b.parse::<usize>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            _ => a.cmp(b),
        },
    }
}

fn remove(document: &mut Value, place: &str) {
    let Some((parent, name)) = place.rsplit_once('/') else {
        return;
    };
    match document.pointer_mut(parent) {
        Some(Value::Object(object)) => {
            object.remove(&name.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(list)) => {
            if let Ok(index) = name.parse::<usize>()
                && index < list.len()
            {
                list.remove(index);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_a_list_go_from_its_end() {
        let mut places = vec!["/a/10/b", "/a/2", "/a/1", "/a/2/c", "/b"];
        places.sort_by(|a, b| in_document_order(a, b));
        assert_eq!(places, ["/a/1", "/a/2", "/a/2/c", "/a/10/b", "/b"]);
    }
}
