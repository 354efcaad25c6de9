//! Every value of every kind of good bundle, changed one at a time: what is still accepted
//! afterwards is listed here, with the argument why that is harmless.

use serde_json::Value;

use crate::tampered::{Tampered, bundle};

/// Changes nobody has to notice: the value is a copy that nothing is decided by.
const HARMLESS: &[(&str, &str, &str)] = &[
    (
        "v2",
        "/inclusionProof/logIndex",
        "Rekor v2: the entry's own index is what is proven",
    ),
    (
        "v2",
        "/inclusionProof/rootHash",
        "Rekor v2: the signed checkpoint's root is what is used",
    ),
    (
        "v2",
        "/inclusionProof/treeSize",
        "Rekor v2: the signed checkpoint's size is what is used",
    ),
    (
        "v2",
        "/integratedTime",
        "Rekor v2 has no such time, and none is read",
    ),
    (
        "",
        "/signedTimestamp",
        "the middle of a token is a copy of the authority's certificates; those of the trust root are used",
    ),
];

fn is_harmless(file: &str, pointer: &str) -> bool {
    HARMLESS
        .iter()
        .any(|(kind, end, _)| file.contains(kind) && pointer.ends_with(end))
}

/// The place of every string, number and boolean.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                leaves(value, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                leaves(value, &format!("{at}/{index}"), found);
            }
        }
        _ => found.push(at.to_owned()),
    }
}

/// The same text with one character exchanged for one of the same kind.
fn changed(text: &str, place: usize) -> String {
    text.char_indices()
        .map(|(at, c)| match c {
            _ if at != place => c,
            '0'..='8' | 'a'..='y' | 'A'..='Y' => char::from(u8::try_from(c).unwrap() + 1),
            _ => 'A',
        })
        .collect()
}

#[test]
fn no_value_of_a_bundle_can_be_changed_unnoticed() {
    let mut survivors = Vec::new();
    for file in [
        "cross/cosign-dsse-v1.json",
        "cross/cosign-dsse-v2.json",
        "cross/js-dsse-v1.json",
        "cross/js-msg-v2.json",
        "cross/python-msg-v1.json",
        "cross/python-dsse-v2.json",
        "cross/rust-msg-v1.json",
        "faults/v1_notsa-none.json",
        "real-servers/rekor-tiles-2.3.0.json",
    ] {
        let good = bundle(file);
        let mut places = Vec::new();
        leaves(&good.0, "", &mut places);
        for place in places {
            let text = match good.at(&place) {
                Value::String(text) if !text.is_empty() => text.clone(),
                _ => continue,
            };
            for eighth in 0..8 {
                let at = text.ceil_char_boundary(text.len() * eighth / 8);
                let tampered: Tampered = good.clone().with(&place, changed(&text, at));
                if tampered.judged().is_ok() && !is_harmless(file, &place) {
                    survivors.push(format!("{file} {place} {eighth}/8"));
                }
            }
        }
    }
    assert!(survivors.is_empty(), "{}", survivors.join("\n"));
}
