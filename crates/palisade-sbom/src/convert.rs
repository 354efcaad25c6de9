//! `palisade sbom convert`: the same bill of materials in another format.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use palisade_bom::convert::Loss;
use palisade_bom::formats::{self, Target};
use palisade_ui::{Context, Exit, Printer, escape, files};
use serde::Serialize;

use crate::error::Error;
use crate::output::count;

/// The largest document we read, in bytes.
const MAX_DOCUMENT: u64 = 1 << 30;
/// The most losses that are told one by one on stderr; the report has all.
const MAX_TOLD: usize = 20;

/// Write a bill of materials in another format
///
/// Reads CycloneDX 1.2 to 1.7 and SPDX 2.2 and 2.3, as JSON. A valid document loses nothing on the
/// way to the format and version it is in, known to palisade or not. What another format or version
/// has no place for is listed, never dropped in silence, and with --strict nothing is written then.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ConvertArgs {
    /// The document: a file, or - for stdin
    #[arg(value_name = "DOCUMENT")]
    pub document: PathBuf,
    /// The format to write: cyclonedx-json or spdx-json, with @VERSION for another than the newest
    #[arg(long, value_name = "FORMAT")]
    pub to: Target,
    /// Write the document to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write what is lost to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub loss_report: Option<PathBuf>,
    /// End with 1 and write no document when anything would be lost
    #[arg(long)]
    pub strict: bool,
}

const EXAMPLES: &str = "\
Examples:
  palisade sbom convert sbom.cdx.json --to spdx-json -o sbom.spdx.json
  palisade sbom convert sbom.json --to cyclonedx-json@1.5 --strict > older.cdx.json
  syft alpine -o spdx-json | palisade sbom convert - --to cyclonedx-json

Exit codes: 0 the document was written; 1 with --strict, something would be lost;
2 the command line is wrong; 3 the document cannot be read, or not be written in this format.";

/// What is lost, as JSON.
#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    format: String,
    losses: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    of: &'a str,
    field: &'a str,
    partly: bool,
}

/// Runs the command.
pub(crate) fn run(args: &ConvertArgs, context: &Context) -> Result<Exit, Error> {
    let printer = context.printer;
    let bytes = read(&args.document)?;
    let bom = formats::read(&bytes).map_err(|source| Error::Document {
        name: args.document.display().to_string(),
        source,
    })?;
    drop(bytes);
    let components = bom.components.len();
    let written = args.to.write(bom)?;
    tell(printer, &written.losses);
    if let Some(path) = &args.loss_report {
        let report = serde_json::to_string_pretty(&report(args.to, &written.losses));
        let report = report.expect("strings and numbers are JSON");
        write(path, format!("{report}\n").as_bytes())?;
    }
    if args.strict && !written.losses.is_empty() {
        printer.warn("nothing was written, since something would be lost (--strict)");
        return Ok(Exit::No);
    }
    match &args.output {
        Some(path) => write(path, written.text.as_bytes())?,
        None => printer.document(written.text.trim_end_matches('\n')),
    }
    printer.note(&format!(
        "{}: {}, {}",
        args.to,
        count(components, "component", "components"),
        count(written.losses.len(), "loss", "losses"),
    ));
    Ok(Exit::Ok)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    if path.as_os_str() != "-" {
        return Ok(files::read_bounded(path, MAX_DOCUMENT)?);
    }
    let mut bytes = Vec::new();
    let stdin = std::io::stdin().lock();
    stdin
        .take(MAX_DOCUMENT + 1)
        .read_to_end(&mut bytes)
        .map_err(Error::Stdin)?;
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(Error::StdinTooLarge {
            limit: MAX_DOCUMENT,
        });
    }
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    files::write(path, bytes).map_err(|source| Error::Output {
        path: path.to_owned(),
        source,
    })
}

fn tell(printer: Printer, losses: &[Loss]) {
    for loss in losses.iter().take(MAX_TOLD) {
        let part = if loss.partly { "a part of " } else { "" };
        printer.warn(&escape(&format!(
            "lost: {part}{} of {}",
            loss.field, loss.of
        )));
    }
    if losses.len() > MAX_TOLD {
        let more = losses.len() - MAX_TOLD;
        printer.warn(&format!("lost: {more} more; --loss-report FILE lists all"));
    }
}

fn report(target: Target, losses: &[Loss]) -> Report<'_> {
    Report {
        version: 1,
        format: target.to_string(),
        losses: losses.iter().map(row).collect(),
    }
}

fn row(loss: &Loss) -> Row<'_> {
    Row {
        of: &loss.of,
        field: &loss.field,
        partly: loss.partly,
    }
}
