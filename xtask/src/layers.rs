//! `cargo xtask layers`: who may depend on whom, and what the pure crates may never touch.

mod graph;
mod source;
mod table;

use std::path::Path;
use std::process::Command;

use palisade_ui::Printer;

use crate::error::Error;
use crate::{files, tool};

/// Hold every crate to the architecture: edges, external crates, and purity
///
/// Reads the manifests (who names whom), the shipped dependency tree of each crate (who reaches
/// whom, with the path), the sources of the pure crates, and runs clippy on them with
/// `xtask/pure/clippy.toml`.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Fails when a crate reaches what the architecture forbids.
pub(crate) fn run(_args: &Args, printer: Printer) -> Result<(), Error> {
    let root = files::root();
    let mut report = check(&root)?;
    report.add(source::check(&root)?);
    report.finish(printer)?;
    clippy(printer)
}

/// What was looked at, and what is wrong with it.
#[derive(Debug, Default)]
struct Report {
    looked_at: Vec<String>,
    faults: Vec<String>,
}

impl Report {
    fn add(&mut self, other: Self) {
        self.looked_at.extend(other.looked_at);
        self.faults.extend(other.faults);
    }

    fn finish(self, printer: Printer) -> Result<(), Error> {
        for fault in &self.faults {
            printer.answer(&format!("{} {fault}", printer.bad("layers:")));
        }
        printer.answer(&format!("layers: looked at {}", self.looked_at.join(", ")));
        if self.faults.is_empty() {
            return Ok(());
        }
        Err(Error::found(
            format!("{} faults in the layers", self.faults.len()),
            "docs/architecture.md says why; a new edge takes its own commit and a line in xtask/src/layers/table.rs",
        ))
    }
}

/// Everything that can be told from the manifests in this folder.
fn check(root: &Path) -> Result<Report, Error> {
    let declared = graph::declared(root)?;
    let mut report = Report::default();
    report.faults.extend(table::unknown_crates(&declared));
    report.faults.extend(table::forbidden_edges(&declared));
    report.faults.extend(table::foreign_names(&declared));
    report.faults.extend(table::test_features(&declared));
    let mut reached = 0;
    for krate in table::CRATES {
        if declared.iter().any(|package| package.name == krate.name) {
            let shipped = graph::shipped(root, krate.name)?;
            reached += shipped.len();
            report
                .faults
                .extend(table::forbidden_reach(krate, &shipped));
        }
    }
    let edges: usize = declared.iter().map(|package| package.edges.len()).sum();
    report.looked_at.push(format!("{} crates", declared.len()));
    report
        .looked_at
        .push(format!("{edges} declared dependencies"));
    report.looked_at.push(format!("{reached} reached crates"));
    Ok(report)
}

/// Clippy sees through renamed imports and methods, which the scan of the sources does not.
fn clippy(printer: Printer) -> Result<(), Error> {
    let pure: Vec<_> = table::pure_crates().map(|krate| krate.name).collect();
    let packages = pure.iter().flat_map(|name| ["--package", name]);
    let mut command = tool::cargo(["clippy", "--quiet", "--lib"]);
    tool::run(purity_alone(command.args(packages)))?;
    printer.answer(&format!("layers: clippy finds {} crates pure", pure.len()));
    Ok(())
}

