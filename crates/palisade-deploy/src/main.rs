//! The `palisade-deploy` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    palisade_ui::main("deploy", palisade_deploy::run)
}
