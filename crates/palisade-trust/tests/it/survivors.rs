//! Every accepted bundle, changed in one place at a time: each byte of each value, each field taken
//! out, of another type, nested endlessly, given twice. What is still accepted afterwards is listed
//! here, with the argument why that is harmless.
//!
//! A run takes one change of many; `PALISADE_MUTATE_EVERY=1 cargo test --release -p palisade-trust
//! survivors` takes all of them, which is a matter of minutes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::fixtures::read;
use crate::matrix::{judge_bytes, rows};

/// One in how many changes of fields is tried, and eight times fewer of bytes. A prime, so that the
/// sample meets every kind of change.
const EVERY: &str = match option_env!("PALISADE_MUTATE_EVERY") {
    Some(every) => every,
    None => "61",
};

/// What may be changed unnoticed: beside which log entry, where (the end of the place), how, and
/// why that is harmless.
const HARMLESS: &[(Beside, &str, How, &str)] = &[
    (
        Beside::Version2,
        "/inclusionProof/logIndex",
        How::Any,
        "the entry's own index is what is proven",
    ),
    (
        Beside::Version2,
        "/inclusionProof/rootHash",
        How::Any,
        "the signed checkpoint's root is what is used",
    ),
    (
        Beside::Version2,
        "/inclusionProof/treeSize",
        How::Any,
        "the signed checkpoint's size is what is used",
    ),
    (
        Beside::Version2,
        "/integratedTime",
        How::Any,
        "Rekor v2 has no such time, and none is read",
    ),
    (
        Beside::Unpromised,
        "/tlogEntries/0/logIndex",
        How::Any,
        "without a promise nothing covers it and nothing reads it: the proof has its own",
    ),
    (
        Beside::Any,
        "/inclusionPromise",
        How::Gone,
        "evidence taken away: proof and timestamp are all that is demanded",
    ),
    (
        Beside::Version1,
        "/timestampVerificationData",
        How::Gone,
        "evidence taken away: the log's promise says when",
    ),
    (
        Beside::Version1,
        "/rfc3161Timestamps",
        How::Gone,
        "as above",
    ),
    (
        Beside::Version1,
        "/rfc3161Timestamps/0",
        How::Gone,
        "as above",
    ),
    (
        Beside::Any,
        "/messageSignature/messageDigest",
        How::Gone,
        "the artifact's own digest is what is verified",
    ),
    (
        Beside::Any,
        "/verificationMaterial/publicKey",
        How::Gone,
        "that it is there says that a key signed; all it holds is the hint",
    ),
    (
        Beside::Any,
        "/publicKey/hint",
        How::Any,
        "a hint names a key to somebody who has many; the key is the caller's",
    ),
    (
        Beside::Any,
        "/signatures/0/keyid",
        How::Any,
        "as above: nothing reads it",
    ),
    (
        Beside::Any,
        "/signedTimestamp",
        How::Byte,
        "the middle of a token is a copy of the authority's certificates; those of the trust root are used",
    ),
];

/// Beside which log entry something is harmless.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Beside {
    /// Any, or none.
    Any,
    /// One of an older kind, without the log's promise.
    Unpromised,
    /// One with the log's promise.
    Version1,
    /// One of Rekor v2.
    Version2,
}

/// Which change is harmless.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    /// Any that is still of the right type.
    Any,
    /// Another byte.
    Byte,
    /// Taken away, or nothing in its place.
    Gone,
}

/// How a place is changed.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// Another byte at this position: of what base64 stands for, or of the text.
    Byte(usize),
    /// Nested deeper than anything is read.
    Deep,
    /// The whole member is gone.
    Gone,
    /// Another value of another type.
    Other(u8),
    /// An object's first member stands in it twice.
    Twice,
}

/// Values of every type, one of which is another than what stands there.
fn other(kind: u8) -> Value {
    match kind {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(7),
        3 => json!(""),
        4 => json!("x"),
        5 => json!([]),
        _ => json!({}),
    }
}

