//! The `palisade-verify` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    palisade_ui::main("verify", palisade_verify::run)
}
