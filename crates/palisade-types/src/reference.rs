//! Image references: what people type, and the only form anything is decided about.

use std::fmt;
use std::str::FromStr;

use crate::digest::{Digest, ParseDigestError};

/// The longest repository name the distribution specification's clients accept (host included).
const MAX_NAME: usize = 255;
/// The longest tag (OCI distribution specification 1.1, *Pulling manifests*).
const MAX_TAG: usize = 128;
/// The registry a name without a host means, as Docker's clients write it.
const DEFAULT_REGISTRY: &str = "docker.io";

/// A repository on a registry, for example `ghcr.io/acme/app`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    registry: String,
    path: String,
}

impl Repository {
    /// The host, with its port when one was given: `localhost:5000`, `docker.io`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The name on that host: `acme/app`, `library/nginx`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The reference that names this digest in this repository.
    pub fn pin(&self, digest: Digest) -> PinnedRef {
        PinnedRef {
            repository: self.clone(),
            digest,
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

/// A reference as typed: it may carry a tag, a digest or both, and decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageRef {
    repository: Repository,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl ImageRef {
    /// The repository.
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag as typed.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The tag to ask the registry for: as typed, else `latest` when there is no digest either.
    pub fn tag_or_latest(&self) -> &str {
        self.tag.as_deref().unwrap_or("latest")
    }

    /// The digest as typed.
    pub const fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The pinned form, when a digest was typed. A tag beside it is dropped: the digest decides.
    pub fn pinned(&self) -> Option<PinnedRef> {
        self.digest
            .clone()
            .map(|digest| self.repository.pin(digest))
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// One image, named by content: `repository@digest`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PinnedRef {
    repository: Repository,
    digest: Digest,
}

impl PinnedRef {
    /// The repository.
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The digest.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The same repository at another digest.
    pub fn sibling(&self, digest: Digest) -> Self {
        self.repository.pin(digest)
    }
}

impl fmt::Display for PinnedRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.digest)
    }
}

impl From<PinnedRef> for ImageRef {
    fn from(pinned: PinnedRef) -> Self {
        Self {
            repository: pinned.repository,
            tag: None,
            digest: Some(pinned.digest),
        }
    }
}

/// Why a text is not an image reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseReferenceError {
    /// The digest after `@` is wrong.
    #[error("the digest of `{reference}` is wrong")]
    Digest {
        /// What was given.
        reference: String,
        /// What is wrong with it.
        source: ParseDigestError,
    },
    /// The name is empty or holds characters a repository may not have.
    #[error("`{reference}` is not an image reference: {what}")]
    Name {
        /// What was given.
        reference: String,
        /// The rule it breaks.
        what: &'static str,
    },
    /// A tag stands where a digest is needed.
    #[error("`{0}` does not name an image by digest")]
    NotPinned(String),
}

impl FromStr for ImageRef {
    type Err = ParseReferenceError;

    /// Reads `[HOST[:PORT]/]PATH[:TAG][@DIGEST]` (the grammar of Docker's reference package).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |what| ParseReferenceError::Name {
            reference: text.to_owned(),
            what,
        };
        let (rest, digest) = match text.split_once('@') {
            None => (text, None),
            Some((rest, digest)) => {
                let digest = digest
                    .parse()
                    .map_err(|source| ParseReferenceError::Digest {
                        reference: text.to_owned(),
                        source,
                    })?;
                (rest, Some(digest))
            }
        };
        let (name, tag) = split_tag(rest);
        if let Some(tag) = tag
            && !is_tag(tag)
        {
            return Err(wrong(
                "a tag is up to 128 of letters, digits, `_`, `.` and `-`",
            ));
        }
        if name.is_empty() {
            return Err(wrong("the name is empty"));
        }
        let repository = parse_repository(name).map_err(wrong)?;
        Ok(Self {
            repository,
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

impl FromStr for PinnedRef {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let image: ImageRef = text.parse()?;
        image
            .pinned()
            .ok_or_else(|| ParseReferenceError::NotPinned(text.to_owned()))
    }
}

impl FromStr for Repository {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let image: ImageRef = text.parse()?;
        if image.tag.is_some() || image.digest.is_some() {
            return Err(ParseReferenceError::Name {
                reference: text.to_owned(),
                what: "a repository has neither tag nor digest",
            });
        }
        Ok(image.repository)
    }
}

/// A colon after the last slash starts a tag; one before it belongs to the port.
fn split_tag(rest: &str) -> (&str, Option<&str>) {
    let last_segment = rest.rfind('/').map_or(0, |slash| slash + 1);
    match rest[last_segment..].find(':') {
        Some(colon) => {
            let at = last_segment + colon;
            // `localhost:5000` alone is a name and a tag, as it is for Docker.
            (&rest[..at], Some(&rest[at + 1..]))
        }
        None => (rest, None),
    }
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= MAX_TAG
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

fn parse_repository(name: &str) -> Result<Repository, &'static str> {
    let (registry, path) = match name.split_once('/') {
        Some((first, path)) if is_host(first) => (first.to_owned(), path.to_owned()),
        Some(_) => (DEFAULT_REGISTRY.to_owned(), name.to_owned()),
        None => (DEFAULT_REGISTRY.to_owned(), format!("library/{name}")),
    };
    // Docker's historical spelling of its own registry.
    let registry = if registry == "index.docker.io" {
        DEFAULT_REGISTRY.to_owned()
    } else {
        registry
    };
    check_host(&registry)?;
    // As it prints, so that what was read is read again.
    if registry.len() + 1 + path.len() > MAX_NAME {
        return Err("the name is longer than 255 characters");
    }
    if !path.split('/').all(is_path_component) {
        return Err("a path is lower-case letters and digits, separated by `/`, `.`, `_` or `-`");
    }
    Ok(Repository { registry, path })
}

