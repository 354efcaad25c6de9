//! The `palisade-sign` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    palisade_ui::main("sign", palisade_sign::run)
}
