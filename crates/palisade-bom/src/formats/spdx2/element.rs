//! Packages and files.

use serde_json::{Value, json};

use super::{NO_ASSERTION, NONE, parts};
use crate::formats::fields::{Object, objects, set, set_list, text};
use crate::model::{Acknowledgement, Component, ExternalReference, Extra, Family};

/// The kind of a component that SPDX lists as a file.
pub(super) const FILE: &str = "file";

/// Purposes of a package, as SPDX (2.3 §7.24) and as we call them.
const PURPOSES: &[(&str, &str)] = &[
    ("APPLICATION", "application"),
    ("ARCHIVE", "archive"),
    ("CONTAINER", "container"),
    ("DEVICE", "device"),
    ("FIRMWARE", "firmware"),
    ("FRAMEWORK", "framework"),
    ("INSTALL", "install"),
    ("LIBRARY", "library"),
    ("OPERATING-SYSTEM", "operating-system"),
    ("OPERATING_SYSTEM", "operating-system"),
    ("OTHER", "other"),
    ("SOURCE", "source"),
];

/// Reads a package.
pub(super) fn package(from: Object) -> Component {
    let said = |field| text(&from, field).filter(|text| text != NO_ASSERTION);
    let place = |field, kind: &str| {
        let url = said(field).filter(|url| url != NONE)?;
        Some(reference(kind, url))
    };
    let (purls, cpes, others) = external(&from);
    let mut references: Vec<_> = place("homepage", "website").into_iter().collect();
    references.extend(place("downloadLocation", "distribution"));
    references.extend(others);
    let purpose = text(&from, "primaryPackagePurpose").unwrap_or_default();
    let known = PURPOSES.iter().find(|(spdx, _)| *spdx == purpose);
    let mut component = Component {
        id: text(&from, "SPDXID").unwrap_or_default(),
        kind: known.map_or("", |(_, ours)| ours).to_owned(),
        name: text(&from, "name").unwrap_or_default(),
        version: text(&from, "versionInfo"),
        purl: purls,
        cpes,
        supplier: said("supplier").and_then(|line| parts::party(&line)),
        manufacturer: said("originator").and_then(|line| parts::party(&line)),
        description: text(&from, "description"),
        copyright: said("copyrightText"),
        licenses: parts::licenses(&from),
        hashes: parts::checksums(&from),
        references,
        ..Component::default()
    };
    component.extra = Extra::remember(Family::Spdx2, from, package_fields(&component));
    component
}

/// Reads a file.
pub(super) fn file(from: Object) -> Component {
    let mut component = Component {
        id: text(&from, "SPDXID").unwrap_or_default(),
        kind: FILE.to_owned(),
        name: text(&from, "fileName").unwrap_or_default(),
        copyright: text(&from, "copyrightText").filter(|text| text != NO_ASSERTION),
        licenses: parts::licenses(&from),
        hashes: parts::checksums(&from),
        ..Component::default()
    };
    component.extra = Extra::remember(Family::Spdx2, from, file_fields(&component));
    component
}

fn reference(kind: &str, url: String) -> ExternalReference {
    ExternalReference {
        kind: kind.to_owned(),
        url,
        comment: None,
        hashes: Vec::new(),
    }
}

/// The package URL, the CPE names, and the other external references (SPDX 2.3 §7.21).
fn external(from: &Object) -> (Option<String>, Vec<String>, Vec<ExternalReference>) {
    let (mut purl, mut cpes, mut others) = (None, Vec::new(), Vec::new());
    for one in objects(from, "externalRefs") {
        let (Some(kind), Some(locator)) =
            (text(one, "referenceType"), text(one, "referenceLocator"))
        else {
            continue;
        };
        match kind.as_str() {
            "purl" if purl.is_none() => purl = Some(locator),
            "cpe23Type" | "cpe22Type" => cpes.push(locator),
            _ => others.push(ExternalReference {
                comment: text(one, "comment"),
                ..reference(&kind, locator)
            }),
        }
    }
    (purl, cpes, others)
}

