//! Where an image is: on a registry, in an OCI image layout, or in a tar file of one.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use palisade_types::{Digest, ImageRef, ParseReferenceError, PinnedRef};

/// Where an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A tar file that holds an OCI image layout: `oci-archive:FILE[:TAG|@DIGEST]`.
    Archive {
        /// The tar file.
        file: PathBuf,
        /// Which image inside; without it there must be exactly one.
        tag_or_digest: Option<String>,
    },
    /// A folder that holds an OCI image layout: `oci:DIR[:TAG|@DIGEST]`.
    Layout {
        /// The folder.
        dir: PathBuf,
        /// Which image inside; without it there must be exactly one.
        tag_or_digest: Option<String>,
    },
    /// A registry.
    Registry(ImageRef),
}

/// Why a text is no location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseLocationError {
    /// Nothing stands after `oci:` or `oci-archive:`.
    #[error("`{0}` names no file or folder")]
    NoPath(String),
    /// It is not an image reference either.
    #[error(transparent)]
    Reference(#[from] ParseReferenceError),
}

impl FromStr for Location {
    type Err = ParseLocationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let local = |rest: &str| {
            let (path, tag_or_digest) = split_local(rest);
            if path.is_empty() {
                return Err(ParseLocationError::NoPath(text.to_owned()));
            }
            Ok((PathBuf::from(path), tag_or_digest))
        };
        if let Some(rest) = text.strip_prefix("oci:") {
            let (dir, tag_or_digest) = local(rest)?;
            Ok(Self::Layout { dir, tag_or_digest })
        } else if let Some(rest) = text.strip_prefix("oci-archive:") {
            let (file, tag_or_digest) = local(rest)?;
            Ok(Self::Archive {
                file,
                tag_or_digest,
            })
        } else {
            Ok(Self::Registry(text.parse()?))
        }
    }
}

/// A digest after `@`, else a tag after the last colon that no slash follows.
fn split_local(rest: &str) -> (&str, Option<String>) {
    if let Some((path, digest)) = rest.rsplit_once('@')
        && digest.parse::<Digest>().is_ok()
    {
        return (path, Some(digest.to_owned()));
    }
    match rest.rsplit_once(':') {
        Some((path, tag)) if !tag.is_empty() && !tag.contains('/') => (path, Some(tag.to_owned())),
        _ => (rest, None),
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path, tag_or_digest) = match self {
            Self::Registry(image) => return write!(f, "{image}"),
            Self::Layout { dir, tag_or_digest } => ("oci", dir, tag_or_digest),
            Self::Archive {
                file,
                tag_or_digest,
            } => ("oci-archive", file, tag_or_digest),
        };
        write!(f, "{scheme}:{}", path.display())?;
        match tag_or_digest {
            Some(digest) if digest.contains(':') => write!(f, "@{digest}"),
            Some(tag) => write!(f, ":{tag}"),
            None => Ok(()),
        }
    }
}

impl From<ImageRef> for Location {
    fn from(image: ImageRef) -> Self {
        Self::Registry(image)
    }
}

impl From<&ImageRef> for Location {
    fn from(image: &ImageRef) -> Self {
        Self::Registry(image.clone())
    }
}

impl From<&PinnedRef> for Location {
    fn from(image: &PinnedRef) -> Self {
        let text = image.to_string();
        Self::Registry(text.parse().expect("a pinned reference prints as one"))
    }
}

impl From<&Location> for Location {
    fn from(location: &Location) -> Self {
        location.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_read_as_they_print() {
        let digest = Digest::sha256_of(b"x");
        for text in [
            "oci:out/app".to_owned(),
            "oci:out/app:v1".to_owned(),
            format!("oci:out/app@{digest}"),
            "oci-archive:/tmp/app.tar".to_owned(),
            "oci-archive:/tmp/app.tar:v1".to_owned(),
            "ghcr.io/acme/app:1".to_owned(),
        ] {
            assert_eq!(text.parse::<Location>().expect(&text).to_string(), text);
        }
    }

    #[test]
    fn a_colon_inside_a_folder_name_is_no_tag() {
        let location: Location = "oci:a:b/c".parse().expect("valid");
        let Location::Layout { dir, tag_or_digest } = location else {
            panic!("not a layout")
        };
        assert_eq!((dir, tag_or_digest), (PathBuf::from("a:b/c"), None));
    }

    #[test]
    fn nothing_after_the_scheme_is_refused() {
        assert!("oci:".parse::<Location>().is_err());
        assert!("oci-archive:".parse::<Location>().is_err());
        assert!("".parse::<Location>().is_err());
    }
}
