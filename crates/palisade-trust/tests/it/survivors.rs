//! Every accepted bundle, changed in one place at a time: each byte of each value, each field taken
//! out, of another type, nested endlessly, given twice. What is still accepted afterwards is listed
//! here, with the argument why that is harmless.
//!
//! A run takes one change of many; `PALISADE_MUTATE_EVERY=1 cargo test --release -p palisade-trust
//! survivors` takes all of them, which is a matter of minutes.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_attest::Bundle;
use palisade_trust::{Instance, Profile, TrustRoot, verify_blob, verify_statement};
use serde_json::{Value, json};

use crate::fixtures::{folder, now, read, signer};
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
        Beside::Old,
        "/inclusionProof",
        How::Gone,
        "evidence taken away: format v0.1, and the promise is from when bundles had no proof",
    ),
    (
        Beside::Any,
        "/x509CertificateChain/certificates/1",
        How::Any,
        "only the signer's certificate is read: the chain is built from the trust root",
    ),
    (
        Beside::Any,
        "/x509CertificateChain/certificates/1/rawBytes",
        How::Any,
        "as above",
    ),
    (
        Beside::Any,
        "/x509CertificateChain/certificates/2",
        How::Any,
        "only the signer's certificate is read: the chain is built from the trust root",
    ),
    (
        Beside::Any,
        "/x509CertificateChain/certificates/2/rawBytes",
        How::Any,
        "as above",
    ),
    (
        Beside::Any,
        "/x509CertificateChain/certificates/3",
        How::Any,
        "only the signer's certificate is read: the chain is built from the trust root",
    ),
    (
        Beside::Any,
        "/x509CertificateChain/certificates/3/rawBytes",
        How::Any,
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
    /// One with the log's promise, in a bundle of format v0.1 and of before June 2024.
    Old,
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

/// Whether this byte of a checkpoint is in a signature by somebody else than the log: a witness's,
/// which counts for nothing.
fn is_of_a_witness(checkpoint: &str, position: usize) -> bool {
    let origin = checkpoint.lines().next().unwrap_or_default();
    let before = checkpoint.get(..position).unwrap_or_default();
    let line = before.matches('\n').count();
    let line = checkpoint.lines().nth(line).unwrap_or_default();
    line.strip_prefix("\u{2014} ")
        .and_then(|line| line.split_once(' '))
        .is_some_and(|(name, _)| !origin.starts_with(name))
}

fn is_harmless(bundle: &Value, at: &str, change: Change) -> bool {
    if let Change::Byte(position) = change
        && at.ends_with("/checkpoint/envelope")
        && let Some(text) = bundle.pointer(at).and_then(Value::as_str)
        && is_of_a_witness(text, position)
    {
        return true;
    }
    let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
    let kind = &entry["kindVersion"];
    let beside = if kind["kind"] == "hashedrekord" && kind["version"] == "0.0.2" {
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
    let promised = entry["integratedTime"].as_str().unwrap_or_default();
    let is_old = bundle["mediaType"]
        .as_str()
        .unwrap_or_default()
        .ends_with("=0.1")
        && promised < "1717200000";
    HARMLESS.iter().any(|(kind, end, how, _)| {
        ([Beside::Any, beside].contains(kind) || (is_old && *kind == Beside::Old))
            && at.ends_with(end)
            && fits(*how)
    })
}

/// What is still accepted, of how many changes that were tried.
#[derive(Default)]
struct Run {
    count: usize,
    tried: usize,
    survivors: Vec<String>,
}

impl Run {
    /// Tries one change of `every` of a bundle that is accepted.
    fn mutate(&mut self, name: &str, good: &Value, every: usize, accepts: impl Fn(&[u8]) -> bool) {
        assert!(accepts(good.to_string().as_bytes()), "{name}");
        let mut all = Vec::new();
        changes(good, "", &mut all);
        for (at, change) in all {
            self.count += 1;
            let step = match change {
                Change::Byte(_) => every * 8 - 7,
                _ => every,
            };
            if !self.count.is_multiple_of(step) || is_harmless(good, &at, change) {
                continue;
            }
            let Some(text) = changed(good, &at, change) else {
                continue;
            };
            self.tried += 1;
            if accepts(&text) {
                self.survivors.push(format!("{name} {at} {change:?}"));
            }
        }
    }

    #[track_caller]
    fn has_no_survivors(&self, least: usize) {
        let (tried, survivors) = (self.tried, &self.survivors);
        assert!(tried > least, "only {tried} of {}", self.count);
        assert!(
            survivors.is_empty(),
            "{} of {tried}:\n{}",
            survivors.len(),
            survivors.join("\n")
        );
    }
}

#[test]
fn no_byte_and_no_field_of_a_bundle_can_be_changed_unnoticed() {
    let every: usize = EVERY.parse().unwrap();
    let mut run = Run::default();
    for row in rows().iter().filter(|row| row.is_accepted()) {
        let good: Value = serde_json::from_slice(&read(&row.file)).unwrap();
        run.mutate(&row.file, &good, every, |text| {
            judge_bytes(row, text).is_ok()
        });
    }
    run.has_no_survivors(150);
}

/// Real bundles of other projects, where the collection stands beside the repository.
#[test]
fn nor_of_a_real_one_that_others_signed() {
    let every: usize = EVERY.parse().unwrap();
    let folder = folder().join("../../../shared/data/attestations");
    let Ok(index) = std::fs::read(folder.join("bundles/index.json")) else {
        let skipped = "skipped: ../shared/data/attestations is not here";
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    };
    let index: Vec<Value> = serde_json::from_slice(&index).unwrap();
    let mut run = Run::default();
    for row in index.iter().filter(|row| row["verifies_with"].is_string()) {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let (instance, profile) = match &*text("verifies_with") {
            "github" => (Instance::GitHub, Profile::GithubPrivate),
            "staging" => (Instance::Staging, Profile::Logged),
            _ => (Instance::PublicGood, Profile::Logged),
        };
        let root = TrustRoot::embedded(instance)
            .unwrap()
            .under(profile)
            .unwrap();
        let by = [signer(&text("san"), &text("issuer"))];
        let good = std::fs::read(folder.join(text("file"))).unwrap();
        let good: Value = serde_json::from_slice(&good).unwrap();
        let digest = good.pointer("/messageSignature/messageDigest/digest");
        let digest = digest.map(|digest| {
            let digest = STANDARD.decode(digest.as_str().unwrap()).unwrap();
            format!("sha256:{}", hex::encode(digest)).parse().unwrap()
        });
        let accepts = |text: &[u8]| {
            let Ok(bundle) = Bundle::parse(text) else {
                return false;
            };
            match &digest {
                Some(digest) => verify_blob(&bundle, &root, &by, digest, now()).is_ok(),
                None => verify_statement(&bundle, &root, &by, now()).is_ok(),
            }
        };
        // Some have a timestamp that does not hold beside a log entry that does.
        if accepts(good.to_string().as_bytes()) {
            run.mutate(&text("id"), &good, every * 8, accepts);
        }
    }
    run.has_no_survivors(150);
}
