//! One key counts once. TUF thresholds count key ids, which whoever writes the metadata makes up:
//! a key under two ids would sign twice.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sigstore_tuf::{Delegations, Error, Key, Root, Targets};

/// The lengths of a public key in DER (RFC 5480, RFC 8410), which tell the kinds apart.
const ED25519: usize = 44;
const P256_COMPRESSED: usize = 59;
const P256_UNCOMPRESSED: usize = 91;
const P384_COMPRESSED: usize = 72;
const P384_UNCOMPRESSED: usize = 120;

/// Refuses metadata in which one role lists the same key under two ids (TUF specification 1.0.33,
/// section 4.3: a threshold is a number of keys). Root and targets metadata alone say who signs what,
/// and are read with the client's own types: what it can read never escapes this check. Everything
/// else is left to the client.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Error> {
    let Ok(mut document) = serde_json::from_slice::<Value>(bytes) else {
        return Ok(());
    };
    let signed = document
        .get_mut("signed")
        .map(Value::take)
        .unwrap_or_default();
    match signed.get("_type").and_then(Value::as_str) {
        Some("root") => {
            let Root { keys, roles, .. } = serde_json::from_value(signed)?;
            roles
                .values()
                .try_for_each(|role| once(&role.keyids, &keys))
        }
        Some("targets") => {
            let Targets { delegations, .. } = serde_json::from_value(signed)?;
            delegations.map_or(Ok(()), |Delegations { keys, roles, .. }| {
                roles.iter().try_for_each(|role| once(&role.keyids, &keys))
            })
        }
        _ => Ok(()),
    }
}

/// Refuses two ids of one key. An id that is repeated is counted once by everybody.
fn once(ids: &[String], keys: &BTreeMap<String, Key>) -> Result<(), Error> {
    let ids: BTreeSet<_> = ids.iter().collect();
    let mut seen = BTreeSet::new();
    let mut keys = ids.into_iter().filter_map(|id| keys.get(id));
    if keys.all(|key| seen.insert(material(key))) {
        return Ok(());
    }
    let why = "one key is listed for a role under two ids, as if it were two keys";
    Err(Error::Malformed(why.to_owned()))
}

/// What makes a key this key, however it is written: PEM or hexadecimal, its point compressed or
/// not. Of a point on a curve that is the first coordinate: who can sign for one of the two points
/// that share it can sign for both.
fn material(key: &Key) -> Vec<u8> {
    let text = key.keyval.public.trim();
    let bytes = if text.starts_with("-----") {
        let lines = text.lines().filter(|line| !line.starts_with("-----"));
        let joined: String = lines.flat_map(str::split_whitespace).collect();
        STANDARD.decode(joined).ok()
    } else {
        hex::decode(text).ok()
    };
    // Unreadable keys verify nothing and so count for nothing, but are told apart all the same.
    let bytes = bytes.unwrap_or_else(|| text.as_bytes().to_vec());
    let part = match bytes.len() {
        P256_COMPRESSED | P256_UNCOMPRESSED => &bytes[27..59],
        P384_COMPRESSED | P384_UNCOMPRESSED => &bytes[24..72],
        ED25519 => &bytes[12..],
        _ => &bytes[..],
    };
    part.to_vec()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HEX: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

    fn keys(keys: &[(&str, &str)]) -> Value {
        let key = |public: &str| json!({"keytype":"ed25519","scheme":"ed25519","keyval":{"public":public}});
        keys.iter().map(|(id, public)| (*id, key(public))).collect()
    }

    fn signed(kind: &str, extra: Value) -> Value {
        let mut signed = json!({
            "_type": kind, "spec_version": "1.0.33", "version": 1, "expires": "2027-01-01T00:00:00Z",
        });
        let Value::Object(extra) = extra else {
            unreachable!("the tests give objects");
        };
        signed.as_object_mut().expect("an object").extend(extra);
        json!({"signed": signed, "signatures": []})
    }

    fn root(of: &[(&str, &str)], ids: &[&str]) -> String {
        let roles = json!({"root": {"keyids": ids, "threshold": 2}});
        signed("root", json!({"keys": keys(of), "roles": roles})).to_string()
    }

    #[test]
    fn a_key_is_one_key_however_it_is_written() {
        let other = HEX.replace("d7", "d8");
        let two = root(&[("a", HEX), ("b", &other)], &["a", "b"]);
        assert!(check(two.as_bytes()).is_ok());
        for again in [HEX.to_owned(), HEX.to_uppercase(), PEM.to_owned()] {
            let one = root(&[("a", HEX), ("b", &again)], &["a", "b"]);
            assert!(check(one.as_bytes()).is_err(), "{again}");
            // A role that names one of the two counts it once.
            let unused = root(&[("a", HEX), ("b", &again)], &["a"]);
            assert!(check(unused.as_bytes()).is_ok(), "{again}");
        }
        // An id that is repeated is counted once by everybody.
        assert!(check(root(&[("a", HEX)], &["a", "a"]).as_bytes()).is_ok());
    }

    #[test]
    fn a_field_that_the_client_reads_past_does_not_switch_the_check_off() {
        let twice = keys(&[("a", HEX), ("b", PEM)]);
        let once = keys(&[("a", HEX)]);
        let role = json!({"keyids": ["a", "b"], "threshold": 2, "name": "x"});
        let documents = |keys: &Value| {
            let roles = json!({"root": &role});
            [
                signed(
                    "root",
                    json!({"keys": keys, "roles": roles, "delegations": 0}),
                ),
                signed(
                    "targets",
                    json!({"targets": {}, "roles": 1, "keys": 1, "delegations": {"keys": keys, "roles": [role]}}),
                ),
            ]
        };
        for document in documents(&once) {
            assert!(check(document.to_string().as_bytes()).is_ok(), "{document}");
        }
        for document in documents(&twice) {
            assert!(
                check(document.to_string().as_bytes()).is_err(),
                "{document}"
            );
        }
        // Delegations without roles delegate to nobody.
        let none = json!({"targets": {}, "delegations": {"keys": twice}});
        assert!(check(signed("targets", none).to_string().as_bytes()).is_ok());
    }

    #[test]
    fn metadata_that_cannot_be_read_is_refused() {
        for kind in ["root", "targets"] {
            let wrong = signed(kind, json!({"keys": 0, "roles": {}, "targets": 0}));
            assert!(check(wrong.to_string().as_bytes()).is_err(), "{kind}");
        }
    }

    #[test]
    fn what_is_no_such_metadata_is_left_to_the_parser() {
        assert!(check(b"").is_ok() && check(br#"{"signed":{"meta":{}}}"#).is_ok());
    }
}
