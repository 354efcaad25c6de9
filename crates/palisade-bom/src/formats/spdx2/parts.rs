//! The small parts: parties, licences, checksums.

use palisade_types::Digest;
use serde_json::Value;

use super::{NO_ASSERTION, NONE};
use crate::formats::fields::{Object, objects, set, set_list, text};
use crate::model::{Acknowledgement, Hash, License, LicenseName, Party, PartyKind};

/// A creator, supplier or originator: `Organization: Acme (mail@acme.example)` (SPDX 2.3 §6.8).
pub(super) fn party(line: &str) -> Option<Party> {
    let (kind, rest) = line.split_once(':')?;
    let kind = match kind.trim() {
        "Person" => PartyKind::Person,
        "Organization" => PartyKind::Organization,
        "Tool" => PartyKind::Tool,
        _ => return None,
    };
    let rest = rest.trim();
    let mut party = Party::named(kind, rest);
    if kind == PartyKind::Tool {
        // "Tool: toolidentifier-version"
        if let Some((name, version)) = rest.rsplit_once('-') {
            party.name = Some(name.to_owned());
            party.version = Some(version.to_owned());
        }
    } else if let Some((name, email)) = rest
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once('('))
    {
        party.name = Some(name.trim().to_owned());
        party.email = Some(email.trim().to_owned()).filter(|email| !email.is_empty());
    }
    Some(party)
}

pub(super) fn write_party(party: &Party) -> String {
    let name = party.name.as_deref().unwrap_or_default();
    match party.kind {
        PartyKind::Tool => match &party.version {
            Some(version) => format!("Tool: {name}-{version}"),
            None => format!("Tool: {name}"),
        },
        kind => {
            let kind = if kind == PartyKind::Person {
                "Person"
            } else {
                "Organization"
            };
            match &party.email {
                Some(email) => format!("{kind}: {name} ({email})"),
                None => format!("{kind}: {name}"),
            }
        }
    }
}

/// The declared and the concluded licence of an element.
pub(super) fn licenses(of: &Object) -> Vec<License> {
    let fields = [
        ("licenseDeclared", Acknowledgement::Declared),
        ("licenseConcluded", Acknowledgement::Concluded),
    ];
    let license = |(field, acknowledgement)| {
        let name = match text(of, field)? {
            text if text == NO_ASSERTION => LicenseName::NoAssertion,
            text if text == NONE => LicenseName::None,
            text => LicenseName::Expression(text),
        };
        Some(License {
            acknowledgement: Some(acknowledgement),
            ..License::new(name)
        })
    };
    fields.into_iter().filter_map(license).collect()
}

/// The licence of one acknowledgement, as one expression. Several are all meant, as CycloneDX does
/// not say which of them to choose from.
pub(super) fn write_license(licenses: &[License], by: Acknowledgement) -> Option<String> {
    let of = licenses.iter().filter(|license| {
        let said = license.acknowledgement.unwrap_or(Acknowledgement::Declared);
        said == by
    });
    let texts: Vec<_> = of.map(|license| expression(&license.name)).collect();
    match texts.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        several => {
            let known = several
                .iter()
                .filter(|text| *text != NO_ASSERTION && *text != NONE);
            let known = known.map(|text| {
                if text.contains(' ') {
                    format!("({text})")
                } else {
                    text.clone()
                }
            });
            let known: Vec<_> = known.collect();
            Some(if known.is_empty() {
                NO_ASSERTION.to_owned()
            } else {
                known.join(" AND ")
            })
        }
    }
}

fn expression(name: &LicenseName) -> String {
    match name {
        LicenseName::Id(id) => id.clone(),
        LicenseName::Expression(expression) => expression.clone(),
        LicenseName::Name(name) => license_reference(name),
        LicenseName::NoAssertion => NO_ASSERTION.to_owned(),
        LicenseName::None => NONE.to_owned(),
    }
}

/// The reference to a licence that is on no list (SPDX 2.3 §10.1: letters, digits, `.` and `-`).
/// Names that differ have references that do.
pub(super) fn license_reference(name: &str) -> String {
    let word = super::element::word(name);
    if word == name {
        return format!("LicenseRef-{word}");
    }
    let digest = Digest::sha256_of(name.as_bytes());
    let short: String = word.chars().take(64).collect();
    format!("LicenseRef-{short}-{}", &digest.hex()[..16])
}

pub(super) fn checksums(of: &Object) -> Vec<Hash> {
    let read = |checksum: &Object| {
        Some(Hash {
            algorithm: algorithm(&text(checksum, "algorithm")?),
            value: text(checksum, "checksumValue")?,
        })
    };
    objects(of, "checksums").filter_map(read).collect()
}

pub(super) fn write_checksums(to: &mut Object, hashes: &[Hash]) {
    let write = |hash: &Hash| {
        let mut one = Object::new();
        set(
            &mut one,
            "algorithm",
            Some(write_algorithm(&hash.algorithm)),
        );
        set(&mut one, "checksumValue", Some(hash.value.as_str()));
        Value::Object(one)
    };
    set_list(to, "checksums", hashes.iter().map(write));
}

/// `SHA256` is `SHA-256`; `SHA3-256` and `BLAKE2b-256` have one spelling.
fn algorithm(spdx: &str) -> String {
    match spdx.strip_prefix("SHA") {
        Some(size) if !size.starts_with(['3', '-']) || size == "384" => format!("SHA-{size}"),
        _ => spdx.to_owned(),
    }
}

fn write_algorithm(ours: &str) -> String {
    match ours.strip_prefix("SHA-") {
        Some(size) => format!("SHA{size}"),
        None => ours.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parties_are_read_and_written_as_the_specification_spells_them() {
        for line in [
            "Person: Jane Doe (jane@example.org)",
            "Organization: Acme",
            "Tool: palisade-sbom-0.1.0",
        ] {
            assert_eq!(
                party(line).map(|party| write_party(&party)).as_deref(),
                Some(line)
            );
        }
        assert_eq!(party("NOASSERTION"), None);
        assert_eq!(party("Robot: x"), None);
    }

    #[test]
    fn algorithms_have_two_spellings() {
        for (spdx, ours) in [
            ("SHA1", "SHA-1"),
            ("SHA256", "SHA-256"),
            ("SHA384", "SHA-384"),
            ("SHA3-256", "SHA3-256"),
            ("MD5", "MD5"),
            ("BLAKE2b-256", "BLAKE2b-256"),
        ] {
            assert_eq!(
                (algorithm(spdx), write_algorithm(ours)),
                (ours.to_owned(), spdx.to_owned())
            );
        }
    }
}
