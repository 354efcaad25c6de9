//! `cargo xtask tidy`: habits of this repository that no compiler checks.

mod attacks;
mod checkout;
mod pages;
mod rust;
mod tree;
mod workflows;

use palisade_ui::Printer;

use self::checkout::Checkout;
use crate::error::Error;
use crate::files;

/// Hold the repository to its habits
///
/// Every source file says what it is for, nothing is left unfinished or ignored, fixtures say where
/// they came from, workflows pin what they use.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// One habit: what it is called, and what is against it in a checkout.
struct Check {
    name: &'static str,
    faults: fn(&Checkout) -> Vec<String>,
}

const fn check(name: &'static str, faults: fn(&Checkout) -> Vec<String>) -> Check {
    Check { name, faults }
}

/// Every habit, in alphabetical order.
const CHECKS: &[Check] = &[
    check("assertion-in-tests-only", rust::assertion_in_tests_only),
    check("attacks-tested", attacks::attacks_tested),
    check("check-page-complete", pages::check_page_complete),
    check("clock-read-once", rust::clock_read_once),
    check("file-has-purpose", rust::file_has_purpose),
    check("file-not-long", rust::file_not_long),
    check("fixture-has-origins", tree::fixture_has_origins),
    check("no-home-paths", tree::no_home_paths),
    check("no-pending-snapshot", tree::no_pending_snapshot),
    check("nothing-ignored", rust::nothing_ignored),
    check("nothing-unfinished", rust::nothing_unfinished),
    check("panics-explained", rust::panics_explained),
    check("permissions-empty", workflows::permissions_empty),
    check("tests-in-one-binary", tree::tests_in_one_binary),
    check("tests-listed", tree::tests_listed),
    check("uses-pinned", workflows::uses_pinned),
];

/// Fails when a habit is broken, and names every place.
pub(crate) fn run(_args: &Args, printer: Printer) -> Result<(), Error> {
    let checkout = Checkout::read(&files::root())?;
    let mut count = 0;
    for check in CHECKS {
        for fault in (check.faults)(&checkout) {
            count += 1;
            printer.answer(&format!("{} {fault}", printer.bad(check.name)));
        }
    }
    for place in rust::assertions(&checkout) {
        printer.note(&format!("Verified::assertion is called in {place}"));
    }
    printer.answer(&format!(
        "tidy: {} files against {} habits, {count} faults",
        checkout.len(),
        CHECKS.len()
    ));
    if count == 0 {
        return Ok(());
    }
    Err(Error::found(
        format!("{count} faults"),
        "each line names its place",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_unique() {
        assert!(CHECKS.windows(2).all(|pair| pair[0].name < pair[1].name));
    }
}
