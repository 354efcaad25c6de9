//! `cargo xtask deny`: licences, bans, origins and advisories of what we depend on.

use std::path::Path;
use std::process::Command;

use palisade_ui::Printer;

use crate::error::Error;
use crate::{files, peers, tool};

/// Hold our dependencies to `deny.toml`
///
/// Licences, bans and origins need no network. Advisories need RustSec's database from GitHub;
/// where it cannot be fetched they are reported as not looked at, never as passed.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// What the network allowed to be looked at.
pub(crate) enum Seen {
    /// Everything.
    All,
    /// Everything but the advisories.
    WithoutAdvisories,
}

/// Fails on a licence, crate or origin that is not allowed, and on a known advisory.
pub(crate) fn run(_args: &Args, printer: Printer) -> Result<Seen, Error> {
    let program = peers::need("cargo-deny", printer)?;
    tool::run(&mut cargo_deny(
        &program,
        &["--offline", "check", "bans", "licenses", "sources"],
    ))?;
    let lock = files::read(&files::root().join("Cargo.lock"))?;
    let crates = lock.matches("[[package]]").count();
    printer.answer(&format!(
        "deny: licences, bans and origins of {crates} crates are as allowed"
    ));
    let fetched = tool::output(&mut cargo_deny(&program, &["fetch", "db"]))?;
    if !fetched.status.success() {
        printer.warn("advisories were NOT looked at: RustSec's database cannot be fetched");
        return Ok(Seen::WithoutAdvisories);
    }
    tool::run(&mut cargo_deny(
        &program,
        &["check", "--disable-fetch", "advisories"],
    ))?;
    printer.answer(&format!("deny: no advisory about {crates} crates"));
    Ok(Seen::All)
}

/// cargo-deny, with nothing below an error on the terminal.
fn cargo_deny(program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(["--log-level", "error"])
        .args(args)
        .current_dir(files::root());
    command
}
