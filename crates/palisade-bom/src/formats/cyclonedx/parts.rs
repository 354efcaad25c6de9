//! The small parts: hashes, licences, references, parties, properties.

use serde_json::Value;

use crate::formats::fields::{Object, list, object, objects, set, set_list, set_object, text};
use crate::model::{
    Acknowledgement, ExternalReference, Hash, License, LicenseName, Party, PartyKind, Property,
};

pub(super) fn hashes(of: &Object) -> Vec<Hash> {
    let read = |hash: &Object| {
        Some(Hash {
            algorithm: text(hash, "alg")?,
            value: text(hash, "content")?,
        })
    };
    objects(of, "hashes").filter_map(read).collect()
}

pub(super) fn write_hashes(to: &mut Object, hashes: &[Hash]) {
    let write = |hash: &Hash| {
        let mut one = Object::new();
        set(&mut one, "alg", Some(hash.algorithm.as_str()));
        set(&mut one, "content", Some(hash.value.as_str()));
        Value::Object(one)
    };
    set_list(to, "hashes", hashes.iter().map(write));
}

pub(super) fn properties(of: &Object) -> Vec<Property> {
    let read = |property: &Object| {
        Some(Property {
            name: text(property, "name")?,
            value: text(property, "value").unwrap_or_default(),
        })
    };
    objects(of, "properties").filter_map(read).collect()
}

pub(super) fn write_properties(to: &mut Object, properties: &[Property]) {
    let write = |property: &Property| {
        let mut one = Object::new();
        set(&mut one, "name", Some(property.name.as_str()));
        set(&mut one, "value", Some(property.value.as_str()));
        Value::Object(one)
    };
    set_list(to, "properties", properties.iter().map(write));
}

pub(super) fn references(of: &Object) -> Vec<ExternalReference> {
    let read = |reference: &Object| {
        Some(ExternalReference {
            kind: text(reference, "type")?,
            url: text(reference, "url")?,
            comment: text(reference, "comment"),
            hashes: hashes(reference),
        })
    };
    objects(of, "externalReferences").filter_map(read).collect()
}

pub(super) fn write_references(to: &mut Object, references: &[ExternalReference]) {
    let write = |reference: &ExternalReference| {
        let mut one = Object::new();
        set(&mut one, "type", Some(reference.kind.as_str()));
        set(&mut one, "url", Some(reference.url.as_str()));
        set(&mut one, "comment", reference.comment.as_deref());
        write_hashes(&mut one, &reference.hashes);
        Value::Object(one)
    };
    set_list(to, "externalReferences", references.iter().map(write));
}

pub(super) fn licenses(of: &Object) -> Vec<License> {
    objects(of, "licenses").filter_map(license).collect()
}

fn license(choice: &Object) -> Option<License> {
    let (fields, name) = match object(choice, "license") {
        Some(license) => {
            let name = match text(license, "id") {
                Some(id) => LicenseName::Id(id),
                None => LicenseName::Name(text(license, "name")?),
            };
            (license, name)
        }
        None => (choice, LicenseName::Expression(text(choice, "expression")?)),
    };
    Some(License {
        name,
        acknowledgement: match text(fields, "acknowledgement").as_deref() {
            Some("declared") => Some(Acknowledgement::Declared),
            Some("concluded") => Some(Acknowledgement::Concluded),
            _ => None,
        },
        url: text(fields, "url"),
    })
}

pub(super) fn write_licenses(to: &mut Object, licenses: &[License]) {
    set_list(to, "licenses", licenses.iter().filter_map(write_license));
}

fn write_license(license: &License) -> Option<Value> {
    let mut fields = Object::new();
    let acknowledgement = license.acknowledgement.map(|by| match by {
        Acknowledgement::Declared => "declared",
        Acknowledgement::Concluded => "concluded",
    });
    set(&mut fields, "acknowledgement", acknowledgement);
    set(&mut fields, "url", license.url.as_deref());
    let (field, value) = match &license.name {
        LicenseName::Id(id) => ("id", id),
        LicenseName::Name(name) => ("name", name),
        LicenseName::Expression(expression) => {
            set(&mut fields, "expression", Some(expression.as_str()));
            return Some(Value::Object(fields));
        }
        // CycloneDX says so by saying nothing.
        LicenseName::NoAssertion | LicenseName::None => return None,
    };
    set(&mut fields, field, Some(value.as_str()));
    let mut choice = Object::new();
    set_object(&mut choice, "license", fields);
    Some(Value::Object(choice))
}

/// An `organizationalEntity`; its first address and contact.
pub(super) fn organization(entity: &Object) -> Party {
    let contact = objects(entity, "contact").next();
    Party {
        name: text(entity, "name"),
        url: list(entity, "url")
            .first()
            .and_then(Value::as_str)
            .map(str::to_owned),
        email: contact.and_then(|contact| text(contact, "email")),
        ..Party::named(PartyKind::Organization, "")
    }
}

pub(super) fn write_organization(party: &Party) -> Object {
    let mut entity = Object::new();
    set(&mut entity, "name", party.name.as_deref());
    set_list(&mut entity, "url", party.url.as_deref().map(Value::from));
    let mut contact = Object::new();
    set(&mut contact, "email", party.email.as_deref());
    if !contact.is_empty() {
        set_list(&mut entity, "contact", [Value::Object(contact)]);
    }
    entity
}

/// An `organizationalContact`.
pub(super) fn person(contact: &Object) -> Party {
    Party {
        name: text(contact, "name"),
        email: text(contact, "email"),
        ..Party::named(PartyKind::Person, "")
    }
}

pub(super) fn write_person(party: &Party) -> Object {
    let mut contact = Object::new();
    set(&mut contact, "name", party.name.as_deref());
    set(&mut contact, "email", party.email.as_deref());
    contact
}
