//! The JSON schema of the decision document, and so the source of its reference page.

use serde_json::{Map, Value, json};

/// The schema of version 1 of the document that `palisade gate --format json` and `--decision`
/// write (JSON Schema 2020-12). Programs should accept fields that they do not know.
pub fn schema() -> Value {
    let mut schema = object(
        "What was decided about one image, and why.",
        &[
            (
                "version",
                json!({"description": "The version of this document.", "const": 1}),
            ),
            (
                "decision",
                words(
                    "The answer; exit codes 0, 1 and 3.",
                    &["allow", "deny", "undecided"],
                ),
            ),
            (
                "passed",
                flag("Whether it may become a signed summary: an allow, in enforce mode."),
            ),
            ("subject", subject()),
            ("policy", policy()),
            ("time", text("The time it was decided for, RFC 3339.")),
            (
                "relaxations",
                list(
                    "What was loosened. `allow-lab`: a lab's trust root was accepted; \
                     `insecure-registry=HOST`: this registry, or with `*` every one, was reached over \
                     plain HTTP or without a check of its certificate; \
                     `moved-clock`: it was decided for a time given on the command line; \
                     `warn-mode`: the policy only warns.",
                    relaxation(),
                ),
            ),
            (
                "trust_roots",
                list("The trust roots of the policy.", trust_root()),
            ),
            (
                "checks",
                list("What each check says, in the policy's order.", check()),
            ),
            (
                "evidence",
                list("Every bundle that was found, sorted.", evidence()),
            ),
            (
                "gaps",
                list("The sources of evidence that could not be read.", gap()),
            ),
        ],
    );
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["$id"] = json!("https://palisade.dev/schema/decision/1");
    schema["title"] = json!("The decision of `palisade gate`");
    schema
}

fn relaxation() -> Value {
    json!({
        "description": "One of them.",
        "type": "string",
        "allOf": [{"pattern": "^(allow-lab|insecure-registry=.+|moved-clock|warn-mode)$"}],
    })
}

fn subject() -> Value {
    let platform = object(
        "A manifest that runs.",
        &[
            ("platform", text("Where it runs: `linux/amd64`.")),
            ("manifest", digest("The digest of its manifest.")),
            ("config", digest("The digest of its configuration.")),
        ],
    );
    let ignored = object(
        "An entry of the index that does not run.",
        &[
            ("digest", digest("Its digest.")),
            ("why", text("Why it does not run.")),
        ],
    );
    object(
        "What was decided about.",
        &[
            ("image", text("The image by digest: `repository@digest`.")),
            (
                "resolved_from",
                maybe("string", "The tag that was resolved to it, once."),
            ),
            ("digest", digest("The image's digest.")),
            (
                "media_type",
                text("The media type of what the digest names."),
            ),
            (
                "index",
                flag("Whether it is an index of several manifests."),
            ),
            ("platforms", list("Its manifests.", platform)),
            ("ignored", list("What is in the index besides.", ignored)),
        ],
    )
}

fn policy() -> Value {
    object(
        "Which policy decided.",
        &[
            ("id", text("Its id.")),
            (
                "version",
                json!({"description": "Its version.", "type": "integer", "minimum": 1}),
            ),
            ("environment", text("The environment it guards.")),
            (
                "mode",
                words("Whether it binds, or only reports.", &["enforce", "warn"]),
            ),
            ("digest", digest("The digest of the policy file's bytes.")),
        ],
    )
}

fn trust_root() -> Value {
    let mut root = object(
        "A trust root.",
        &[
            ("name", text("Its name in the policy.")),
            ("digest", digest("The digest of its bytes.")),
            (
                "profile",
                text(
                    "What evidence under it had to prove. `logged`: that a log includes it, save \
                     for formats with no room for a proof; `included`: that without exception; \
                     `promised`: that a log promised to include it; `github-private`: a time, and \
                     no log.",
                ),
            ),
            ("lab", flag("Whether it is a lab's, which proves nothing.")),
        ],
    );
    let expires = "When its metadata ends; absent for a file.";
    root["properties"]["expires"] = text(expires);
    let source = "Whose it is, or the repository it was fetched from; absent for a file.";
    root["properties"]["source"] = text(source);
    root["properties"]["version"] = json!({
        "description": "The version of the TUF root metadata it was published under; absent for a file.",
        "type": "integer"
    });
    root
}

fn check() -> Value {
    object(
        "One check.",
        &[
            ("check", text("Its id.")),
            (
                "verdict",
                words(
                    "There is evidence that says no, none, or evidence that says yes.",
                    &["fail", "missing", "pass"],
                ),
            ),
            ("reason", text("Why, for people.")),
            ("help", maybe("string", "What to do about it.")),
            (
                "evidence",
                list("The bundles it used.", digest("A bundle.")),
            ),
            (
                "policy_line",
                maybe("integer", "Where the policy asks for it."),
            ),
        ],
    )
}

fn evidence() -> Value {
    let near_miss = object(
        "A field that differs from an expected signer's.",
        &[
            ("signer", text("The signer's name in the policy.")),
            ("field", text("`identity` or `issuer`.")),
            ("want", text("What the policy says.")),
            ("got", text("What the certificate says.")),
        ],
    );
    object(
        "One bundle; twice if two signers of the policy match it.",
        &[
            ("bundle", digest("The digest of its bytes.")),
            (
                "status",
                words("Whether it is believed.", &["rejected", "verified"]),
            ),
            (
                "predicate_type",
                maybe(
                    "string",
                    "What it is; of a rejected bundle only what it claims.",
                ),
            ),
            (
                "signer",
                maybe("string", "The signer's name in the policy."),
            ),
            (
                "identity",
                maybe("string", "The certificate's subject alternative name."),
            ),
            ("issuer", maybe("string", "The certificate's OIDC issuer.")),
            (
                "signed_at",
                maybe("string", "The earliest time that is proven for it."),
            ),
            (
                "claims",
                list(
                    "The checks of the signature that ran and held.",
                    text("One."),
                ),
            ),
            ("why", maybe("string", "Why it is rejected.")),
            (
                "near_misses",
                list("What differs, if only the signer does.", near_miss),
            ),
        ],
    )
}

fn gap() -> Value {
    object(
        "A source that could not be read.",
        &[
            ("source", text("What was asked for.")),
            ("reason", text("Why there is no answer.")),
        ],
    )
}

fn text(about: &str) -> Value {
    json!({"description": about, "type": "string"})
}

fn flag(about: &str) -> Value {
    json!({"description": about, "type": "boolean"})
}

fn words(about: &str, words: &[&str]) -> Value {
    json!({"description": about, "enum": words})
}

fn digest(about: &str) -> Value {
    let pattern = "^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$";
    json!({"description": about, "type": "string", "pattern": pattern})
}

fn maybe(kind: &str, about: &str) -> Value {
    json!({"description": about, "type": [kind, "null"]})
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "reads like the JSON it makes"
)]
fn list(about: &str, items: Value) -> Value {
    json!({"description": about, "type": "array", "items": items})
}

/// An object in which every one of these fields stands.
fn object(about: &str, fields: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let owned = |(name, schema): &(&str, Value)| ((*name).to_owned(), schema.clone());
    let properties: Map<String, Value> = fields.iter().map(owned).collect();
    json!({"description": about, "type": "object", "required": names, "properties": properties})
}
