//! Words: JSON, digests, references, and what is shown on a terminal.

use palisade_oci::Location;
use palisade_types::descriptor::Platform;
use palisade_types::json::{MAX_DEPTH, parse_strict};
use palisade_types::{Descriptor, Digest, ImageRef, PinnedRef, Repository};
use palisade_ui::escape;
use serde_json::Value;

use super::{text, texts};
use crate::Target;
use crate::files::folder;

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "digest",
        parser: "types::Digest, Descriptor",
        holds: "prints as it was written; the same through JSON; bytes and hexadecimal agree",
        run: digest,
        seeds: || {
            texts(&[
                "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
                "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
                "md5:d41d8cd98f00b204e9800998ecf8427e",
                r#"{"mediaType":"a/b","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":3,"platform":{"os":"linux","architecture":"arm64","variant":"v8"},"annotations":{"a":"b"}}"#,
            ])
        },
    },
    Target {
        name: "json",
        parser: "types::json::parse_strict",
        holds: "accepts nothing that a lenient reader refuses, reads the same, within the depth; what it accepts it reads again after writing",
        run: json,
        seeds: || {
            let mut seeds = folder("fixtures/sigstore-faults/static", ".json");
            seeds.truncate(4);
            seeds.push([vec![b'['; MAX_DEPTH], vec![b']'; MAX_DEPTH]].concat());
            seeds.push([vec![b'['; MAX_DEPTH + 1], vec![b']'; MAX_DEPTH + 1]].concat());
            seeds.push([vec![b'['; 50_000]].concat());
            seeds.extend(texts(&[
                r#"{"a":1,"\u0061":2}"#,
                r#"{"a":[1,-2,3.5e10,"\ud83d\ude00",null,true],"b":{}}"#,
                r#"{"$serde_json::private::RawValue":"{\"a\":1,\"a\":2}"}"#,
                "1e999",
                "{} x",
            ]));
            seeds
        },
    },
    Target {
        name: "reference",
        parser: "types::{ImageRef, PinnedRef, Repository, Platform}, oci::Location",
        holds: "what prints is read as the same; pinned is a reference with a digest; nothing in a name could change a URL",
        run: reference,
        seeds: || {
            texts(&[
                "alpine",
                "ghcr.io/acme/app:1.0@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "localhost:5000/a__b/c-d.e:tag",
                "[::1]:5000/a/b",
                "index.docker.io/library/debian@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "oci:dir/with:colon:tag",
                "oci-archive:file.tar@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "linux/arm64/v8",
                "REG.example/a",
            ])
        },
    },
    Target {
        name: "terminal",
        parser: "ui::escape",
        holds: "no control character, no mark of direction is left; harmless text is not touched; a second time changes nothing",
        run: terminal,
        seeds: || {
            texts(&[
                "plain text \u{1f980}",
                "\x1b[2J\x07\r\n",
                "\u{202e}txt.exe",
                "\u{e0041}\u{feff}",
            ])
        },
    },
];

fn digest(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
        assert_eq!(digest.bytes().len() * 2, digest.hex().len());
        let json = serde_json::to_string(&digest).expect("a text");
        assert_eq!(
            serde_json::from_str::<Digest>(&json).expect("the same"),
            digest
        );
        assert!(digest.same_algorithm_of(data) == digest || !digest.matches(data));
    }
    if let Ok(descriptor) = serde_json::from_slice::<Descriptor>(data) {
        let written = serde_json::to_vec(&descriptor).expect("text and numbers");
        let again: Descriptor = serde_json::from_slice(&written).expect("what was written");
        assert_eq!(again, descriptor);
    }
}

fn json(data: &[u8]) {
    let Ok(value) = parse_strict(data) else {
        return;
    };
    let lenient: Value = serde_json::from_slice(data).expect("a lenient reader accepts it too");
    assert_eq!(value, lenient);
    assert!(depth(&value) <= MAX_DEPTH);
    let written = serde_json::to_vec(&value).expect("a value");
    let again = parse_strict(&written).expect("what was written");
    // The shortest text of a float is not read back to the last bit.
    assert!(again == value || has_float(&value));
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Whether a number in it is no integer.
pub(super) fn has_float(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_float),
        Value::Object(map) => map.values().any(has_float),
        Value::Number(number) => number.is_f64(),
        _ => false,
    }
}

fn reference(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let image = text.parse::<ImageRef>();
    if let Ok(image) = &image {
        let printed = image.to_string();
        assert_eq!(printed.parse::<ImageRef>().as_ref(), Ok(image), "{printed}");
        for part in [image.repository().registry(), image.repository().path()] {
            assert!(!part.contains(['?', '#', '%', '\\', '@', ' ']), "{part}");
            assert!(
                part.is_ascii() && !part.split('/').any(|word| matches!(word, "" | "." | ".."))
            );
        }
        let pinned = image.pinned();
        assert_eq!(text.parse::<PinnedRef>().ok(), pinned);
        if let Some(pinned) = pinned {
            assert_eq!(Some(pinned.digest()), image.digest());
        }
    } else {
        assert!(text.parse::<PinnedRef>().is_err());
    }
    if let Ok(repository) = text.parse::<Repository>() {
        assert_eq!(repository.to_string().parse(), Ok(repository));
    }
    if let Ok(platform) = text.parse::<Platform>() {
        assert_eq!(platform.to_string(), text);
    }
    if let Ok(location) = text.parse::<Location>() {
        let printed = location.to_string();
        assert_eq!(printed.parse::<Location>(), Ok(location), "{printed}");
    }
}

fn terminal(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let safe = escape(&text);
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!safe.contains(harmful));
    assert_eq!(escape(&safe), safe);
    if text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ')
    {
        assert_eq!(safe, text);
    }
}
