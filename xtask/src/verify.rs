//! `cargo xtask verify`: all of CI, and this repository's own release gate.

use std::time::{Duration, Instant};

use palisade_ui::{Exit, ExitWith as _, Printer};

use crate::deny::Seen;
use crate::error::Error;
use crate::{deny, docs, fuzz, layers, test, tidy, tool};

/// Run every check of this repository
///
/// All steps run, whatever the ones before them found; the table at the end says how each ended.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out the demo
    #[arg(long)]
    without_demo: bool,
}

/// How a step ended.
enum Ended {
    Passed,
    /// Passed as far as it went, which was not all the way.
    Partly(&'static str),
    Failed(Error),
}

struct Step {
    name: &'static str,
    run: fn(Printer) -> Ended,
}

/// Cheap steps first.
const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        run: |_| tool::run(&mut tool::cargo(["fmt", "--all", "--check", "--", "-l"])).into(),
    },
    Step {
        name: "tidy",
        run: |printer| tidy::run(&tidy::Args {}, printer).into(),
    },
    Step {
        name: "docs",
        run: |printer| docs::run(&docs::Args::CHECK, printer).into(),
    },
    Step {
        name: "deny",
        run: |printer| match deny::run(&deny::Args {}, printer) {
            Ok(Seen::All) => Ended::Passed,
            Ok(Seen::WithoutAdvisories) => Ended::Partly("advisories not looked at"),
            Err(error) => Ended::Failed(error),
        },
    },
    Step {
        name: "layers",
        run: |printer| layers::run(&layers::Args {}, printer).into(),
    },
    Step {
        name: "clippy",
        run: |_| tool::run(&mut tool::cargo(CLIPPY)).into(),
    },
    Step {
        name: "test",
        run: |printer| test::run(&test::Args::default(), printer).into(),
    },
    Step {
        name: "fuzz",
        run: |printer| fuzz::run(&fuzz::Args::CI, printer).into(),
    },
    Step {
        name: "demo",
        run: |_| tool::run(tool::ourselves().arg("demo")).into(),
    },
];

const CLIPPY: [&str; 8] = [
    "clippy",
    "--quiet",
    "--workspace",
    "--all-targets",
    "--keep-going",
    "--",
    "-D",
    "warnings",
];

impl From<Result<(), Error>> for Ended {
    fn from(result: Result<(), Error>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

/// Runs every step; fails when one failed.
pub(crate) fn run(args: &Args, printer: Printer) -> Result<(), Error> {
    let mut ended = Vec::new();
    for step in STEPS
        .iter()
        .filter(|step| step.name != "demo" || !args.without_demo)
    {
        printer.note(&format!("\n== {}", step.name));
        let start = Instant::now();
        let result = (step.run)(printer);
        if let Ended::Failed(error) = &result {
            printer.error(error);
        }
        ended.push((step.name, result, start.elapsed()));
    }
    printer.answer("");
    for (name, result, took) in &ended {
        printer.answer(&row(name, result, *took, printer));
    }
    summary(
        &ended
            .iter()
            .map(|(name, result, _)| (*name, result))
            .collect::<Vec<_>>(),
    )
}

fn row(name: &str, ended: &Ended, took: Duration, printer: Printer) -> String {
    let word = match ended {
        Ended::Passed => printer.good("passed"),
        Ended::Partly(why) => printer.unsure(&format!("passed, {why}")),
        Ended::Failed(error) if error.exit() == Exit::Undecided => printer.unsure("could not look"),
        Ended::Failed(_) => printer.bad("FAILED"),
    };
    format!("{name:<8} {:>7.1} s  {word}", took.as_secs_f64())
}

/// A no outweighs a could-not-look, and either outweighs any number of passes.
fn summary(ended: &[(&str, &Ended)]) -> Result<(), Error> {
    let failed = |exit: Exit| {
        let names = ended.iter().filter(move |(_, ended)| match ended {
            Ended::Failed(error) => (error.exit() == Exit::Undecided) == (exit == Exit::Undecided),
            Ended::Passed | Ended::Partly(_) => false,
        });
        names.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    };
    let (no, undecided) = (failed(Exit::No), failed(Exit::Undecided));
    if !no.is_empty() {
        return Err(Error::found(
            format!("failed: {no}"),
            "run one alone: `cargo fmt`, `cargo clippy --workspace --all-targets`, `cargo xtask STEP`",
        ));
    }
    if !undecided.is_empty() {
        return Err(Error::undecided(
            format!("could not look: {undecided}"),
            "each step says above what kept it from looking",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_no_is_a_no_and_one_could_not_look_is_not_a_pass() {
        let no = Ended::Failed(Error::found("x", "y"));
        let undecided = Ended::Failed(Error::undecided("x", "y"));
        let exit = |ended: &[(&str, &Ended)]| summary(ended).map_err(|error| error.exit());
        assert_eq!(
            exit(&[("a", &Ended::Passed), ("b", &Ended::Partly("z"))]),
            Ok(())
        );
        assert_eq!(
            exit(&[("a", &Ended::Passed), ("b", &undecided)]),
            Err(Exit::Undecided)
        );
        assert_eq!(exit(&[("a", &undecided), ("b", &no)]), Err(Exit::No));
    }
}