/// Has clippy look at purity and at nothing else.
fn purity_alone(clippy: &mut Command) -> &mut Command {
    clippy
        .args(["--", "-A", "clippy::all", "-A", "clippy::pedantic"])
        .args([
            "-D",
            "clippy::disallowed_methods",
            "-D",
            "clippy::disallowed_types",
        ])
        .env("CLIPPY_CONF_DIR", files::root().join("xtask/pure"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The manifests of this workspace, with empty sources, in a folder of their own.
    fn copy_of_the_manifests() -> tempfile::TempDir {
        let copy = tempfile::tempdir().expect("a temporary folder");
        for path in files::all(&files::root()).expect("the checkout can be listed") {
            let place = copy.path().join(&path);
            let name = path.file_name().expect("a file has a name");
            fs::create_dir_all(place.parent().expect("inside the copy")).expect("a folder");
            if name == "Cargo.toml" || name == "Cargo.lock" {
                fs::copy(files::root().join(&path), place).expect("a copy");
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                fs::write(place, "").expect("an empty file");
            }
        }
        copy
    }

    fn plant(copy: &Path, name: &str, line: &str) {
        let manifest = copy.join("crates").join(name).join("Cargo.toml");
        let text = fs::read_to_string(&manifest).expect("the manifest is there");
        let name = line
            .split(['.', ' '])
            .next()
            .expect("a line has a first word");
        // A name may stand there once.
        let others = text
            .lines()
            .filter(|other| !other.starts_with(&format!("{name}.")));
        let others: String = others.flat_map(|line| [line, "\n"]).collect();
        let planted = others.replacen("[dependencies]\n", &format!("[dependencies]\n{line}\n"), 1);
        assert_ne!(text, planted);
        fs::write(manifest, planted).expect("the manifest can be written");
    }

    #[test]
    fn an_edge_planted_in_a_copy_of_the_manifests_is_found_and_named() {
        let copy = copy_of_the_manifests();
        let before = check(copy.path()).expect("the copy can be read");
        plant(
            copy.path(),
            "palisade-gate",
            "palisade-deploy.workspace = true",
        );
        plant(copy.path(), "palisade-policy", "tokio.workspace = true");
        let feature = "palisade-trust = { workspace = true, features = [\"assertion\"] }";
        plant(copy.path(), "palisade-keyless", feature);
        let after = check(copy.path()).expect("the copy can be read");
        let new: Vec<_> = after
            .faults
            .iter()
            .filter(|fault| !before.faults.contains(fault))
            .collect();
        for wanted in [
            "palisade-gate may not depend on palisade-deploy",
            "palisade-gate may never reach palisade-deploy: palisade-gate → palisade-deploy",
            "palisade-keyless ships with a feature of palisade-trust meant for tests",
            "palisade-policy is pure and reaches tokio: palisade-policy → tokio",
        ] {
            assert!(
                new.iter().any(|fault| fault.starts_with(wanted)),
                "{wanted}: {new:?}"
            );
        }
    }

    /// What clippy says about a crate of this source.
    fn clippy_on(source: &str) -> (bool, String) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let manifest = "[package]\nname = \"planted\"\nedition = \"2024\"\n[workspace]\n";
        fs::create_dir(folder.path().join("src")).expect("a folder");
        fs::write(folder.path().join("Cargo.toml"), manifest).expect("a manifest");
        fs::write(folder.path().join("src/lib.rs"), source).expect("a source");
        let mut command = tool::cargo(["clippy", "--quiet", "--lib", "--offline"]);
        command
            .current_dir(folder.path())
            .env("CARGO_TARGET_DIR", folder.path());
        let output = tool::output(purity_alone(&mut command)).expect("clippy is installed");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), said)
    }

    #[test]
    fn clippy_sees_through_a_renamed_import_and_a_method() {
        let (passes, said) = clippy_on("pub fn f(bytes: &[u8]) -> usize { bytes.len() }");
        assert!(passes, "{said}");
        let renamed = "use std::fs as f; pub fn g() -> bool { f::read(\"x\").is_ok() }";
        let method = "pub fn h(path: &std::path::Path) -> bool { path.exists() }";
        let clock = "pub fn now() -> std::time::SystemTime { std::time::SystemTime::now() }";
        for (source, name) in [
            (renamed, "std::fs::read"),
            (method, "std::path::Path::exists"),
            (clock, "std::time::SystemTime::now"),
        ] {
            let (passes, said) = clippy_on(source);
            assert!(!passes && said.contains(name), "{name}: {said}");
        }
    }
}
