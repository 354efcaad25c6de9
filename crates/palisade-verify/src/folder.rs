//! Evidence from files: one bundle, or a folder in which every file is looked at.

use std::fs;
use std::path::{Path, PathBuf};

use palisade_attest::{Bundle, MAX_BUNDLE};
use palisade_ui::{Printer, escape};
use serde::de::IgnoredAny;

use crate::error::Error;
use crate::evidence::{Evidence, Form, Found};
use crate::file;

/// The most files of one folder.
const MAX_FILES: usize = 1_000;
/// The most bundles in one file of lines.
const MAX_LINES: usize = 1_000;
/// All files of one folder together, in bytes.
const MAX_TOTAL: u64 = 256 << 20;

/// How the names of files with evidence end.
const ENDINGS: [&str; 3] = [".json", ".jsonl", ".sigstore"];

/// The bundle in a file.
pub(crate) fn of_file(path: &Path) -> Result<Evidence, Error> {
    let found = Found {
        origin: path.display().to_string(),
        form: Form::Bundle,
        bytes: file::read("bundle", path, MAX_BUNDLE as u64)?,
    };
    Ok(Evidence {
        bundles: vec![found],
        ..Evidence::default()
    })
}

/// Everything in a folder, in the order of the names. Each file is told about with what it is, so
/// that none is passed over unnoticed; one that cannot be read leaves the answer open.
pub(crate) fn of_folder(folder: &Path, printer: Printer) -> Result<Evidence, Error> {
    let mut evidence = Evidence::default();
    let mut left = MAX_TOTAL;
    for path in entries(folder)? {
        let origin = path.display().to_string();
        let said = match read(&path, left) {
            Ok(bytes) => {
                left -= bytes.len() as u64;
                sort_in(&origin, &bytes, &mut evidence)
            }
            Err(Unread::Kind(why)) => {
                evidence.skipped.push((origin.clone(), why.clone()));
                why
            }
            Err(Unread::Failed(why)) => {
                evidence.unreadable.push((origin.clone(), why.clone()));
                why
            }
        };
        printer.note(&escape(&format!("{origin}: {said}")));
    }
    Ok(evidence)
}

/// Why a file gave no bytes.
enum Unread {
    /// It could hold evidence, and was not read.
    Failed(String),
    /// It is no file.
    Kind(String),
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::File {
        what: "folder of evidence",
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
        if paths.len() > MAX_FILES {
            return Err(Error::TooMany {
                what: format!("folder of evidence `{}`", folder.display()),
                limit: MAX_FILES,
                unit: "files",
            });
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path, left: u64) -> Result<Vec<u8>, Unread> {
    let failed = |error: &dyn std::fmt::Display| Unread::Failed(format!("not read: {error}"));
    // Through a link, as a file named on the command line is. A pipe would wait for a writer.
    let kind = fs::metadata(path).map_err(|error| failed(&error))?;
    if kind.is_dir() {
        return Err(Unread::Kind(
            "a folder, which is not looked into".to_owned(),
        ));
    }
    if !kind.is_file() {
        return Err(Unread::Kind("neither a file nor a folder".to_owned()));
    }
    if left < kind.len() {
        let why = format!("not read: the folder holds more than {MAX_TOTAL} bytes");
        return Err(Unread::Failed(why));
    }
    let limit = left.min(MAX_BUNDLE as u64);
    palisade_ui::files::read_bounded(path, limit).map_err(|error| failed(&error))
}

/// Adds what the bytes are, and says it. A file is one bundle, or one on each line, as
/// `gh attestation download` writes them.
fn sort_in(origin: &str, bytes: &[u8], evidence: &mut Evidence) -> String {
    let found = |origin: String, bytes: &[u8]| Found {
        origin,
        form: Form::Bundle,
        bytes: bytes.to_vec(),
    };
    let whole = match Bundle::parse(bytes) {
        Ok(bundle) => {
            evidence.bundles.push(found(origin.to_owned(), bytes));
            return describe(&bundle);
        }
        Err(error) => error.to_string(),
    };
    // Never collected: a file of nothing but short lines would take many times its size.
    let lines = || {
        let lines = bytes.split(|byte| *byte == b'\n').enumerate();
        lines.filter(|(_, line)| !line.trim_ascii().is_empty())
    };
    let is_bundle = |(_, line): (usize, &[u8])| Bundle::parse(line).is_ok();
    if lines().nth(1).is_none() || !lines().any(is_bundle) {
        if is_damaged(origin, bytes, lines()) {
            let why = format!("not read: {whole}");
            evidence.unreadable.push((origin.to_owned(), why.clone()));
            return why;
        }
        let why = format!("no bundle: {whole}");
        evidence.skipped.push((origin.to_owned(), why.clone()));
        return why;
    }
    let count = lines().count();
    if count > MAX_LINES {
        let why = format!("not read: more than {MAX_LINES} lines");
        evidence.unreadable.push((origin.to_owned(), why.clone()));
        return why;
    }
    for (at, line) in lines() {
        let origin = format!("{origin}, line {}", at + 1);
        if is_json(line) {
            // What is no bundle among them is refused by name when it is judged.
            evidence.bundles.push(found(origin, line));
        } else {
            let why = "not read: it is no whole JSON".to_owned();
            evidence.unreadable.push((origin, why));
        }
    }
    format!("{count} lines, each a bundle of its own")
}

/// Whether a file with a name that evidence has is not what such files are, neither as a whole nor
/// by its lines: a part of a download. What the rest would have said is not known.
fn is_damaged<'a>(
    origin: &str,
    bytes: &[u8],
    lines: impl Iterator<Item = (usize, &'a [u8])>,
) -> bool {
    let named = ENDINGS.iter().any(|ending| origin.ends_with(ending));
    let mut lines = lines.peekable();
    let is_lines = lines.peek().is_some() && lines.all(|(_, line)| is_json(line));
    named && !is_json(bytes) && !is_lines
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

fn describe(bundle: &Bundle) -> String {
    match bundle.claimed_predicate_type() {
        Some(predicate_type) => format!("a bundle that claims the type {predicate_type}"),
        None => "a bundle with a signature over bytes".to_owned(),
    }
}
