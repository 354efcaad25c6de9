//! Licences of Debian packages: the machine-readable form of `usr/share/doc/*/copyright`
//! (*Machine-readable debian/copyright file*, version 1.0).

use std::collections::BTreeSet;

use super::deb822::paragraphs;

/// The most bytes of one copyright file we read.
pub(super) const MAX_BYTES: u64 = 8 << 20;

/// The package that a path is the copyright file of.
pub(super) fn package(path: &str) -> Option<&str> {
    let name = path
        .strip_prefix("usr/share/doc/")?
        .strip_suffix("/copyright")?;
    (!name.contains('/')).then_some(name)
}

/// The licences that a copyright file declares for the package's files, in its own short names.
/// A file in free text declares none that we can read.
pub(super) fn licenses(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut all = paragraphs(&text).filter_map(Result::ok);
    let format = all.next().and_then(|header| header.get("Format"));
    // Version 1.0, *Header paragraph*: `Format` is required, and its URI names the version.
    if !format.is_some_and(|format| format.contains("copyright-format/1.0")) {
        return Vec::new();
    }
    // A paragraph without `Files` holds a licence's text, not a declaration.
    let of_files = all.filter(|paragraph| paragraph.get("Files").is_some());
    let names = of_files.filter_map(|paragraph| paragraph.get("License")?.lines().next());
    let unique: BTreeSet<&str> = names
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    unique.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n\
        Files: *\nCopyright: x\nLicense: GPL-2+ or MIT\n\nFiles: debian/*\nLicense: Expat\n text\n\n\
        License: GPL-2+\n text\n";

    #[test]
    fn what_is_declared_for_files_is_listed_and_texts_are_not() {
        assert_eq!(licenses(TEXT.as_bytes()), ["Expat", "GPL-2+ or MIT"]);
    }

    #[test]
    fn free_text_declares_nothing() {
        assert_eq!(
            licenses(TEXT.replace("Format", "Subject").as_bytes()),
            Vec::<String>::new()
        );
        assert_eq!(licenses(b"License: MIT\n"), Vec::<String>::new());
    }

    #[test]
    fn only_a_package_s_own_copyright_file_counts() {
        assert_eq!(package("usr/share/doc/bash/copyright"), Some("bash"));
        assert_eq!(package("usr/share/doc/bash/more/copyright"), None);
        assert_eq!(package("usr/share/doc/copyright"), None);
    }
}
