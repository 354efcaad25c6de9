//! What a command's environment is made of: what the table grants it, and what was named.

use std::ffi::OsString;

use palisade_ui::environment::{TABLE, grants};
use palisade_ui::{Printer, escape};

use crate::error::Error;

/// The variables of this process that the table grants this command.
#[expect(
    clippy::disallowed_methods,
    reason = "what is granted is handed on, not used"
)]
pub(crate) fn granted(command: &str) -> Vec<(String, OsString)> {
    TABLE
        .iter()
        .filter(|variable| grants(command, variable.name))
        .filter_map(|variable| Some((variable.name.to_owned(), std::env::var_os(variable.name)?)))
        .collect()
}

/// The variables named by `--pass-env`. One that is not set is worth a warning, not a refusal:
/// the command says itself what it misses.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever typed the name granted it"
)]
pub(crate) fn named(names: &[String], printer: Printer) -> Result<Vec<(String, OsString)>, Error> {
    let mut variables = Vec::new();
    for name in names {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(Error::Name { name: escape(name) });
        }
        match std::env::var_os(name) {
            Some(value) => variables.push((name.clone(), value)),
            None => printer.warn(&format!("`{}` is not set, so not passed on", escape(name))),
        }
    }
    Ok(variables)
}
