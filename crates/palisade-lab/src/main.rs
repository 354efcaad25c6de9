//! The `palisade-lab` program.

use std::process::ExitCode;

use palisade_lab::cli::{self, Ended};
use palisade_ui::Exit;

fn main() -> ExitCode {
    let mut program = None;
    let exit = palisade_ui::main("lab", |args, context| {
        cli::run(args, context).map(|ended| match ended {
            Ended::Ours(exit) => exit,
            Ended::Program(code) => {
                program = Some(code);
                Exit::Ok
            }
        })
    });
    // `run` ends as its program did, also with codes that palisade itself does not have.
    program.map_or(exit, ExitCode::from)
}
