//! `cargo xtask demo`: not there yet.

use palisade_ui::Printer;

use crate::error::Error;

/// Not there yet
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Use this image instead of the built-in one
    #[arg(long, value_name = "REF")]
    image: Option<String>,
}

/// Says that it is not there yet.
pub(crate) fn run(args: &Args, _printer: Printer) -> Result<(), Error> {
    let image = args.image.as_deref().unwrap_or("the built-in image");
    Err(Error::undecided(
        format!("`cargo xtask demo` with {image} does not exist yet"),
        "see the open issues",
    ))
}
