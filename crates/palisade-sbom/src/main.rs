//! The `palisade-sbom` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    palisade_ui::main("sbom", palisade_sbom::run)
}
