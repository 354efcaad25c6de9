//! What the command prints: the table, the summary, and the JSON that users parse.

use palisade_bom::inventory::Component;
use palisade_types::{FrozenSubject, Gap};
use palisade_ui::{Printer, escape};
use serde::Serialize;

use crate::document::Sbom;

/// The version of [`Summary`].
const VERSION: u32 = 1;

/// The answer of `--format json` when the document goes to a file.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    version: u32,
    image: String,
    manifest: String,
    platform: String,
    output: Option<&'a str>,
    document: String,
    components: usize,
    dependencies: usize,
    gaps: &'a [Gap],
}

/// Prints the summary as JSON to stdout.
pub(crate) fn json(printer: Printer, subject: &FrozenSubject, sbom: &Sbom, output: Option<&str>) {
    let leaf = &subject.leaves[0];
    printer.json(&Summary {
        version: VERSION,
        image: subject.image.to_string(),
        manifest: leaf.manifest.to_string(),
        platform: leaf.platform.to_string(),
        output,
        document: palisade_types::Digest::sha256_of(&sbom.json).to_string(),
        components: sbom.components,
        dependencies: sbom.inventory.edges(),
        gaps: &sbom.gaps,
    });
}

/// Prints one line for each component to stdout.
pub(crate) fn table(printer: Printer, sbom: &Sbom) {
    for component in sbom.inventory.components.values() {
        printer.answer(&line(component));
    }
}

fn line(component: &Component) -> String {
    let named = match &component.purl {
        Some(purl) => purl.to_string(),
        None => format!("{} {}", component.name, component.version),
    };
    escape(&format!("{named}  {}", component.place.path))
}

/// Tells on stderr what was found and what could not be read.
pub(crate) fn talk(printer: Printer, source: &str, subject: &FrozenSubject, sbom: &Sbom) {
    for gap in &sbom.gaps {
        printer.warn(&escape(&format!("`{}` {}", gap.source, gap.reason)));
    }
    if sbom.components == 0 {
        printer.warn(
            "nothing was found; palisade reads packages of Debian and Alpine, node_modules folders, \
             Python distributions, Go programs, Rust programs built with `cargo auditable`, and \
             Cargo.lock files",
        );
    }
    let digest = subject.image.digest().to_string();
    // A tag is told what it meant; a digest needs no second telling.
    let resolved = if source.contains(&digest) {
        String::new()
    } else {
        format!(" ({digest})")
    };
    printer.note(&format!(
        "{}{resolved}: {}, {}, {}",
        escape(source),
        count(sbom.components, "component", "components"),
        count(sbom.inventory.edges(), "dependency", "dependencies"),
        count(sbom.gaps.len(), "gap", "gaps"),
    ));
}

/// A number of things, in words.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
