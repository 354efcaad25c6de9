//! `cargo xtask bench`: not there yet.

use palisade_ui::Printer;

use crate::error::Error;

/// Not there yet
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Says that it is not there yet.
pub(crate) fn run(_args: &Args, _printer: Printer) -> Result<(), Error> {
    Err(Error::undecided(
        "`cargo xtask bench` does not exist yet",
        "see the open issues",
    ))
}
