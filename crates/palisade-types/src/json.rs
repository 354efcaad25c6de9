//! JSON from outside, read strictly: no duplicate keys, bounded depth, nothing after the value.
//!
//! Two readers that disagree about a repeated key disagree about what was signed (the class of
//! CVE-2026-44309), so a document that repeats one is refused everywhere.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The deepest nesting we read. serde_json itself stops at 128.
pub const MAX_DEPTH: usize = 100;
/// How the keys begin that mean something to serde_json itself.
const PRIVATE: &str = "$serde_json::private::";

/// Why bytes are not JSON that we accept.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct JsonError(#[from] serde_json::Error);

/// The most keys of one object: they are remembered, to find one that stands twice.
pub const MAX_KEYS: usize = 1 << 18;

/// Parses one JSON value. Refuses duplicate keys in any object, nesting beyond [`MAX_DEPTH`],
/// objects of more than [`MAX_KEYS`] keys and anything but white space after the value. The caller
/// bounds the number of bytes.
pub fn parse_strict(bytes: &[u8]) -> Result<Value, JsonError> {
    parse(bytes, None)
}

/// Like [`parse_strict`], and everything is checked, but what the object has under this key is not
/// kept: `null` stands in its place. For what is large and not believed yet, of which a value in
/// memory would take many times its bytes.
pub fn parse_strict_without(bytes: &[u8], key: &'static str) -> Result<Value, JsonError> {
    parse(bytes, Some(key))
}

fn parse(bytes: &[u8], left_out: Option<&'static str>) -> Result<Value, JsonError> {
    let depth = Cell::new(0);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let strict = Strict {
        depth: &depth,
        keep: true,
        left_out,
    };
    let value = strict.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: &'a Cell<usize>,
    /// Whether the value is built, or only checked.
    keep: bool,
    /// The key of the outermost object whose value is only checked.
    left_out: Option<&'static str>,
}

impl Strict<'_> {
    fn enter<E: serde::de::Error>(self) -> Result<(), E> {
        self.depth.set(self.depth.get() + 1);
        if self.depth.get() > MAX_DEPTH {
            return Err(E::custom(format_args!(
                "nested deeper than {MAX_DEPTH} levels"
            )));
        }
        Ok(())
    }

    fn leave(self) {
        self.depth.set(self.depth.get() - 1);
    }

    /// How the value under this key is read.
    fn under(self, key: &str) -> Self {
        let left_out = self.depth.get() == 1 && self.left_out == Some(key);
        Self {
            keep: self.keep && !left_out,
            ..self
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(if self.keep {
            Value::String(value.to_owned())
        } else {
            Value::Null
        })
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            if self.keep {
                items.push(item);
            }
        }
        self.leave();
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            // serde_json's own readers take an object with such a key for something else: for the
            // document inside of its text.
            if key.starts_with(PRIVATE) {
                return Err(serde::de::Error::custom(format_args!(
                    "the key {key:?} is not one to read"
                )));
            }
            if object.len() == MAX_KEYS {
                return Err(serde::de::Error::custom(format_args!(
                    "an object has more than {MAX_KEYS} keys"
                )));
            }
            if object.contains_key(&key) {
                return Err(serde::de::Error::custom(format_args!(
                    "the key {key:?} stands twice"
                )));
            }
            let value = map.next_value_seed(self.under(&key))?;
            object.insert(key, value);
        }
        self.leave();
        Ok(if self.keep {
            Value::Object(object)
        } else {
            Value::Null
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_documents_read_as_serde_json_reads_them() {
        let text = br#"{"a":[1,-2,3.5,true,null,"x"],"b":{"c":{}}}"#;
        assert_eq!(
            parse_strict(text).expect("valid"),
            serde_json::from_slice::<Value>(text).expect("valid")
        );
    }

    #[test]
    fn a_repeated_key_is_refused_at_any_depth() {
        assert!(parse_strict(br#"{"a":1,"b":2}"#).is_ok());
        assert!(parse_strict(br#"{"a":1,"a":2}"#).is_err());
        assert!(parse_strict(br#"[{"x":{"a":1,"a":1}}]"#).is_err());
    }

    #[test]
    fn a_key_that_serde_json_keeps_for_itself_is_refused() {
        let text = br#"{"a":{"$serde_json::private::RawValue":"{\"b\":1}"}}"#;
        let lenient: Value = serde_json::from_slice(text).expect("read as something else");
        assert_eq!(lenient["a"]["b"], 1);
        assert!(parse_strict(text).is_err());
        assert!(parse_strict(br#"{"a":{"$serde_json":"x"}}"#).is_ok());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |n: usize| [vec![b'['; n], vec![b']'; n]].concat();
        assert!(parse_strict(&nested(MAX_DEPTH)).is_ok());
        assert!(parse_strict(&nested(MAX_DEPTH + 1)).is_err());
        assert!(parse_strict(&nested(1_000_000)).is_err());
    }

    #[test]
    fn what_is_left_out_is_checked_all_the_same() {
        let of = |text: &str| parse_strict_without(text.as_bytes(), "p");
        let value = of(r#"{"a":{"p":[1]},"p":{"b":["x",{"c":2}]},"z":3}"#).expect("valid");
        assert_eq!(
            value,
            serde_json::json!({"a": {"p": [1]}, "p": null, "z": 3})
        );
        for wrong in [
            r#"{"p":{"b":1,"b":2}}"#,
            r#"{"p":[{"x":{"b":1,"b":1}}]}"#,
            r#"{"p":1,"p":2}"#,
            r#"{"p":[1,}"#,
            r#"{"p":1e999}"#,
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        let deep = format!(
            "{{\"p\":{}{}}}",
            "[".repeat(MAX_DEPTH),
            "]".repeat(MAX_DEPTH)
        );
        assert!(of(&deep).is_err());
    }

    #[test]
    fn the_keys_of_an_object_are_bounded() {
        let keys = |count: usize| {
            let keys: Vec<_> = (0..count).map(|n| format!("\"{n:x}\":0")).collect();
            format!("{{{}}}", keys.join(","))
        };
        assert!(parse_strict(keys(1000).as_bytes()).is_ok());
        let error = parse_strict(keys(MAX_KEYS + 1).as_bytes()).expect_err("too many");
        assert!(
            error.to_string().contains("more than 262144 keys"),
            "{error}"
        );
    }

    #[test]
    fn a_second_value_or_a_cut_one_is_refused() {
        assert!(parse_strict(b"{} {}").is_err());
        assert!(parse_strict(b"{\"a\":").is_err());
        assert!(parse_strict(b"").is_err());
    }
}
