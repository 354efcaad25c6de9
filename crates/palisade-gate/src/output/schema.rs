//! The JSON schema of the decision document.

use serde_json::{Value, json};

/// The schema of version 1 of the document that `palisade gate --format json` and `--decision`
/// write (JSON Schema 2020-12). Programs should accept fields that they do not know.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://palisade.dev/schema/decision/1",
        "title": "The decision of `palisade gate`",
        "type": "object",
        "required": [
            "version", "decision", "passed", "subject", "policy", "time", "relaxations",
            "trust_roots", "checks", "evidence", "gaps",
        ],
        "properties": {
            "version": {"const": 1},
            "decision": {
                "description": "The answer. Exit codes: allow 0, deny 1, undecided 3.",
                "enum": ["allow", "deny", "undecided"],
            },
            "passed": {
                "description": "Whether it may become a signed summary: an allow, in enforce mode.",
                "type": "boolean",
            },
            "subject": subject(),
            "policy": policy(),
            "time": {"description": "When it was decided.", "type": "string", "format": "date-time"},
            "relaxations": {
                "description": "What was loosened.",
                "type": "array",
                "items": {"enum": ["allow-lab", "warn-mode"]},
            },
            "trust_roots": list(object(&[
                ("name", json!({"type": "string"})),
                ("digest", digest()),
                ("lab", json!({"type": "boolean"})),
            ])),
            "checks": list(check()),
            "evidence": list(evidence()),
            "gaps": list(object(&[
                ("source", json!({"description": "What could not be read.", "type": "string"})),
                ("reason", json!({"type": "string"})),
            ])),
        },
    })
}

fn subject() -> Value {
    object(&[
        (
            "image",
            json!({"description": "`repository@digest`.", "type": "string"}),
        ),
        ("resolved_from", maybe("string")),
        ("digest", digest()),
        ("media_type", json!({"type": "string"})),
        ("index", json!({"type": "boolean"})),
        (
            "platforms",
            list(object(&[
                ("platform", json!({"type": "string"})),
                ("manifest", digest()),
                ("config", digest()),
            ])),
        ),
        (
            "ignored",
            list(object(&[
                ("digest", digest()),
                ("why", json!({"type": "string"})),
            ])),
        ),
    ])
}

fn policy() -> Value {
    object(&[
        ("id", json!({"type": "string"})),
        ("version", json!({"type": "integer", "minimum": 1})),
        ("environment", json!({"type": "string"})),
        ("mode", json!({"enum": ["enforce", "warn"]})),
        ("digest", digest()),
    ])
}

fn check() -> Value {
    object(&[
        (
            "check",
            json!({"description": "The check's id.", "type": "string"}),
        ),
        ("verdict", json!({"enum": ["fail", "missing", "pass"]})),
        ("reason", json!({"type": "string"})),
        ("help", maybe("string")),
        ("evidence", list(digest())),
        ("policy_line", maybe("integer")),
    ])
}

fn evidence() -> Value {
    let near_miss = object(&[
        (
            "signer",
            json!({"description": "The signer of the policy.", "type": "string"}),
        ),
        ("field", json!({"type": "string"})),
        ("want", json!({"type": "string"})),
        ("got", json!({"type": "string"})),
    ]);
    object(&[
        ("bundle", digest()),
        ("status", json!({"enum": ["rejected", "verified"]})),
        (
            "predicate_type",
            json!({
                "description": "Of a rejected bundle this is only what it claims.",
                "type": ["string", "null"],
            }),
        ),
        ("signer", maybe("string")),
        ("identity", maybe("string")),
        ("issuer", maybe("string")),
        ("signed_at", maybe("string")),
        (
            "claims",
            list(json!({"description": "A check that ran and held.", "type": "string"})),
        ),
        ("why", maybe("string")),
        ("near_misses", list(near_miss)),
    ])
}

fn digest() -> Value {
    json!({"type": "string", "pattern": "^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$"})
}

fn maybe(kind: &str) -> Value {
    json!({"type": [kind, "null"]})
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "reads like the JSON it makes"
)]
fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

/// An object in which every one of these fields stands.
fn object(fields: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let properties: serde_json::Map<String, Value> = fields
        .iter()
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
        .collect();
    json!({"type": "object", "required": names, "properties": properties})
}
