//! The `palisade-gate` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    palisade_ui::main("gate", palisade_gate::run)
}
