//! The pages about the decision document, from the schema that the gate's tests hold it to.

use std::fmt::Write as _;

use serde_json::Value;

use super::tables::WRITTEN;

/// docs/reference/decision.schema.json.
pub(super) fn schema_file() -> String {
    let text = serde_json::to_string_pretty(&palisade_gate::output::schema())
        .expect("a JSON value has a text");
    format!("{text}\n")
}

/// docs/reference/decision.md: every field of the document, with its type.
pub(super) fn page() -> String {
    let schema = palisade_gate::output::schema();
    let mut text = format!(
        "# The decision document\n\n{WRITTEN}\n\n\
         What `palisade gate --format json` prints and `--decision FILE` writes, whatever the decision\n\
         is. The same as a JSON Schema: [decision.schema.json](decision.schema.json). Within one\n\
         `version` fields may be added; a reader accepts fields it does not know.\n\n\
         | field | type | what it is |\n|---|---|---|\n"
    );
    rows(&mut text, "", &schema);
    text
}

/// One row for each property, and for those of objects and lists below it.
fn rows(text: &mut String, path: &str, schema: &Value) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    for (name, property) in properties {
        let path = format!("{path}{name}");
        let about = property["description"].as_str().unwrap_or_default();
        let kind = kind(property);
        writeln!(text, "| `{path}` | {kind} | {about} |").expect("writing to a string cannot fail");
        rows(text, &format!("{path}."), property);
        rows(text, &format!("{path}[]."), &property["items"]);
    }
}

/// A type in words.
fn kind(schema: &Value) -> String {
    if let Some(value) = schema.get("const") {
        return format!("`{value}`");
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        return values.join(" or ");
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(_) if schema["pattern"].is_string() => "digest".to_owned(),
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            let names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
            names.join(" or ")
        }
        _ => "any".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_row_with_its_path_and_type() {
        let page = page();
        for row in [
            "| `version` | `1` |",
            "| `decision` | `\"allow\"` or `\"deny\"` or `\"undecided\"` |",
            "| `subject.platforms[].manifest` | digest |",
            "| `checks[].help` | string or null |",
            "| `gaps` | list of object |",
        ] {
            assert!(page.contains(row), "{row}\n{page}");
        }
    }

    #[test]
    fn the_schema_file_is_the_gate_s_schema() {
        let read: Value = serde_json::from_str(&schema_file()).expect("it is JSON");
        assert_eq!(read, palisade_gate::output::schema());
    }
}
