//! The `palisade-conformance` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    palisade_ui::main("conformance", palisade_conformance::run)
}
