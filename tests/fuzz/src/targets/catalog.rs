//! Package data in an image: whatever `palisade_catalog` wants to read.

use palisade_catalog::{Wanted, catalog};
use palisade_types::{Digest, Entry, ImageFile};

use crate::Target;
use crate::files::read;

pub(super) const TARGETS: &[Target] = &[Target {
    name: "catalog",
    parser: "catalog: os-release, dpkg status and copyright, apk, Cargo.lock, Go and Rust binaries, npm, Python",
    holds: "the order of the files does not matter; every edge joins two components; what is wanted has a limit",
    run,
    seeds: || {
        let cargo = "version = 3\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\"b\"]\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"00\"\n";
        let mut status = read("fixtures/sbom/dpkg/status");
        status.truncate(6_000);
        let copyright = b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nCopyright: x\nLicense: MIT\n text\n";
        let mut installed = read("fixtures/sbom/apk/installed");
        installed.truncate(6_000);
        let python = b"Metadata-Version: 2.1\nName: a\nVersion: 1\nRequires-Dist: b[c]>=1; python_version < '3.9' and (extra == 'd' or os_name == 'nt')\n\ntext";
        let npm = br#"{"name":"a","version":"1.0.0","license":"MIT","dependencies":{"b":"1"},"peerDependencies":{"c":"*"},"peerDependenciesMeta":{"c":{"optional":true}}}"#;
        let files: [(u8, &[u8]); 9] = [
            (0, &read("fixtures/sbom/dpkg/os-release")),
            (1, &status),
            (2, cargo.as_bytes()),
            (3, copyright),
            (4, b"\x7fELF\x02\x01\x01"),
            (6, &installed),
            (7, python),
            (8, python),
            (9, npm),
        ];
        files
            .map(|(kind, bytes)| [&[kind], bytes].concat())
            .to_vec()
    },
}];

/// The places where the readers look; the first byte of the input names one.
const PLACES: &[&str] = &[
    "etc/os-release",
    "var/lib/dpkg/status",
    "app/Cargo.lock",
    "usr/share/doc/a/copyright",
    "usr/bin/app",
    "var/lib/dpkg/status.d/base",
    "lib/apk/db/installed",
    "usr/lib/python3/dist-packages/a-1.dist-info/METADATA",
    "usr/lib/python3/dist-packages/b-1.egg-info",
    "app/node_modules/a/package.json",
];

fn run(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else {
        return;
    };
    let path = PLACES[usize::from(*first) % PLACES.len()];
    let file = |path: &str, bytes: &[u8]| ImageFile {
        path: path.to_owned(),
        mode: 0o755,
        layer: Digest::sha256_of(b"layer"),
        bytes: bytes.to_vec(),
    };
    let entry = Entry {
        path,
        mode: 0o755,
        size: bytes.len() as u64,
        head: &bytes[..bytes.len().min(16)],
    };
    let limit = Wanted::default().limit(&entry);
    assert!(limit.is_none_or(|limit| limit >= bytes.len() as u64));
    let mut files = vec![
        file(path, bytes),
        file("etc/os-release", b"ID=debian\nVERSION_ID=\"13\"\n"),
        file(
            "var/lib/dpkg/status",
            b"Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n",
        ),
    ];
    files.truncate(if path == "etc/os-release" { 1 } else { 3 });
    let Ok(inventory) = catalog(files.clone()) else {
        return;
    };
    for (from, to) in &inventory.depends_on {
        assert!(inventory.components.contains_key(from), "{from}");
        assert!(
            to.iter().all(|to| inventory.components.contains_key(to)),
            "{to:?}"
        );
    }
    for (reference, component) in &inventory.components {
        assert_eq!(*reference, component.reference());
        assert!(!component.name.is_empty(), "{component:?}");
    }
    assert!(inventory.gaps.is_sorted());
    if path != "var/lib/dpkg/status" {
        files.reverse();
        let reversed = catalog(files).expect("the same files");
        assert_eq!(reversed.components, inventory.components);
        assert_eq!(reversed.depends_on, inventory.depends_on);
        assert_eq!(reversed.gaps, inventory.gaps);
    }
}
