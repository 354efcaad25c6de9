//! The distribution an image is built on, from os-release(5).

use palisade_types::ImageFile;

use crate::ecosystems::is_short;
use palisade_bom::inventory::{Component, Found, Kind, Place};

/// Where os-release(5) lives; the first that exists counts.
pub(crate) const PATHS: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];
/// The most bytes of an os-release file we read.
pub(crate) const MAX_BYTES: u64 = 64 << 10;

/// A distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distro {
    /// `ID`: `debian`.
    pub id: String,
    /// `VERSION_ID`: `12`. Rolling releases have none.
    pub version: Option<String>,
}

impl Distro {
    /// The value of the `distro` qualifier: `debian-12`.
    pub fn qualifier(&self) -> String {
        match &self.version {
            Some(version) => format!("{}-{version}", self.id),
            None => self.id.clone(),
        }
    }
}

/// The image's distribution, its component, and a gap if the file that names it is broken.
pub(crate) fn find(files: &[ImageFile]) -> (Option<Distro>, Found) {
    let mut found = Found::default();
    let file = PATHS
        .iter()
        .find_map(|path| files.iter().find(|file| file.path == *path));
    let Some(file) = file else {
        return (None, found);
    };
    match parse(&file.bytes) {
        Ok(distro) => {
            let place = Place {
                path: file.path.clone(),
                layer: file.layer.clone(),
            };
            let version = distro.version.as_deref().unwrap_or_default();
            let mut component = Component::new(Kind::OperatingSystem, &distro.id, version, place);
            component.top_level = true;
            found.components.push(component);
            (Some(distro), found)
        }
        Err(reason) => {
            found.gap(&file.path, reason);
            (None, found)
        }
    }
}

/// Reads an os-release file.
pub fn parse(bytes: &[u8]) -> Result<Distro, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
    let value = |key: &str| {
        // os-release(5): later assignments win, as in a shell.
        text.lines().rev().find_map(|line| {
            let (name, value) = line.trim().split_once('=')?;
            (name == key).then(|| unquote(value))
        })
    };
    let id = value("ID").ok_or("has no `ID`")?;
    // os-release(5), ID and VERSION_ID: "a-z, 0-9, `.`, `_` and `-`".
    let word = |text: &str| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        !text.is_empty() && is_short(text) && text.bytes().all(allowed)
    };
    if !word(&id) {
        return Err("has an `ID` that is not a lower-case word");
    }
    let version = value("VERSION_ID").filter(|version| !version.is_empty());
    if version.as_deref().is_some_and(|version| !word(version)) {
        return Err("has a `VERSION_ID` that is not a lower-case word");
    }
    Ok(Distro { id, version })
}

/// Takes off the quotes of a shell assignment and the backslashes inside double quotes.
fn unquote(value: &str) -> String {
    let inside = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(single) = inside('\'') {
        return single.to_owned();
    }
    let mut text = String::new();
    let mut escaped = false;
    for c in inside('"').unwrap_or(value).chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            text.push(c);
            escaped = false;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_comments_are_the_shell_s() {
        let text = b"# ID=no\nID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME='Debian \"12\"'\n";
        assert_eq!(
            parse(text).map(|distro| distro.qualifier()),
            Ok("debian-12".to_owned())
        );
        assert_eq!(
            parse(b"ID='debian'").map(|distro| distro.qualifier()),
            Ok("debian".to_owned())
        );
    }

    #[test]
    fn an_id_that_is_no_word_is_refused() {
        for bad in [
            &b""[..],
            b"ID=",
            b"ID=De bian",
            b"NAME=debian",
            b"ID=\xff",
            b"ID=a\nVERSION_ID=1/2",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _any = parse(&bytes);
        }
    }
}
