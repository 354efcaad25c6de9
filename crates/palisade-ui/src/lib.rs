//! The shared edge of every palisade binary: global flags, printing, exit codes, environment.
//!
//! A binary's `main` is `palisade_ui::main(NAME, run)`; its library has `Args`, `Error` and `run`.

pub mod environment;
mod exit;
pub mod files;
mod printer;
mod run;
mod secret;
mod text;

pub use environment::Environment;
pub use exit::{Exit, ExitWith};
pub use printer::{Color, Format, Printer};
pub use run::{Context, command, main};
pub use secret::Secret;
pub use text::{escape, nearest};
