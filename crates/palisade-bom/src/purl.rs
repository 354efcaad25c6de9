//! Package URLs (ECMA-427, purl-spec 1.0.1) in canonical form, for the types we list.

use std::fmt;
use std::fmt::Write as _;

use palisade_types::PinnedRef;

/// The registry that an image read from a folder or tar file is given, since it has none
/// (see `palisade_oci::Client::resolve_at`).
const NO_REGISTRY: &str = "oci-layout.invalid";

/// A package URL. Only the constructors of this module make one, so it is always canonical.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl(String);

impl Purl {
    /// A crate. Without qualifiers this names the crate of crates.io.
    pub fn cargo(name: &str, version: &str, qualifiers: &[(&str, &str)]) -> Self {
        Self::build("cargo", None, name, version, qualifiers)
    }

    /// An Alpine-style package; `vendor` is the distribution's id.
    pub fn apk(vendor: &str, name: &str, version: &str, qualifiers: &[(&str, &str)]) -> Self {
        let (vendor, name) = (vendor.to_ascii_lowercase(), name.to_ascii_lowercase());
        Self::build("apk", Some(&vendor), &name, version, qualifiers)
    }

    /// A package of npm: `name`, or `@scope/name`. Old names have capitals, and mean others than
    /// the same in lower case.
    pub fn npm(name: &str, version: &str) -> Self {
        match name.split_once('/') {
            Some((scope, name)) => Self::build("npm", Some(scope), name, version, &[]),
            None => Self::build("npm", None, name, version, &[]),
        }
    }

    /// A Python distribution (purl-spec, `pypi`: lower case, `_` is `-`).
    pub fn pypi(name: &str, version: &str, qualifiers: &[(&str, &str)]) -> Self {
        let name = name.to_ascii_lowercase().replace('_', "-");
        Self::build("pypi", None, &name, version, qualifiers)
    }

    /// A Go module by its path, in lower case (purl-spec, `golang`).
    pub fn golang(path: &str, version: &str) -> Self {
        let path = path.to_ascii_lowercase();
        match path.rsplit_once('/') {
            Some((namespace, name)) => Self::build("golang", Some(namespace), name, version, &[]),
            None => Self::build("golang", None, &path, version, &[]),
        }
    }

    /// A Debian-style binary package. The epoch stays in the version (purl-spec, `deb`).
    pub fn deb(vendor: &str, name: &str, version: &str, qualifiers: &[(&str, &str)]) -> Self {
        let (vendor, name) = (vendor.to_ascii_lowercase(), name.to_ascii_lowercase());
        Self::build("deb", Some(&vendor), &name, version, qualifiers)
    }

    /// An image by digest (purl-spec, `oci`: the name is the last part of the repository).
    pub fn oci(image: &PinnedRef, architecture: &str) -> Self {
        let repository = image.repository();
        let name = repository.path().rsplit('/').next().unwrap_or_default();
        let url = if repository.registry() == NO_REGISTRY {
            String::new()
        } else {
            repository.to_string()
        };
        Self::build(
            "oci",
            None,
            &name.to_ascii_lowercase(),
            &image.digest().to_string(),
            &[("arch", architecture), ("repository_url", &url)],
        )
    }

    /// Qualifiers are sorted by key, and left out when empty (purl-spec, *Rules for qualifiers*).
    fn build(
        kind: &str,
        namespace: Option<&str>,
        name: &str,
        version: &str,
        qualifiers: &[(&str, &str)],
    ) -> Self {
        let mut text = format!("pkg:{kind}/");
        if let Some(namespace) = namespace {
            for segment in namespace.split('/') {
                encode(&mut text, segment);
                text.push('/');
            }
        }
        encode(&mut text, name);
        if !version.is_empty() {
            text.push('@');
            encode(&mut text, version);
        }
        let mut qualifiers: Vec<_> = qualifiers
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        qualifiers.sort_unstable();
        for (index, (key, value)) in qualifiers.into_iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            text.push_str(key);
            text.push('=');
            encode(&mut text, value);
        }
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Percent-encodes everything but unreserved characters and the colon (purl-spec, *Character
/// encoding*: "the colon, whether used as a separator or otherwise, must not be encoded").
fn encode(to: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':') {
            to.push(char::from(byte));
        } else {
            write!(to, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debian_version_keeps_its_epoch_and_encodes_its_plus() {
        let purl = Purl::deb(
            "debian",
            "libstdc++6",
            "1:2.3~rc1-4+b1",
            &[("distro", "debian-12"), ("arch", "amd64")],
        );
        assert_eq!(
            purl.as_str(),
            "pkg:deb/debian/libstdc%2B%2B6@1:2.3~rc1-4%2Bb1?arch=amd64&distro=debian-12"
        );
    }

    #[test]
    fn a_scope_and_a_module_path_are_namespaces() {
        assert_eq!(
            Purl::npm("@babel/code-frame", "7.22.5").as_str(),
            "pkg:npm/%40babel/code-frame@7.22.5"
        );
        assert_eq!(
            Purl::golang("github.com/Masterminds/semver/v3", "v3.2.1").as_str(),
            "pkg:golang/github.com/masterminds/semver/v3@v3.2.1"
        );
        assert_eq!(
            Purl::pypi("Charset_Normalizer", "3.3.2", &[]).as_str(),
            "pkg:pypi/charset-normalizer@3.3.2"
        );
    }

    #[test]
    fn an_empty_qualifier_is_left_out() {
        assert_eq!(
            Purl::cargo("a", "1", &[("vcs_url", "")]).as_str(),
            "pkg:cargo/a@1"
        );
    }

    #[test]
    fn an_image_without_a_registry_claims_none() {
        let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let image = |repository: &str| format!("{repository}@{digest}").parse().expect("valid");
        assert_eq!(
            Purl::oci(&image("ghcr.io/acme/app"), "amd64").as_str(),
            format!("pkg:oci/app@{digest}?arch=amd64&repository_url=ghcr.io%2Facme%2Fapp")
        );
        assert_eq!(
            Purl::oci(&image("oci-layout.invalid/image"), "amd64").as_str(),
            format!("pkg:oci/image@{digest}?arch=amd64")
        );
    }
}
