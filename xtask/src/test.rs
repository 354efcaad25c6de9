//! `cargo xtask test`: every test there is, with the binaries and peers they need.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use palisade_ui::{Environment, Printer};

use crate::error::Error;
use crate::{peers, tool};

/// Build the binaries and run every test of the workspace
///
/// Journeys and interoperability tests run the built binaries and real peers. In CI (`CI` is set)
/// absent peers are fetched first; elsewhere they are named, and the tests that need them say that
/// they are skipped.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Run only tests whose name contains one of these
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
}

/// What the test harnesses said, added up.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    binaries: usize,
    failed: usize,
    ignored: usize,
    passed: usize,
}

impl Counts {
    /// Adds the numbers of a harness's last line.
    fn add(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("test result: ") else {
            return;
        };
        let number = |word: &str| {
            let before = rest.split(word).next().unwrap_or_default().trim_end();
            before
                .rsplit(' ')
                .next()
                .and_then(|number| number.parse().ok())
                .unwrap_or(0)
        };
        self.binaries += 1;
        self.failed += number("failed");
        self.ignored += number("ignored");
        self.passed += number("passed");
    }
}

/// Runs the tests; fails when one fails or none ran.
pub(crate) fn run(args: &Args, printer: Printer) -> Result<(), Error> {
    let ci = Environment::of_process("xtask").has("CI");
    if ci {
        peers::fetch_absent(printer)?;
    }
    let locked = if ci { &["--locked"][..] } else { &[] };
    printer.note("building the binaries");
    tool::run(tool::cargo(["build", "--quiet", "--workspace", "--bins"]).args(locked))?;
    let (counts, succeeded) = cargo_test(&args.filter, locked, printer)?;
    let Counts {
        binaries,
        failed,
        ignored,
        passed,
    } = counts;
    printer.answer(&format!(
        "test: {passed} passed, {failed} failed, {ignored} ignored, in {binaries} test binaries"
    ));
    let absent = peers::absent();
    if !absent.is_empty() {
        printer.answer(&format!(
            "test: tests against {} were skipped; `cargo xtask peers` fetches them",
            absent.join(", ")
        ));
    }
    match (succeeded, passed) {
        (true, 1..) => Ok(()),
        (true, 0) => Err(Error::found("no test ran", "is the filter right?")),
        (false, _) => Err(Error::found("tests failed", "what failed is listed above")),
    }
}

/// Runs cargo test, shows what it says, and adds up what the harnesses say.
fn cargo_test(
    filter: &[String],
    locked: &[&str],
    printer: Printer,
) -> Result<(Counts, bool), Error> {
    let mut command = tool::cargo(["test", "--quiet", "--workspace", "--no-fail-fast"]);
    command
        .args(locked)
        .arg("--")
        .args(filter)
        .stdout(Stdio::piped());
    let mut child = tool::spawn(&mut command)?;
    let stdout = child.stdout.take().expect("its stdout is piped");
    let mut counts = Counts::default();
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        counts.add(&line);
        if !line.is_empty() && line != "running 0 tests" && !line.starts_with("test result: ok. 0 ")
        {
            printer.answer(&line);
        }
    }
    Ok((counts, tool::wait(&mut child, &command)?.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_every_harness_are_added_up() {
        let mut counts = Counts::default();
        counts.add("running 3 tests");
        counts.add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 4 filtered out");
        counts
            .add("test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out");
        assert_eq!(
            counts,
            Counts {
                binaries: 2,
                failed: 3,
                ignored: 1,
                passed: 14
            }
        );
    }
}
