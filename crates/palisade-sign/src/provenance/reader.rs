//! Reads variables and remembers which are missing, to name all of them at once.

use palisade_ui::{Environment, escape};

use crate::error::Error;

pub(super) struct Reader<'a> {
    environment: &'a Environment,
    missing: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(environment: &'a Environment) -> Self {
        Self {
            environment,
            missing: Vec::new(),
        }
    }

    /// The value; empty when it is missing, which [`Reader::finish`] then refuses.
    pub(super) fn need(&mut self, name: &'static str) -> String {
        let value = self.environment.get(name);
        if value.is_none() {
            self.missing.push(name);
        }
        value.unwrap_or_default().to_owned()
    }

    /// Notes something that is missing under the name it is described by.
    pub(super) fn lacks(&mut self, names: &'static str) {
        self.missing.push(names);
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.environment.get(name).map(str::to_owned)
    }

    /// Refuses when anything was missing.
    pub(super) fn finish(self, service: &'static str) -> Result<(), Error> {
        if self.missing.is_empty() {
            Ok(())
        } else {
            Err(Error::Missing {
                service,
                names: self.missing.join(", "),
            })
        }
    }
}

/// A full commit name: SHA-1 or SHA-256, in lower-case hexadecimal.
pub(super) fn check_commit(variable: &'static str, value: &str) -> Result<(), Error> {
    let hexadecimal = value
        .bytes()
        .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if hexadecimal && matches!(value.len(), 40 | 64) {
        return Ok(());
    }
    Err(malformed(variable, value, "a full commit in hexadecimal"))
}

/// An address that can stand before a path and a reference.
pub(super) fn check_url(variable: &'static str, value: &str) -> Result<(), Error> {
    let rest = value
        .strip_prefix("https://")
        .or_else(|| value.strip_prefix("http://"));
    let plain = |rest: &str| {
        !rest.is_empty()
            && rest
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"@?#".contains(&b))
    };
    if rest.is_some_and(plain) {
        return Ok(());
    }
    Err(malformed(
        variable,
        value,
        "an address: `https://host/path`",
    ))
}

pub(super) fn malformed(variable: &'static str, value: &str, want: &'static str) -> Error {
    Error::Variable {
        variable,
        value: escape(value),
        want,
    }
}