/// The first component is a host when it could not be a path component of Docker Hub.
fn is_host(first: &str) -> bool {
    first == "localhost"
        || first.contains(['.', ':', '['])
        || first.bytes().any(|b| b.is_ascii_uppercase())
}

fn check_host(registry: &str) -> Result<(), &'static str> {
    let (host, port) = if let Some(rest) = registry.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or("the host's `[` is not closed")?;
        if address.parse::<std::net::Ipv6Addr>().is_err() {
            return Err("the host in brackets is not an IPv6 address");
        }
        (
            "v6",
            after
                .strip_prefix(':')
                .or(if after.is_empty() { None } else { Some("x") }),
        )
    } else {
        match registry.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (registry, None),
        }
    };
    let is_port =
        |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    if port.is_some_and(|port| !is_port(port)) {
        return Err("the port is not a number up to 65535");
    }
    let label = |l: &str| {
        !l.is_empty()
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if host.split('.').all(label) {
        Ok(())
    } else {
        Err("the host holds characters a host may not have")
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` (OCI distribution specification 1.1, *Pulling manifests*).
fn is_path_component(component: &str) -> bool {
    let alnum = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let edges = bytes.first().is_some_and(|b| alnum(*b)) && bytes.last().is_some_and(|b| alnum(*b));
    edges
        && bytes
            .iter()
            .all(|b| alnum(*b) || matches!(b, b'.' | b'_' | b'-'))
        && component
            .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            .all(|separator| {
                matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-')
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_long_as_it_prints() {
        let added = "docker.io/library/".len();
        let longest: ImageRef = "a"
            .repeat(MAX_NAME - added)
            .parse()
            .expect("as long as may be");
        assert_eq!(longest.to_string().len(), MAX_NAME);
        assert_eq!(longest.to_string().parse(), Ok(longest));
        assert!(
            "a".repeat(MAX_NAME - added + 1)
                .parse::<ImageRef>()
                .is_err()
        );
    }

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn parts(text: &str) -> (String, String, Option<String>) {
        let image: ImageRef = text.parse().expect(text);
        let repository = image.repository();
        (
            repository.registry().to_owned(),
            repository.path().to_owned(),
            image.tag().map(str::to_owned),
        )
    }

    fn strings(registry: &str, path: &str, tag: Option<&str>) -> (String, String, Option<String>) {
        (registry.to_owned(), path.to_owned(), tag.map(str::to_owned))
    }

    #[test]
    fn short_names_mean_docker_hub() {
        assert_eq!(parts("nginx"), strings("docker.io", "library/nginx", None));
        assert_eq!(
            parts("acme/app:1"),
            strings("docker.io", "acme/app", Some("1"))
        );
        assert_eq!(
            parts("index.docker.io/acme/app"),
            strings("docker.io", "acme/app", None)
        );
    }

    #[test]
    fn a_colon_before_the_last_slash_is_a_port() {
        assert_eq!(
            parts("localhost:5000/a/b"),
            strings("localhost:5000", "a/b", None)
        );
        assert_eq!(
            parts("localhost:5000/a:b"),
            strings("localhost:5000", "a", Some("b"))
        );
        assert_eq!(parts("[::1]:5000/a"), strings("[::1]:5000", "a", None));
    }

    #[test]
    fn a_digest_pins_and_the_tag_beside_it_decides_nothing() {
        let image: ImageRef = format!("ghcr.io/acme/app:1@{DIGEST}")
            .parse()
            .expect("valid");
        let pinned = image.pinned().expect("has a digest");
        assert_eq!(pinned.to_string(), format!("ghcr.io/acme/app@{DIGEST}"));
    }

    #[test]
    fn a_tag_is_not_a_pinned_reference() {
        let error = "ghcr.io/acme/app:1".parse::<PinnedRef>();
        assert_eq!(
            error,
            Err(ParseReferenceError::NotPinned(
                "ghcr.io/acme/app:1".to_owned()
            ))
        );
    }

    #[test]
    fn paths_that_climb_shout_or_double_a_separator_are_refused() {
        for bad in [
            "",
            ":1",
            "ghcr.io/",
            "ghcr.io/../etc",
            "ghcr.io/a//b",
            "ghcr.io/A",
            "ghcr.io/a..b",
            "ghcr.io/a___b",
            "ghcr.io/a-",
            "ghcr.io/a:b:c",
            "ghcr.io/a b",
            "gh cr.io/a",
            "ghcr.io:99999/a",
            "ghcr.io:+443/a",
            "[::1/a",
            "[zz]:1/a",
            "[::1]x/a",
            "ghcr.io/a@sha256:00",
            "ghcr.io/a:.x",
            "https://ghcr.io/a",
        ] {
            assert!(bad.parse::<ImageRef>().is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_what_parses_prints_back(text in "\\PC{0,80}") {
            if let Ok(image) = text.parse::<ImageRef>() {
                proptest::prop_assert_eq!(image.to_string().parse(), Ok(image));
            }
        }
    }
}
