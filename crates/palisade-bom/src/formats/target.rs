//! What a document is written as: the names people type, and the way there.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::cyclonedx::{self, LowerError};
use super::spdx2;
use crate::convert::{Loss, convert};
use crate::model::{Bom, Family};

/// A format and version to write: `cyclonedx-json`, `cyclonedx-json@1.5`, `spdx-json@2.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    family: Family,
    version: &'static str,
}

/// A text that names no format we write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no format to write; known are {}", Target::known())]
pub struct ParseTargetError {
    text: String,
}

/// Why a document cannot be written as this.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// What the document says cannot be said in this version.
    #[error("the document cannot be written as {target}")]
    Lower {
        /// The format and version.
        target: Target,
        /// Why.
        source: LowerError,
    },
}

/// A document as text, and what is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The text, ending with a newline.
    pub text: String,
    /// What the format has no place for, ordered, each once.
    pub losses: Vec<Loss>,
}

impl Target {
    fn all() -> impl Iterator<Item = (&'static str, Family, &'static str)> {
        let of = |name, family, versions: &'static [&'static str]| {
            let newest_first = versions.iter().rev();
            newest_first.map(move |version| (name, family, *version))
        };
        let cyclonedx = of("cyclonedx-json", Family::CycloneDx, cyclonedx::WRITTEN);
        cyclonedx.chain(of("spdx-json", Family::Spdx2, spdx2::READ))
    }

    /// All names, for messages.
    fn known() -> String {
        let names = Self::all().map(|(name, _, version)| format!("`{name}@{}`", number(version)));
        names.collect::<Vec<_>>().join(", ")
    }

    /// Writes a document, converted first where it is of another family or version.
    pub fn write(self, bom: Bom) -> Result<Written, WriteError> {
        let converted = convert(bom, self.family);
        let (mut bom, mut losses) = (converted.bom, converted.losses);
        let failed = |source| WriteError::Lower {
            target: self,
            source,
        };
        let (value, removed) = match self.family {
            Family::CycloneDx => {
                let (value, removed) = cyclonedx::lowered(&bom, self.version).map_err(failed)?;
                (cyclonedx::numbered(value), removed)
            }
            Family::Spdx2 | Family::Spdx3 => {
                if let Some(spec) = &mut bom.spec
                    && spec.family == self.family
                {
                    self.version.clone_into(&mut spec.version);
                }
                let lowered = spdx2::lowered(&bom, self.version).map_err(LowerError::from);
                lowered.map_err(failed)?
            }
        };
        losses.extend(removed.iter().map(|place| loss(&value, place)));
        losses.sort();
        losses.dedup();
        Ok(Written {
            text: format!("{value:#}\n"),
            losses,
        })
    }
}

/// Where components stand in either family.
const LISTED: [&str; 2] = ["/component", "/packages"];

/// What was taken out at a place, by the name of the component or package it was in.
fn loss(document: &Value, place: &str) -> Loss {
    let mut of = "document".to_owned();
    let mut field = place.trim_start_matches('/');
    let mut end = 0;
    while let Some(length) = place[end + 1..].find('/') {
        end += length + 1;
        let inside = document.pointer(&place[..end]);
        if let Some(name) = inside
            .and_then(|one| one.get("name"))
            .and_then(Value::as_str)
            && LISTED.iter().any(|list| place[..end].contains(list))
        {
            let mut version = ["version", "versionInfo"].iter();
            let version = version.find_map(|field| inside?.get(field)?.as_str());
            of = version.map_or_else(|| name.to_owned(), |version| format!("{name}@{version}"));
            field = &place[end + 1..];
        }
        if end + 1 >= place.len() {
            break;
        }
    }
    Loss {
        of,
        field: field.replace('/', "."),
        partly: false,
    }
}

/// `2.3` of `SPDX-2.3`.
fn number(version: &str) -> &str {
    version.trim_start_matches("SPDX-")
}

impl FromStr for Target {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, ParseTargetError> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let mut named = Self::all().filter(|(known, _, _)| *known == name);
        let found =
            named.find(|(_, _, known)| version.is_none_or(|version| version == number(known)));
        match found {
            Some((_, family, version)) => Ok(Self { family, version }),
            None => Err(ParseTargetError {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.family {
            Family::CycloneDx => write!(f, "CycloneDX {}", self.version),
            Family::Spdx2 | Family::Spdx3 => write!(f, "SPDX {}", number(self.version)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_meant_unless_another_is_said() {
        let target = |text: &str| text.parse::<Target>().map(|target| target.to_string());
        assert_eq!(target("cyclonedx-json").as_deref(), Ok("CycloneDX 1.7"));
        assert_eq!(target("cyclonedx-json@1.4").as_deref(), Ok("CycloneDX 1.4"));
        assert_eq!(target("spdx-json").as_deref(), Ok("SPDX 2.3"));
        for bad in [
            "",
            "cyclonedx",
            "cyclonedx-json@1.3",
            "spdx-json@",
            "spdx-json@3",
        ] {
            let error = target(bad).expect_err("no format");
            assert!(error.to_string().contains("`spdx-json@2.3`"), "{error}");
        }
    }

    #[test]
    fn a_place_is_told_by_the_component_it_is_in() {
        let document = serde_json::json!({"components": [{"name": "a", "version": "1",
            "components": [{"name": "b"}]}], "metadata": {}});
        let told = |place| {
            let loss = loss(&document, place);
            format!("{}: {}", loss.of, loss.field)
        };
        assert_eq!(told("/components/0/tags"), "a@1: tags");
        assert_eq!(
            told("/components/0/components/0/evidence/x"),
            "b: evidence.x"
        );
        assert_eq!(
            told("/metadata/lifecycles"),
            "document: metadata.lifecycles"
        );
        assert_eq!(told("/citations"), "document: citations");
    }
}