/// The element as an object, with what its own document said besides.
pub(super) fn write(component: &Component) -> Object {
    let mut to = if component.kind == FILE {
        file_fields(component)
    } else {
        package_fields(component)
    };
    component.extra.restore(Family::Spdx2, &mut to);
    to
}

fn package_fields(component: &Component) -> Object {
    let mut to = Object::new();
    set(&mut to, "SPDXID", Some(component.id.as_str()));
    let name = match &component.group {
        Some(group) if !group.is_empty() => format!("{group}/{}", component.name),
        _ => component.name.clone(),
    };
    set(&mut to, "name", Some(name));
    set(&mut to, "versionInfo", component.version.as_deref());
    for (field, party) in [
        ("supplier", &component.supplier),
        ("originator", &component.manufacturer),
    ] {
        set(&mut to, field, party.as_ref().map(parts::write_party));
    }
    let of_kind = |kind: &str| {
        let mut of_kind = component.references.iter().filter(|one| one.kind == kind);
        of_kind.next().map(|one| one.url.as_str())
    };
    set(&mut to, "homepage", of_kind("website"));
    let download = of_kind("distribution").unwrap_or(NO_ASSERTION);
    set(&mut to, "downloadLocation", Some(download));
    set(&mut to, "filesAnalyzed", Some(false));
    parts::write_checksums(&mut to, &component.hashes);
    for (field, by) in [
        ("licenseConcluded", Acknowledgement::Concluded),
        ("licenseDeclared", Acknowledgement::Declared),
    ] {
        let license = parts::write_license(&component.licenses, by);
        set(
            &mut to,
            field,
            Some(license.unwrap_or_else(|| NO_ASSERTION.to_owned())),
        );
    }
    let copyright = component.copyright.as_deref().unwrap_or(NO_ASSERTION);
    set(&mut to, "copyrightText", Some(copyright));
    set(&mut to, "description", component.description.as_deref());
    let purpose = PURPOSES.iter().find(|(_, ours)| *ours == component.kind);
    set(
        &mut to,
        "primaryPackagePurpose",
        purpose.map(|(spdx, _)| *spdx),
    );
    set_list(&mut to, "externalRefs", write_external(component));
    to
}

fn write_external(component: &Component) -> Vec<Value> {
    let one = |category: &str, kind: &str, locator: &str| {
        json!({
            "referenceCategory": category,
            "referenceType": kind,
            "referenceLocator": locator,
        })
    };
    let mut all = Vec::new();
    all.extend(
        component
            .purl
            .iter()
            .map(|purl| one("PACKAGE-MANAGER", "purl", purl)),
    );
    all.extend(component.cpes.iter().map(|cpe| {
        let kind = if cpe.starts_with("cpe:2.3:") {
            "cpe23Type"
        } else {
            "cpe22Type"
        };
        one("SECURITY", kind, cpe)
    }));
    let mut placed = [false; 2];
    for reference in &component.references {
        let field = ["website", "distribution"]
            .iter()
            .position(|kind| *kind == reference.kind);
        // The first of these has a field of its own.
        if let Some(field) = field
            && !std::mem::replace(&mut placed[field], true)
        {
            continue;
        }
        let mut value = one("OTHER", &reference.kind, &reference.url);
        if let Some(comment) = &reference.comment {
            value["comment"] = json!(comment);
        }
        all.push(value);
    }
    all
}

fn file_fields(component: &Component) -> Object {
    let mut to = Object::new();
    set(&mut to, "SPDXID", Some(component.id.as_str()));
    set(&mut to, "fileName", Some(component.name.as_str()));
    parts::write_checksums(&mut to, &component.hashes);
    let concluded = parts::write_license(&component.licenses, Acknowledgement::Concluded);
    set(
        &mut to,
        "licenseConcluded",
        Some(concluded.unwrap_or_else(|| NO_ASSERTION.to_owned())),
    );
    let copyright = component.copyright.as_deref().unwrap_or(NO_ASSERTION);
    set(&mut to, "copyrightText", Some(copyright));
    to
}

/// The text with everything but letters, digits, `.` and `-` replaced (SPDX 2.3 §7.2).
pub(crate) fn word(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    text.chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .collect()
}
