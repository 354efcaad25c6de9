//! Fields of JSON objects. What has another type than it should counts as not there; it is kept,
//! since the object that was read is compared with the one we would write.

use serde_json::{Map, Value};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// The text of this name.
pub(super) fn text(object: &Object, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_owned)
}

/// The object of this name.
pub(super) fn object<'a>(object: &'a Object, name: &str) -> Option<&'a Object> {
    object.get(name)?.as_object()
}

/// The objects in the list of this name.
pub(super) fn objects<'a>(object: &'a Object, name: &str) -> impl Iterator<Item = &'a Object> {
    list(object, name).iter().filter_map(Value::as_object)
}

/// The texts in the list of this name.
pub(super) fn texts(object: &Object, name: &str) -> Vec<String> {
    let texts = list(object, name).iter().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// The list of this name; empty when there is none.
pub(super) fn list<'a>(object: &'a Object, name: &str) -> &'a [Value] {
    let list = object.get(name).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// Sets a field, if there is a value for it.
pub(super) fn set(object: &mut Object, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value.into());
    }
}

/// Sets a field to a list, if it holds anything.
pub(super) fn set_list(object: &mut Object, name: &str, values: impl IntoIterator<Item = Value>) {
    let values: Vec<Value> = values.into_iter().collect();
    if !values.is_empty() {
        object.insert(name.to_owned(), Value::Array(values));
    }
}

/// Sets a field to an object, if it holds anything.
pub(super) fn set_object(object: &mut Object, name: &str, value: Object) {
    if !value.is_empty() {
        object.insert(name.to_owned(), Value::Object(value));
    }
}