/// Every change of this value and of what is in it.
fn changes(value: &Value, at: &str, found: &mut Vec<(String, Change)>) {
    let mut add = |change| found.push((at.to_owned(), change));
    if !at.is_empty() {
        add(Change::Gone);
        add(Change::Deep);
        (0..7).for_each(|kind| add(Change::Other(kind)));
    }
    match value {
        Value::Object(map) => {
            if !map.is_empty() {
                add(Change::Twice);
            }
            for (name, value) in map {
                changes(value, &format!("{at}/{}", name.replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                changes(value, &format!("{at}/{index}"), found);
            }
        }
        Value::String(text) => {
            let length = bytes_in(text).map_or(text.len(), |bytes| bytes.len());
            (0..length).for_each(|place| add(Change::Byte(place)));
        }
        _ => {}
    }
}

/// What the text stands for in base64, if that is what it is.
fn bytes_in(text: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(text).ok()?;
    (bytes.len() > 5).then_some(bytes)
}

/// The document with the change; nothing when it comes to the same.
fn changed(good: &Value, at: &str, change: Change) -> Option<Vec<u8>> {
    const MARK: &str = "\u{1}mark";
    let mut value = good.clone();
    let place = value.pointer_mut(at)?;
    let mut instead = None;
    match change {
        Change::Byte(position) => {
            let text = place.as_str()?;
            *place = json!(match bytes_in(text) {
                Some(mut bytes) => {
                    bytes[position] ^= 1 << (position % 8);
                    STANDARD.encode(bytes)
                }
                None => exchanged(text, position)?,
            });
        }
        Change::Deep => {
            *place = json!(MARK);
            instead = Some("[".repeat(200) + &"]".repeat(200));
        }
        Change::Gone => {
            let (parent, name) = at.rsplit_once('/')?;
            match value.pointer_mut(parent)? {
                Value::Array(items) => drop(items.remove(name.parse().ok()?)),
                parent => drop(parent.as_object_mut()?.remove(&name.replace("~1", "/"))?),
            }
        }
        Change::Other(kind) => {
            if *place == other(kind) {
                return None;
            }
            *place = other(kind);
        }
        Change::Twice => {
            let text = place.to_string();
            let (name, first) = place.as_object()?.iter().next()?;
            instead = Some(text.replacen('{', &format!("{{{}:{first},", json!(name)), 1));
            *place = json!(MARK);
        }
    }
    let text = value.to_string();
    Some(
        match instead {
            Some(instead) => text.replace(&json!(MARK).to_string(), &instead),
            None => text,
        }
        .into_bytes(),
    )
}

/// The same text with one character exchanged for one of the same kind.
fn exchanged(text: &str, place: usize) -> Option<String> {
    let other = |c: char| match c {
        '0'..='8' | 'a'..='y' | 'A'..='Y' => char::from(u8::try_from(c).unwrap() + 1),
        _ => 'A',
    };
    text.is_char_boundary(place).then(|| {
        let (before, after) = text.split_at(place);
        let mut rest = after.chars();
        let first = rest.next().map(other);
        before.chars().chain(first).chain(rest).collect()
    })
}

fn is_harmless(bundle: &Value, at: &str, change: Change) -> bool {
    let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
    let beside = if entry["kindVersion"]["version"] == "0.0.2" {
        Beside::Version2
    } else if entry["inclusionPromise"].is_object() {
        Beside::Version1
    } else {
        Beside::Unpromised
    };
    let fits = |how: How| match change {
        Change::Byte(_) => how != How::Gone,
        Change::Gone | Change::Other(0 | 5 | 6) => how != How::Byte,
        Change::Other(_) => how == How::Any,
        Change::Deep | Change::Twice => false,
    };
    HARMLESS.iter().any(|(kind, end, how, _)| {
        [Beside::Any, beside].contains(kind) && at.ends_with(end) && fits(*how)
    })
}

#[test]
fn no_byte_and_no_field_of_a_bundle_can_be_changed_unnoticed() {
    let mut survivors = Vec::new();
    let mut tried = 0;
    let mut count = 0_usize;
    let every: usize = EVERY.parse().unwrap();
    for row in rows().iter().filter(|row| row.is_accepted()) {
        let good: Value = serde_json::from_slice(&read(&row.file)).unwrap();
        assert!(
            judge_bytes(row, good.to_string().as_bytes()).is_ok(),
            "{}",
            row.file
        );
        let mut all = Vec::new();
        changes(&good, "", &mut all);
        for (at, change) in all {
            count += 1;
            let step = match change {
                Change::Byte(_) => every * 8 - 7,
                _ => every,
            };
            if !count.is_multiple_of(step) || is_harmless(&good, &at, change) {
                continue;
            }
            let Some(text) = changed(&good, &at, change) else {
                continue;
            };
            tried += 1;
            if judge_bytes(row, &text).is_ok() {
                survivors.push(format!("{} {at} {change:?}", row.file));
            }
        }
    }
    assert!(tried > 150, "only {tried} of {count}");
    assert!(
        survivors.is_empty(),
        "{} of {tried}:\n{}",
        survivors.len(),
        survivors.join("\n")
    );
}
