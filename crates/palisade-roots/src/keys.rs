//! One key counts once. TUF thresholds count key ids, which whoever writes the metadata makes up:
//! a key under two ids would sign twice.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sigstore_tuf::{Error, Key};

/// The lengths of a public key in DER (RFC 5480, RFC 8410), which tell the kinds apart.
const ED25519: usize = 44;
const P256_COMPRESSED: usize = 59;
const P256_UNCOMPRESSED: usize = 91;
const P384_COMPRESSED: usize = 72;
const P384_UNCOMPRESSED: usize = 120;

/// The parts of root and targets metadata that say who signs what.
#[derive(Deserialize)]
struct Document {
    signed: Signed,
}

#[derive(Deserialize)]
struct Signed {
    #[serde(default)]
    keys: BTreeMap<String, Key>,
    #[serde(default)]
    roles: BTreeMap<String, Signers>,
    delegations: Option<Delegations>,
}

#[derive(Deserialize)]
struct Delegations {
    keys: BTreeMap<String, Key>,
    roles: Vec<Signers>,
}

#[derive(Deserialize)]
struct Signers {
    keyids: Vec<String>,
}

/// Refuses metadata in which one role lists the same key under two ids (TUF specification 1.0.33,
/// section 4.3: a threshold is a number of keys). What is not such metadata is left to the parser.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Error> {
    let Ok(Document { signed }) = serde_json::from_slice::<Document>(bytes) else {
        return Ok(());
    };
    let roles = signed.roles.values();
    let roles = roles.map(|role| (role, &signed.keys));
    let delegated = signed.delegations.as_ref().into_iter();
    let delegated = delegated.flat_map(|d| d.roles.iter().map(|role| (role, &d.keys)));
    for (role, keys) in roles.chain(delegated) {
        let ids: BTreeSet<_> = role.keyids.iter().collect();
        let mut seen = BTreeSet::new();
        for key in ids.into_iter().filter_map(|id| keys.get(id)) {
            if !seen.insert(material(key)) {
                let why = "one key is listed for a role under two ids, as if it were two keys";
                return Err(Error::Malformed(why.to_owned()));
            }
        }
    }
    Ok(())
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
    use super::*;

    const HEX: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

    fn root(keys: &[(&str, &str)], ids: &[&str]) -> String {
        let key = |public: &str| serde_json::json!({"keytype":"ed25519","scheme":"ed25519","keyval":{"public":public}});
        let keys: BTreeMap<_, _> = keys.iter().map(|(id, public)| (*id, key(public))).collect();
        let roles = serde_json::json!({"root": {"keyids": ids, "threshold": 2}});
        serde_json::json!({"signed": {"keys": keys, "roles": roles}}).to_string()
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
    fn what_is_no_such_metadata_is_left_to_the_parser() {
        assert!(check(b"").is_ok() && check(br#"{"signed":{"meta":{}}}"#).is_ok());
    }
}
