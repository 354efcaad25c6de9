//! `cargo xtask bench`: what palisade costs, beside its peers in the same run, against its targets.
//!
//! A row is one file in `bench/rows/` and one word in its list. Contenders take turns, so that
//! whatever else the machine does meets all of them alike; CPU time and memory are the kernel's
//! own count of each process.

mod delay;
mod launch;
mod report;
mod rows;
mod stage;

use std::path::PathBuf;

use palisade_ui::{Format, Printer, nearest};

use crate::error::Error;
use crate::{files, tool};
use rows::{ROWS, Row};

/// Measure palisade beside cosign and sigstore-go: CPU time, memory, requests, size
///
/// Every row runs our optimised binary and, in turns with it, each peer that is there. Where we
/// have set ourselves a target, the row says whether it is met.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Measure only these rows
    #[arg(value_name = "ROW")]
    rows: Vec<String>,
    /// How often each command runs at most; rows that take long run less often
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Fail when a target is missed
    #[arg(long)]
    check: bool,
    /// Measure the optimised binaries in this folder instead of building them
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,
    /// Leave the peers out
    #[arg(long)]
    without_peers: bool,
    /// Say what there is to measure and measure nothing
    #[arg(long)]
    list: bool,
    /// What stdout holds
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str = "\
CPU time and wall time are told as the median with the least and the most in brackets; memory is
the largest resident set of any run.

Examples:
  cargo xtask bench
  cargo xtask bench offline-bundle start-up --runs 50
  cargo xtask bench --check --without-peers --format json";

/// Builds what is measured, measures, tells.
pub(crate) fn run(args: &Args, printer: Printer) -> Result<(), Error> {
    let rows = choose(&args.rows)?;
    if args.list {
        for row in rows {
            printer.answer(&format!("{:<20} {}", row.name, row.what));
        }
        return Ok(());
    }
    let optimised = match &args.binaries {
        Some(folder) => folder.clone(),
        None => build()?,
    };
    tool::run(&mut tool::cargo([
        "build",
        "--quiet",
        "--package",
        "palisade-sign",
    ]))?;
    tool::in_folder(async |folder| {
        let stage = stage::Stage::new(&folder, &optimised, args.without_peers).await?;
        let mut measured = Vec::new();
        for row in rows {
            printer.note(&format!("measuring {}", row.name));
            measured.push(report::Measured::of(row, &stage, args.runs)?);
        }
        match args.format {
            Format::Json => printer.json(&report::document(&measured)),
            Format::Text => report::print(printer, &measured),
        }
        for absent in stage.absent() {
            printer.warn(&format!("SKIPPED: no {absent}; run `cargo xtask peers`"));
        }
        verdict(&measured, args.check)
    })
}

/// Builds what is measured, as it is shipped; the folder it is in.
fn build() -> Result<PathBuf, Error> {
    let profile = ["build", "--quiet", "--profile", "dist"];
    let package = ["--package", "palisade-verify"];
    tool::run(&mut tool::cargo(profile.into_iter().chain(package)))?;
    Ok(files::binaries().with_file_name("dist"))
}

fn verdict(measured: &[report::Measured], check: bool) -> Result<(), Error> {
    let missed: Vec<String> = measured.iter().flat_map(report::Measured::missed).collect();
    if !check || missed.is_empty() {
        return Ok(());
    }
    Err(Error::found(
        format!("missed: {}", missed.join("; ")),
        "on a busy machine measure again, one row at a time: `cargo xtask bench ROW --runs 50`",
    ))
}

fn choose(names: &[String]) -> Result<Vec<&'static Row>, Error> {
    if names.is_empty() {
        return Ok(ROWS.iter().collect());
    }
    let known = ROWS.iter().map(|row| row.name);
    let find = |name: &String| {
        let found = ROWS.iter().find(|row| row.name == name);
        found.ok_or_else(|| Error::Usage {
            what: format!("there is no row `{name}`"),
            help: Some(match nearest(name, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("one of: {}", known.clone().collect::<Vec<_>>().join(", ")),
            }),
        })
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_unique_and_found_by_name() {
        assert!(ROWS.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert_eq!(choose(&[]).map(|rows| rows.len()).ok(), Some(ROWS.len()));
        let slip = choose(&["start-upp".to_owned()]).err();
        let Some(Error::Usage { help, .. }) = slip else {
            panic!("{slip:?}")
        };
        assert_eq!(help.as_deref(), Some("did you mean `start-up`?"));
    }
}
